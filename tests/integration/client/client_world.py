"""The real API, all functions of it, behind an HTTP server that can be told to answer badly; and what it stored."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from answering_server import AnsweringServer, Request, Response, answering
from inbox import Inbox
from reading import key_of, open_reading_parts
from starlette.testclient import TestClient

from functions.asgi import OneOf
from functions.console.app import router as console
from functions.http import new_app
from functions.ingest.app import router as ingest
from functions.search.app import router as search
from oddline.database import Database
from oddline.identity import Scope
from oddline.objects import FolderObjects
from oddline.settings import Side
from oddline.submissions import Columns, unpack

Databases = Callable[[Side], Database]


@dataclass
class World:
    """A project in a running API. `key`: of an administrator who also sends."""

    db: Databases
    project: UUID
    inbox: Inbox
    server: AnsweringServer
    key: str

    def stored(self) -> list[Columns]:
        """The submissions that wait, oldest first."""
        return [unpack(row[0]) for row in self.inbox.rows("SELECT body FROM submissions ORDER BY id")]

    def messages(self) -> list[str]:
        """Of all entries that were taken, in their order."""
        return [message for columns in self.stored() for message in columns.messages]

    def forget(self) -> None:
        """Empty the inbox."""
        with self.db("worker").transaction() as tx:
            tx.execute(
                "WITH a AS (DELETE FROM submissions), b AS (DELETE FROM idempotency_keys) DELETE FROM submission_state"
            )
        self.server.told.clear()
        self.server.requests.clear()


@contextmanager
def running_world(db: Databases, *, redis_url: str, folder: Path, project: UUID) -> Iterator[World]:
    """The API for as long as the block lasts."""
    key = key_of(db, project, Scope.ADMIN, Scope.INGEST, Scope.READ, Scope.WRITE)["Authorization"].split()[1]
    with ExitStack() as stack:
        apps = []
        for side, router in (("ingest", ingest), ("console", console), ("search", search)):
            parts = stack.enter_context(open_reading_parts(db(side), redis_url=redis_url, folder=folder))
            apps.append(new_app(router, title="test", parts=lambda parts=parts: parts))  # type: ignore[misc]
        asgi: Any = OneOf(apps)
        application = stack.enter_context(TestClient(asgi, raise_server_exceptions=False))

        def process(request: Request) -> Response:
            answer = application.request(request.method, request.path, content=request.body, headers=request.headers)
            told = {name: value for name, value in answer.headers.items() if name in {"retry-after", "content-type"}}
            return Response(answer.status_code, answer.content, told)

        server = stack.enter_context(answering(process))
        yield World(db, project, Inbox(db=db, objects=FolderObjects(folder)), server, key)
