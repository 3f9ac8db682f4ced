"""What people set for masking, and ask for to be erased, over HTTP and by command."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_of, key_of, open_reading_parts, refusal
from starlette.testclient import TestClient
from typer.testing import CliRunner

from functions.console.app import router
from oddline.cli.app import app as command
from oddline.identity import Scope
from oddline.objects import FolderObjects
from oddline.redaction import open_values
from oddline.settings import Settings, load_settings

MASKING, ERASURES = "/api/v1/masking", "/api/v1/erasures"
KEYS = "a key that nobody can guess"
WANTED = {"values": ["Xaverine Quintilla"], "reason": "request 4711"}


@pytest.fixture
def client(
    request: pytest.FixtureRequest, db: Databases, redis_url: str, tmp_path: Path, project: UUID
) -> Iterator[TestClient]:
    """Of an administrator of the project `first`; parametrized, with the operator's project of this name."""
    given = {"encryption_keys": KEYS, "operator_project": getattr(request, "param", "")}
    with open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as opened:
        parts = replace(opened, settings=opened.settings.model_copy(update=given))
        with client_of(router, parts) as client:
            client.headers.update(key_of(db, project, Scope.ADMIN))
            yield client


def test_what_is_masked_is_shown_and_set_for_a_project_and_for_a_source(client: TestClient) -> None:
    at_first = client.get(MASKING).json()

    whole = client.put(MASKING, json={"on": ["email"], "own": [{"name": "staff", "expression": r"E-(\d+)"}]})
    source = client.put(MASKING, params={"source": "a/b"}, json={"off": ["card", "email"]})

    assert at_first["in_force"]["kinds"] == ["private_key", "jwt", "api_key", "bearer", "password", "card"]
    assert at_first["kinds"]["email"] is False
    assert whole.json()["in_force"] == {"kinds": [*at_first["in_force"]["kinds"], "email"], "own": ["staff"]}
    assert source.json()["in_force"] == {"kinds": at_first["in_force"]["kinds"][:-1], "own": ["staff"]}
    assert client.get(MASKING).json()["sources"] == ["a/b"]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"on": ["nothing"]}, "on.0"),
        ({"on": ["card"], "off": ["card"]}, "off"),
        ({"own": [{"name": "x1", "expression": "a"}]}, "own.0.name"),
        ({"own": [{"name": "email", "expression": "a"}]}, "own.0.name"),
        ({"own": [{"name": "x", "expression": "(a"}]}, "own.0.expression"),
        ({"own": [{"name": "x", "expression": "a*"}]}, "own.0.expression"),
        ({"own": [{"name": "x", "expression": r"(?=a)a"}]}, "own.0.expression"),
        ({"own": [{"name": "x", "expression": "((a{1000}){1000}){9}"}]}, "own.0.expression"),
        ({"own": [{"name": "x", "expression": "a"}] * 2}, "own"),
        ({"own": [{"name": "x", "expression": "a"}] * 21}, "own"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_by_their_field(
    client: TestClient, settings: dict[str, Any], field: str
) -> None:
    assert refusal(client.put(MASKING, json=settings)) == (422, "invalid-parameter", field)


def test_an_erasure_is_listed_and_started_and_its_values_are_told_to_nobody(
    client: TestClient, db: Databases, project: UUID
) -> None:
    answer = client.post(ERASURES, json=WANTED)

    asked = answer.json()
    [listed] = client.get(ERASURES).json()["erasures"]
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{ERASURES}/{asked['erasure_id']}"
    assert (listed["erasure_id"], listed["state"], listed["proof"]) == (asked["erasure_id"], "listed", None)
    assert client.get(answer.headers["Location"]).json() == listed
    assert client.get(f"/api/v1/tasks/{asked['task_id']}").json()["status"] == "PENDING"
    with db("worker").transaction() as tx:
        [(secret, everything)] = tx.execute("SELECT secret, e::text FROM erasures e").fetchall()
    cipher = Settings(_env_file=None, encryption_keys=KEYS).cipher()  # type: ignore[call-arg]
    assert open_values(secret, cipher) == ("Xaverine Quintilla",)
    assert "Xaverine" not in everything + answer.text + str(listed)


@pytest.mark.parametrize(
    ("client", "reach"), [("", "project"), ("second", "project"), ("first", "installation")], indirect=["client"]
)
@pytest.mark.usefixtures("other_project")
def test_what_belongs_to_no_project_is_reached_from_the_operators_project_alone(client: TestClient, reach: str) -> None:
    answer = client.post(ERASURES, json=WANTED)

    assert client.get(answer.headers["Location"]).json()["reach"] == reach


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"values": [], "reason": "r"}, "values"),
        ({"values": ["abc"], "reason": "r"}, "values.0"),
        ({"values": ["Xaverine"], "reason": "of xaverine"}, "reason"),
        ({"values": ["Xaverine"]}, "reason"),
    ],
)
def test_what_cannot_be_erased_is_refused_by_its_field(client: TestClient, body: dict[str, Any], field: str) -> None:
    assert refusal(client.post(ERASURES, json=body)) == (422, "invalid-parameter", field)


def test_erasing_and_masking_need_an_administrator(client: TestClient, db: Databases, project: UUID) -> None:
    client.headers.update(key_of(db, project, Scope.READ))

    answers = [client.post(ERASURES, json=WANTED), client.get(ERASURES), client.put(MASKING, json={})]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert client.get(MASKING).status_code == 200


def test_a_neighbour_sees_neither_rules_nor_erasures(client: TestClient, db: Databases, other_project: UUID) -> None:
    erasure = client.post(ERASURES, json=WANTED).json()["erasure_id"]
    client.put(MASKING, json={"on": ["email"]})

    client.headers.update(key_of(db, other_project, Scope.ADMIN))

    assert client.get(ERASURES).json() == {"erasures": []}
    assert client.get(f"{ERASURES}/{erasure}").status_code == 404
    assert client.get(MASKING).json()["on"] == []


def test_an_operator_erases_by_command_and_again_after_a_restore(
    db: Databases, database_urls: dict[str, str], project: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODDLINE_DATABASE_URL_WORKER", database_urls["worker"])
    monkeypatch.setenv("ODDLINE_ENCRYPTION_KEYS", KEYS)
    monkeypatch.setenv("ODDLINE_HOME", str(tmp_path))
    load_settings.cache_clear()
    FolderObjects(tmp_path / "objects")

    asked = CliRunner().invoke(command, ["erase", "Xaverine Quintilla", "--project", "first", "--reason", "4711"])
    again = CliRunner().invoke(command, ["erase", "--again"])
    neither = CliRunner().invoke(command, ["erase"])

    load_settings.cache_clear()
    with db("worker").transaction() as tx:
        rows = tx.execute(
            "SELECT reason, requested_by, whole_installation FROM erasures WHERE project_id = %s", [project]
        ).fetchall()
        tasks = tx.execute("SELECT count(*) FROM tasks WHERE name = 'erase_person'").fetchone()
    assert (asked.exit_code, again.exit_code, neither.exit_code) == (0, 0, 1), asked.output
    assert rows == [("4711", "operator", True)]
    assert tasks == (1,)
