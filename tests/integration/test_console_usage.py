"""A project sees what it sent and what it may send, and cannot grant itself more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from reading import Databases, client_of, key_of, open_reading_parts
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.identity import Scope
from oddline.limits import open_limiter, write_limits
from oddline.settings import Side

PATH = "/api/v1/usage"
GRANTING = (
    "UPDATE project_limits SET entries_a_day = 0",
    "INSERT INTO project_limits (project_id) VALUES (oddline_project())",
    "DELETE FROM project_limits",
    "DELETE FROM usage_counts",
)
TODAY = datetime.now(UTC)


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path) -> Iterator[TestClient]:
    with open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts:
        with_limits = replace(parts, limiter=open_limiter(parts.settings, parts.db), clock=lambda: TODAY)
        with client_of(router, with_limits) as client:
            yield client


def sent(db: Databases, project: UUID, *, entries: int, days_ago: int = 0) -> None:
    day = (TODAY - timedelta(days=days_ago)).date()
    with db("worker").transaction() as tx:
        shards = tx.execute("SELECT count(*) FROM usage_counts").fetchone()
        tx.execute(
            "INSERT INTO usage_counts VALUES (%s, %s, %s, %s, %s)",
            [project, day, *(shards or ()), entries, 10 * entries],
        )


def test_usage_is_told_by_day_beside_what_may_be_used(
    client: TestClient, db: Databases, project: UUID, other_project: UUID
) -> None:
    sent(db, project, entries=3)
    sent(db, project, entries=4)
    sent(db, project, entries=5, days_ago=2)
    sent(db, other_project, entries=100)
    with db("worker").transaction() as tx:
        write_limits(tx, project, changed={"entries_a_day": 1000, "key_read": 7})

    told = client.get(PATH, params={"days": 3}, headers=key_of(db, project)).json()

    day = TODAY.date()
    assert told["entries"] == {"used": 7, "limit": 1000}
    assert told["bytes"] == {"used": 70, "limit": None}
    assert told["resets_at"] == f"{day + timedelta(days=1)}T00:00:00Z"
    assert told["requests"]["read"] == {"key": 7, "project": 15_000}
    assert told["days"] == [
        {"day": f"{day}", "entries": 7, "bytes": 70},
        {"day": f"{day - timedelta(days=1)}", "entries": 0, "bytes": 0},
        {"day": f"{day - timedelta(days=2)}", "entries": 5, "bytes": 50},
    ]


def test_reading_and_changing_have_limits_of_their_own(client: TestClient, db: Databases, project: UUID) -> None:
    with db("worker").transaction() as tx:
        write_limits(tx, project, changed={"key_read": 1, "key_write": 1})
    key = key_of(db, project, Scope.ADMIN)

    reads = [client.get(PATH, headers=key).status_code for _ in range(2)]
    writes = [client.put("/api/v1/project", json={}, headers=key).status_code for _ in range(2)]

    assert (reads, writes) == ([200, 429], [200, 429])


def test_health_is_told_whoever_asks_however_often(client: TestClient, db: Databases, project: UUID) -> None:
    with db("worker").transaction() as tx:
        write_limits(tx, project, changed={"key_read": 1})

    assert {client.get("/api/v1/monitoring/health").status_code for _ in range(5)} == {503}


def test_no_function_can_grant_a_project_more(db: Databases, project: UUID) -> None:
    sides: tuple[Side, ...] = ("ingest", "console", "search")
    for side, statement in product(sides, GRANTING):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db(side).transaction(project=project) as tx:
            tx.execute(statement)


@pytest.mark.both_postgres
def test_a_project_sees_no_other_projects_usage_or_limits(db: Databases, project: UUID, other_project: UUID) -> None:
    sent(db, other_project, entries=1)
    with db("worker").transaction() as tx:
        write_limits(tx, other_project, changed={"key_read": 1})

    with db("console").transaction(project=project) as tx:
        assert tx.execute("SELECT * FROM usage_counts").fetchall() == []
        assert tx.execute("SELECT * FROM project_limits").fetchall() == []
