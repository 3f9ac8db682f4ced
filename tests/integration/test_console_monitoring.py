"""Health as load balancers ask for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reading import Databases, client_of, open_reading_parts
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.database import Database
from oddline.maintenance import check_health
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.tasks import see_worker

PATH = "/api/v1/monitoring/health"


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path) -> Iterator[TestClient]:
    """A client without a key."""
    with (
        open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts,
        client_of(router, parts) as client,
    ):
        yield client


def look(db: Databases, redis_url: str, folder: Path) -> None:
    settings = Settings(_env_file=None, redis_url=redis_url)  # type: ignore[call-arg]
    check_health(db("worker"), objects=FolderObjects(folder), settings=settings, now=datetime.now(UTC))


def live(db: Databases, *, seen: datetime) -> None:
    with db("worker").transaction() as tx:
        see_worker(tx, "worker-1", classes=(), started_at=seen, now=seen)


def told(answer: Any) -> tuple[int, str, str, int]:
    document = answer.json()
    return answer.status_code, document["status"], document["message"], document["workers"]


def test_with_a_worker_and_all_parts_answering_it_is_healthy(
    db: Databases, client: TestClient, redis_url: str, tmp_path: Path
) -> None:
    live(db, seen=datetime.now(UTC))
    look(db, redis_url, tmp_path)

    answer = client.get(PATH)

    assert told(answer) == (200, "healthy", "all parts answer", 1)
    assert "last_scan" in answer.json()
    assert set(answer.json()["parts"]) == {"redis", "objects", "workers", "backlog", "transactions", "model"}


def test_without_a_worker_it_is_unhealthy(db: Databases, client: TestClient) -> None:
    live(db, seen=datetime.now(UTC) - timedelta(minutes=5))

    answer = client.get(PATH)

    assert told(answer) == (503, "unhealthy", "workers: none was seen lately", 0)


def test_a_part_that_does_not_answer_is_named(
    db: Databases, client: TestClient, closed_port: int, tmp_path: Path
) -> None:
    live(db, seen=datetime.now(UTC))
    look(db, f"redis://127.0.0.1:{closed_port}/0", tmp_path)

    answer = client.get(PATH)

    assert answer.status_code == 503
    assert answer.json()["message"].startswith("redis: ")
    assert answer.json()["parts"]["redis"]["healthy"] is False


def test_without_its_database_it_is_unhealthy_and_says_no_address(
    redis_url: str, closed_port: int, tmp_path: Path
) -> None:
    gone = Database(f"postgresql://oddline_console:secret@127.0.0.1:{closed_port}/oddline", size=1)

    with (
        open_reading_parts(gone, redis_url=redis_url, folder=tmp_path) as parts,
        client_of(router, parts) as client,
    ):
        answer = client.get(PATH)

    gone.close()
    assert told(answer) == (503, "unhealthy", "database: does not answer", 0)
    assert str(closed_port) not in answer.text
