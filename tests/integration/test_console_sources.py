"""A project's sources as its callers see them, and what they set for them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.identity import Scope
from oddline.patterns import ensure_sources

PATH = "/api/v1/sources"
WRONG_BODIES = [
    ('{"threshold": 1.5}', "threshold"),
    ('{"threshold": -0.5}', "threshold"),
    ('{"threshold": NaN}', "threshold"),
    ('{"threshold": "high"}', "threshold"),
    ('{"alarms_per_day": 0}', "alarms_per_day"),
    ('{"alarms_per_day": -5}', "alarms_per_day"),
    ('{"alarms_per_day": 100.5}', "alarms_per_day"),
    ('{"alarms_per_day": NaN}', "alarms_per_day"),
    ('{"alarms_per_day": "few"}', "alarms_per_day"),
    ('{"limit": 0.5}', "limit"),
    ("{}", "body"),
    ("0.5", "body"),
    ("", "body"),
]


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def make(db: Databases, project: UUID, *names: str) -> None:
    with db("worker").transaction() as tx:
        ensure_sources(tx, project, names=names, now=datetime.now(UTC))


def thresholds(client: TestClient, **parameters: Any) -> dict[str, float | None]:
    """Those of the sources of all pages, in their order."""
    listed: dict[str, float | None] = {}
    while True:
        answer = client.get(PATH, params=parameters)
        assert answer.status_code == 200, answer.text
        listed |= {source["name"]: source["threshold"] for source in answer.json()["sources"]}
        if "next" not in answer.json():
            return listed
        parameters["after"] = answer.json()["next"]


def test_a_new_project_has_no_sources(client: TestClient) -> None:
    assert client.get(PATH).json() == {"sources": []}


def test_sources_are_listed_by_name_page_by_page(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "cart", "billing", "api", "zoo")

    assert list(thresholds(client, limit=2)) == ["api", "billing", "cart", "zoo"]
    assert list(thresholds(client, limit=3)) == ["api", "billing", "cart", "zoo"]


def test_a_threshold_is_set_and_given_back(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "cart", "zoo")

    answer = client.put(f"{PATH}/cart", json={"threshold": 0.95})

    assert (answer.status_code, answer.json()["name"], answer.json()["threshold"]) == (200, "cart", 0.95)
    assert thresholds(client) == {"cart": 0.95, "zoo": None}
    assert client.put(f"{PATH}/cart", json={"threshold": None}).json()["threshold"] is None


def test_a_number_of_alarms_is_set_beside_a_threshold_and_each_is_given_back_alone(
    db: Databases, client: TestClient, project: UUID
) -> None:
    make(db, project, "cart")

    bodies = [{"alarms_per_day": 5}, {"threshold": 0.95}, {"alarms_per_day": None}, {"threshold": None}]
    answers = [client.put(f"{PATH}/cart", json=body).json() for body in bodies]

    assert [(answer["threshold"], answer["alarms_per_day"]) for answer in answers] == [
        (None, 5.0),
        (0.95, 5.0),
        (0.95, None),
        (None, None),
    ]


def test_a_source_that_was_never_scored_shows_what_will_hold(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "cart")

    [source] = client.get(PATH).json()["sources"]

    assert source["in_force"] == {"threshold": None, "from": "default", "alarms_per_day": 30.0}
    assert (source["alarms_today"], source["drift"]) == (0, None)


def test_a_project_s_number_holds_where_a_source_has_none(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "cart", "zoo")

    client.put("/api/v1/project", json={"alarms_per_day": 3})
    client.put(f"{PATH}/zoo", json={"alarms_per_day": 20})

    sources = client.get(PATH).json()["sources"]
    assert {one["name"]: one["in_force"]["alarms_per_day"] for one in sources} == {"cart": 3.0, "zoo": 20.0}


def test_a_name_may_hold_what_paths_use(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "eu/cart é?")

    answer = client.put(f"{PATH}/eu%2Fcart%20%C3%A9%3F", json={"threshold": 0.5})

    assert (answer.status_code, answer.json()["name"]) == (200, "eu/cart é?")


def test_another_project_s_source_is_not_found(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    make(db, other_project, "theirs")

    answer = client.put(f"{PATH}/theirs", json={"threshold": 0.5})

    assert refusal(answer)[:2] == (404, "not-found")
    assert thresholds(client) == {}


def test_what_does_not_fit_is_refused_by_its_field(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "cart")

    answers = [client.put(f"{PATH}/cart", content=body) for body, _ in WRONG_BODIES]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", field) for _, field in WRONG_BODIES]
    assert thresholds(client) == {"cart": None}


def test_a_wrong_name_is_refused(client: TestClient) -> None:
    answers = [client.put(f"{PATH}/{name}", json={"threshold": 0.5}) for name in ("a%00b", "x" * 201)]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", "name")] * 2


def test_a_wrong_parameter_is_named(client: TestClient) -> None:
    wrong = {"limit": ["0", "10001", "x"], "after": ["", "a\0b", "x" * 201]}

    for field, values in wrong.items():
        answers = [client.get(PATH, params={field: value}) for value in values]
        assert {refusal(answer) for answer in answers} == {(422, "invalid-parameter", field)}


def test_a_key_that_only_reads_sets_nothing(db: Databases, client: TestClient, project: UUID) -> None:
    make(db, project, "cart")

    answer = client.put(f"{PATH}/cart", json={"threshold": 0.5}, headers=key_of(db, project, Scope.READ))

    assert refusal(answer)[:2] == (403, "forbidden")
    assert thresholds(client) == {"cart": None}


def test_without_a_key_nothing_is_told(client: TestClient) -> None:
    del client.headers["Authorization"]

    answers = [client.get(PATH), client.put(f"{PATH}/cart", json={"threshold": 0.5})]

    assert {refusal(answer)[:2] for answer in answers} == {(401, "unauthenticated")}
