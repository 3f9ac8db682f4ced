"""The function that takes logs, as its callers meet it: over ASGI, with a real database and broker behind it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from ingesting import HMAC_SECRET, Stored
from movable_clock import MovableClock
from starlette.testclient import TestClient

from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.database import Database
from oddline.identity import NewKey, create_key
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.submissions import new_id, unpack
from oddline.tasks import Publisher


@pytest.fixture
def clock() -> MovableClock:
    """The function's clock."""
    return MovableClock()


@pytest.fixture
def parts(db: Callable[[Side], Database], redis_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Parts]:
    """What the function stands on."""
    publisher = Publisher(redis_url)
    settings = Settings(_env_file=None, home=tmp_path, hmac_secret=HMAC_SECRET, legacy_project="first")
    yield Parts(settings=settings, db=db("ingest"), publisher=publisher, objects=FolderObjects(tmp_path), clock=clock)
    publisher.close()


@pytest.fixture
def url(parts: Parts) -> Iterator[str]:
    """Where the function that takes logs listens."""
    settings = parts.settings.model_copy(update={"body_object_bytes": 64 * 1024 * 1024})  # all in the inbox
    own = replace(parts, settings=settings, clock=lambda: datetime.now(UTC))
    app = new_app(router, title="test", parts=lambda: own)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    serving = threading.Thread(target=server.run)
    serving.start()
    while not server.started:
        serving.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    serving.join()


@pytest.fixture
def make_key(db: Callable[[Side], Database], project: UUID) -> Callable[..., NewKey]:
    """Makes a key of the fixture's project, unless told another."""

    def make(**options: Any) -> NewKey:
        defaults: dict[str, Any] = {"project": project, "name": "test", "key_id": new_id(), "now": datetime.now(UTC)}
        return create_key(db("owner"), **defaults | options)

    return make


@pytest.fixture
def anonymous(parts: Parts) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(new_app(router, title="test", parts=lambda: parts), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(anonymous: TestClient, make_key: Callable[..., NewKey]) -> TestClient:
    """A client with a key of the fixture's project."""
    anonymous.headers["Authorization"] = f"Bearer {make_key().key}"
    return anonymous


@pytest.fixture
def stored(db: Callable[[Side], Database]) -> Callable[[], list[Stored]]:
    """Reads all submissions, oldest first."""

    def read() -> list[Stored]:
        with db("worker").transaction() as tx:
            rows = tx.execute(
                "SELECT id, project_id, body FROM submissions JOIN submission_state USING (id, project_id) ORDER BY id"
            ).fetchall()
        return [Stored(id=row[0], project=row[1], columns=unpack(row[2])) for row in rows]

    return read


@pytest.fixture
def emptied_inbox(db: Callable[[Side], Database]) -> Iterator[None]:
    """Forgets what the case submitted."""
    yield
    with db("worker").transaction() as tx:
        tx.execute(
            "WITH a AS (DELETE FROM submissions), b AS (DELETE FROM idempotency_keys) DELETE FROM submission_state"
        )
