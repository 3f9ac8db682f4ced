"""What the tests of the functions that read share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.testclient import TestClient

from functions.http import Parts, new_app
from oddline.database import Database
from oddline.identity import Scope, create_key
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.submissions import new_id
from oddline.tasks import Publisher

Databases = Callable[[Side], Database]


@contextmanager
def open_reading_parts(db: Database, *, redis_url: str, folder: Path) -> Iterator[Parts]:
    """What a function stands on that sees the database as `db` does."""
    publisher = Publisher(redis_url)
    settings = Settings(_env_file=None, home=folder, redis_url=redis_url)  # type: ignore[call-arg]
    yield Parts(settings=settings, db=db, publisher=publisher, objects=FolderObjects(folder))
    publisher.close()


@contextmanager
def client_of(router: APIRouter, parts: Parts) -> Iterator[TestClient]:
    """A client without a key."""
    app = new_app(router, title="test", parts=lambda: parts)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def key_of(db: Databases, project: UUID, *scopes: Scope) -> dict[str, str]:
    """The headers of a caller with a new key of the project."""
    key = create_key(
        db("worker"),
        project=project,
        name="test",
        key_id=new_id(),
        now=datetime.now(UTC),
        scopes=scopes or [Scope.READ],
    )
    return {"Authorization": f"Bearer {key.key}"}


@contextmanager
def client_with_key(
    side: Side,
    router: APIRouter,
    *,
    db: Databases,
    redis_url: str,
    folder: Path,
    project: UUID,
    scopes: Sequence[Scope],
) -> Iterator[TestClient]:
    """A client of a function that sees the database as `side` does, with a new key of the project."""
    with (
        open_reading_parts(db(side), redis_url=redis_url, folder=folder) as parts,
        client_of(router, parts) as client,
    ):
        client.headers.update(key_of(db, project, *scopes))
        yield client


def refusal(answer: Any) -> tuple[int, str, str | None]:
    """(status, code, field) of an answer that is a problem document."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"], document.get("field")
