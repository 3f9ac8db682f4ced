"""Odd entries as a project's callers look at them, newest or oddest first."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from reading import Databases, client_with_key, key_of, refusal
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.chunks import build
from oddline.entries import insert_odd, odd_rows
from oddline.identity import Scope
from oddline.submissions import new_id

PATH = "/api/v1/anomalies"
EXPLANATION = {"tokens": [["refused", 1.5]], "nearest": None}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"order": "loudest"}, "order"),
    ({"from": "yesterday"}, "from"),
    ({"to": "2026-11-05"}, "to"),
    ({"from": "2026-11-05T08:00:00Z", "to": "2026-11-04T08:00:00Z"}, "to"),
    ({"minimum_score": "2"}, "minimum_score"),
    ({"minimum_score": "nan"}, "minimum_score"),
    ({"peaks": "perhaps"}, "peaks"),
    ({"source": "a\0b"}, "source.0"),
    ({"limit": "0"}, "limit"),
    ({"limit": "10001"}, "limit"),
    ({"after": "garbage"}, "after"),
    ({"after": "garbage", "order": "oddest"}, "after"),
    ({"after": "x" * 5_000}, "after"),
]


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may read."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.READ]
    ) as client:
        yield client


def put(db: Databases, project: UUID, entries: pl.DataFrame) -> None:
    chunks = build(entries, project=project, now=NOON, new_id=new_id)
    odd = odd_rows(entries, chunks=chunks, explain=lambda _: EXPLANATION)
    with db("worker").transaction() as tx:
        insert_odd(tx, odd, project=project)


def put_odd(db: Databases, project: UUID, scores: dict[str, float], **columns: Any) -> None:
    """An anomaly of a pattern of its own for each message."""
    put(
        db,
        project,
        scored_frame(
            len(scores),
            message=list(scores),
            score=list(scores.values()),
            threshold=0.5,
            is_anomaly=True,
            pattern_id=list(range(len(scores))),
            **columns,
        ),
    )


def messages(client: TestClient, **parameters: Any) -> list[str]:
    """The messages of all pages."""
    listed: list[str] = []
    while True:
        answer = client.get(PATH, params=parameters)
        assert answer.status_code == 200, answer.text
        listed += [entry["message"] for entry in answer.json()["anomalies"]]
        if "next" not in answer.json():
            return listed
        parameters["after"] = answer.json()["next"]


def test_without_odd_entries_the_list_is_empty(client: TestClient) -> None:
    assert client.get(PATH).json() == {"anomalies": []}


def test_an_odd_entry_is_told_with_its_explanation(db: Databases, client: TestClient, project: UUID) -> None:
    put_odd(db, project, {"refused": 0.97})

    (entry,) = client.get(PATH).json()["anomalies"]

    assert (entry["message"], entry["anomaly_score"], entry["is_anomaly"], entry["count"]) == ("refused", 0.97, True, 1)
    assert entry["explanation"] == EXPLANATION


def test_they_come_newest_or_oddest_first_page_by_page(db: Databases, client: TestClient, project: UUID) -> None:
    put_odd(db, project, {"a": 0.7, "b": 0.9, "c": 0.8, "d": 0.9, "e": 0.6})

    assert messages(client, limit=2) == ["e", "d", "c", "b", "a"]
    assert messages(client, limit=2, order="newest") == ["e", "d", "c", "b", "a"]
    assert messages(client, limit=2, order="oddest") == ["d", "b", "c", "a", "e"]


def test_they_are_filtered_by_time_source_and_score(db: Databases, client: TestClient, project: UUID) -> None:
    put_odd(db, project, {"a": 0.7, "b": 0.9, "c": 0.8}, source=["cart", "cart", "zoo"], source_id=[1, 1, 2])
    second, third = ((NOON + timedelta(seconds=seconds)).isoformat() for seconds in (1, 2))

    assert messages(client, **{"from": second, "to": third}) == ["b"]
    assert messages(client, source="cart") == ["b", "a"]
    assert messages(client, source=["cart", "zoo"], minimum_score=0.8) == ["c", "b"]
    assert messages(client, minimum_score=1e-310) == ["c", "b", "a"]  # too small for single precision: none


def test_the_peaks_of_hours_are_shown_where_asked_for(db: Databases, client: TestClient, project: UUID) -> None:
    put(db, project, scored_frame(3, message=["a", "b", "c"], score=[0.1, 0.3, 0.2]))

    assert messages(client) == []
    assert messages(client, peaks="true") == ["b"]


def test_a_page_that_lambda_would_not_let_through_is_cut(db: Databases, client: TestClient, project: UUID) -> None:
    large = {f"{number} " + "x" * 200_000: 0.9 for number in range(40)}
    put_odd(db, project, large)

    for order in ("newest", "oddest"):
        first = client.get(PATH, params={"limit": 1_000, "order": order})
        assert 1 < len(first.json()["anomalies"]) < 40
        assert len(first.content) < 6_000_000
        assert set(messages(client, limit=1_000, order=order)) == set(large)


def test_another_project_s_odd_entries_are_not_shown(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    put_odd(db, other_project, {"theirs": 0.9})
    put_odd(db, project, {"ours": 0.8})

    assert messages(client) == messages(client, order="oddest") == ["ours"]


def test_a_wrong_parameter_is_named(client: TestClient) -> None:
    answers = [client.get(PATH, params=parameters) for parameters, _ in WRONG]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", field) for _, field in WRONG]


def test_only_a_key_that_may_read_sees_them(db: Databases, client: TestClient, project: UUID) -> None:
    without = client.get(PATH, headers={"Authorization": ""})
    submitting = client.get(PATH, headers=key_of(db, project, Scope.INGEST))

    assert refusal(without)[:2] == (401, "unauthenticated")
    assert refusal(submitting)[:2] == (403, "forbidden")
