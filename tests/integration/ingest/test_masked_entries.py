"""What is sensitive is masked at every way in, by the rules that people set, and nobody is told it back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from ingesting import Stored
from starlette.testclient import TestClient

from functions.http import Parts
from functions.triggers.submitting import submit_all
from oddline.database import Database
from oddline.errors import Undecipherable
from oddline.metrics import Metrics
from oddline.redaction import set_masking, store
from oddline.settings import Side
from oddline.submissions import Part, storable_entry

Databases = Callable[[Side], Database]
SECRET = "password=hunter2"
MARKED = "password=<masked:password>"


@pytest.mark.parametrize("path", ["/api/v1/logs", "/api/logs/"])
def test_a_single_entry_is_stored_and_told_back_masked(
    client: TestClient, stored: Callable[[], list[Stored]], path: str
) -> None:
    answer = client.post(path, json={"message": SECRET, "attributes": {"api_key": 7}})

    [one] = stored()
    assert answer.status_code == 202
    assert answer.json()["message"] == MARKED
    assert (one.columns.messages, one.columns.attributes) == ([MARKED], ['{"api_key":"<masked:password>"}'])


@pytest.mark.parametrize("path", ["/api/v1/logs/batch", "/api/batch-analysis/"])
def test_a_batch_is_stored_masked_and_its_faults_quote_no_secret(
    client: TestClient, stored: Callable[[], list[Stored]], path: str
) -> None:
    entries = [{"message": SECRET}, {"message": "x", "timestamp": SECRET}]

    answer = client.post(path, json={"log_entries": entries})

    [one] = stored()
    assert one.columns.messages == [MARKED]
    assert "hunter2" not in answer.text
    assert answer.json()["refused"][0]["code"] == "format"


def test_what_a_trigger_brings_is_masked(parts: Parts, project: UUID, stored: Callable[[], list[Stored]]) -> None:
    parts = replace(parts, settings=parts.settings.model_copy(update={"trigger_project": "first"}))

    submit_all(parts, [Part(name="group", entries=[storable_entry(SECRET, source="s", attributes={})])])

    assert [one.columns.messages for one in stored()] == [[MARKED]]


def test_rules_of_a_source_count_within_seconds_and_for_their_project_alone(
    client: TestClient,
    parts: Parts,
    db: Databases,
    project: UUID,
    other_project: UUID,
    make_key: Callable[..., Any],
    stored: Callable[[], list[Stored]],
) -> None:
    item = {"message": "a@b.example", "source": "shop"}
    client.post("/api/v1/logs", json=item)
    with db("console").transaction(project=project) as tx:
        set_masking(tx, project, source="shop", on=["email"], off=[], own=[], changed_by="key:1", now=parts.clock())
    parts.rule_book._stopwatch = lambda: float("inf")

    client.post("/api/v1/logs", json=item)
    client.post("/api/v1/logs", json=item | {"source": "other"})
    client.headers["Authorization"] = f"Bearer {make_key(project=other_project).key}"
    client.post("/api/v1/logs", json=item)

    messages = [one.columns.messages[0] for one in stored()]
    assert messages == ["a@b.example", "<masked:email>", "a@b.example", "a@b.example"]


def test_the_rules_are_read_once_in_some_seconds(client: TestClient, parts: Parts, monkeypatch: Any) -> None:
    asked: list[UUID] = []
    read = store.read_rules
    monkeypatch.setattr(store, "read_rules", lambda tx, project: asked.append(project) or read(tx, project))

    for _ in range(3):
        client.post("/api/v1/logs", json={"message": "x"})

    assert len(asked) == 1


def test_where_values_are_erased_and_cannot_be_read_nothing_is_taken(
    client: TestClient, db: Databases, project: UUID, stored: Callable[[], list[Stored]]
) -> None:
    with db("worker").transaction() as tx:
        tx.execute(
            "INSERT INTO erasures (project_id, id, secret, ignore_case, reason, requested_by, requested_at, task_id)"
            " VALUES (%s, gen_random_uuid(), 'x', true, '', '', now(), gen_random_uuid())",
            [project],
        )

    answer = client.post("/api/v1/logs", json={"message": "x"})

    assert (answer.status_code, answer.json()["code"]) == (500, Undecipherable.code)
    assert stored() == []


def test_it_is_counted_what_was_masked(
    client: TestClient, parts: Parts, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(parts, "metrics", Metrics("Test"))

    client.post("/api/v1/logs/batch", json=[{"message": f"{SECRET} {SECRET}"}, {"message": "x"}])

    told = [orjson.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [(line["Accepted"], line["Masked"]) for line in told] == [(2, 2)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT reason FROM erasures",
        "SELECT changed_by FROM masking_rules",
        "DELETE FROM masking_rules",
        "UPDATE erasures SET secret = ''",
        "INSERT INTO masking_rules VALUES (gen_random_uuid(), '', '{}', '{}', '[]', '', now())",
    ],
)
def test_what_takes_logs_may_read_the_rules_and_nothing_else(db: Databases, project: UUID, statement: str) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        db("ingest").transaction(project=project) as tx,
    ):
        tx.execute(statement)
