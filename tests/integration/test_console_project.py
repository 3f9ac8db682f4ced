"""A project's settings as its callers see and set them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.identity import Scope

PATH = "/api/v1/project"
SETTINGS = {
    "mail_recipients": ["oncall@example.org", "a+b@localhost"],
    "mail_minimum_score": 0.9,
    "retention_days": 7,
    "alarms_per_day": 2.5,
}
DEFAULTS = {"mail_recipients": [], "mail_minimum_score": 0.0, "retention_days": 30, "alarms_per_day": None}
WRONG = [
    ('{"mail_recipients": ["nobody"]}', "mail_recipients.0"),
    ('{"mail_recipients": ["a@example.org\\r\\nBcc: b@example.org"]}', "mail_recipients.0"),
    ('{"mail_recipients": ["\\ud800@example.org"]}', "body"),
    (json.dumps({"mail_recipients": ["a@example.org"] * 51}), "mail_recipients"),
    ('{"mail_recipients": "a@example.org"}', "mail_recipients"),
    ('{"mail_recipients": null}', "mail_recipients"),
    ('{"mail_minimum_score": 1.01}', "mail_minimum_score"),
    ('{"mail_minimum_score": -0.1}', "mail_minimum_score"),
    ('{"mail_minimum_score": NaN}', "mail_minimum_score"),
    ('{"retention_days": 0}', "retention_days"),
    ('{"retention_days": 3651}', "retention_days"),
    ('{"retention_days": 1.5}', "retention_days"),
    ('{"retention_days": true}', "retention_days"),
    ('{"alarms_per_day": 0}', "alarms_per_day"),
    ('{"alarms_per_day": 101}', "alarms_per_day"),
    ('{"retention": 1}', "retention"),
    ("", "body"),
    ("[]", "body"),
    ("{", "body"),
    ('{"retention_days": ' + "[" * 10_000, "body"),
]


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def settings_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {name: answer.json()[name] for name in SETTINGS}


def test_a_new_project_mails_nobody_and_keeps_30_days(client: TestClient, project: UUID) -> None:
    answer = client.get(PATH)

    assert settings_of(answer) == DEFAULTS
    assert (answer.json()["id"], answer.json()["name"]) == (str(project), "first")


def test_what_was_set_is_told(client: TestClient) -> None:
    answer = client.put(PATH, json=SETTINGS)

    assert settings_of(answer) == SETTINGS
    assert settings_of(client.get(PATH)) == SETTINGS


def test_what_is_left_out_stays(client: TestClient) -> None:
    for name, default in DEFAULTS.items():
        client.put(PATH, json=SETTINGS)

        answer = client.put(PATH, json={name: default})

        assert settings_of(answer) == SETTINGS | {name: default}


def test_another_project_keeps_its_settings(db: Databases, client: TestClient, other_project: UUID) -> None:
    client.put(PATH, json=SETTINGS)

    assert settings_of(client.get(PATH, headers=key_of(db, other_project))) == DEFAULTS


def test_what_does_not_fit_is_refused_by_its_field(client: TestClient) -> None:
    answers = [client.put(PATH, content=body) for body, _ in WRONG]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", field) for _, field in WRONG]
    assert settings_of(client.get(PATH)) == DEFAULTS


def test_nothing_is_set_when_one_of_several_does_not_fit(client: TestClient) -> None:
    answer = client.put(PATH, json=SETTINGS | {"retention_days": 0, "mail_minimum_score": 2})

    assert [fault["field"] for fault in answer.json()["errors"]] == ["mail_minimum_score", "retention_days"]
    assert settings_of(client.get(PATH)) == DEFAULTS


def test_invalid_utf_8_is_refused(client: TestClient) -> None:
    answer = client.put(PATH, content=b'{"mail_recipients": ["\xff@example.org"]}')

    assert refusal(answer)[:2] == (422, "invalid-parameter")


def test_a_key_that_only_reads_sets_nothing(db: Databases, client: TestClient, project: UUID) -> None:
    answer = client.put(PATH, json=SETTINGS, headers=key_of(db, project, Scope.READ))

    assert refusal(answer)[:2] == (403, "forbidden")
    assert settings_of(client.get(PATH)) == DEFAULTS
