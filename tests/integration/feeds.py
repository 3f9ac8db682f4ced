"""Connections in tests: made, polled with a clock that is moved, and what they brought read back."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import orjson
from movable_clock import MovableClock

from oddline import streams
from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.identity import ensure_project
from oddline.ids import new_id
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.streams import Connection, OfConnection, Wish
from oddline.streams import store as connection_store
from oddline.submissions import unpack
from oddline.tasks import Publisher, TaskContext

Databases = Callable[[Side], Database]
HALF_A_MINUTE = timedelta(seconds=30)


@dataclass
class Feeds:
    """Connections of one project."""

    db: Databases
    context: TaskContext
    clock: MovableClock
    project: UUID

    def connect(
        self, kind: str, configuration: Mapping[str, Any], *, credentials: Any = None, **more: Any
    ) -> Connection:
        """Make one; `since` is an hour ago unless it is said."""
        usual = {"name": f"{kind} {new_id()}", "source": "feed", "since": self.clock() - timedelta(hours=1)}
        wish = Wish(**usual | {"type": kind, "configuration": configuration} | more)
        with self.db("console").transaction(project=self.project) as tx:
            return streams.create(
                tx, wish, credentials=credentials, connection_id=new_id(), project=self.project, now=self.clock()
            )

    def poll(self, connection: Connection, *, after: timedelta = HALF_A_MINUTE) -> dict[str, Any]:
        """Poll it once, some time later, as another task."""
        self.clock.move(after)
        context = replace(self.context, task_id=new_id())
        return streams.poll_cloud_logs(self.of(connection), context)

    def process(self, connection: Connection) -> dict[str, Any]:
        """Read what its polls have found."""
        return streams.process_live_logs(self.of(connection), replace(self.context, task_id=new_id()))

    def of(self, connection: Connection) -> OfConnection:
        return OfConnection(project=self.project, connection=connection.id)

    def row(self, connection: Connection) -> Connection:
        """As it is now."""
        with self.db("worker").transaction() as tx:
            found = connection_store.find(tx, connection.id, project=self.project)
        assert found is not None
        return found

    def stored(self) -> list[dict[str, Any]]:
        """All entries of the project, in the order in which they came in."""
        with self.db("worker").transaction() as tx:
            rows = tx.execute(
                "SELECT submissions.body, submissions.body_object FROM submissions WHERE project_id = %s ORDER BY id",
                [self.project],
            ).fetchall()
        entries: list[dict[str, Any]] = []
        for body, body_object in rows:
            columns = unpack(body or self.context.objects.get(body_object))
            entries += [
                {
                    "message": message,
                    "attributes": orjson.loads(attributes or "{}"),
                    "timestamp": at,
                    "severity": level,
                    "source": source,
                }
                for message, attributes, at, level, source in zip(
                    columns.messages,
                    columns.attributes,
                    columns.timestamps,
                    columns.severity_texts,
                    columns.sources,
                    strict=True,
                )
            ]
        return entries

    def messages(self) -> list[str]:
        return [entry["message"] for entry in self.stored()]


def fresh_project(db: Databases) -> UUID:
    """A project that has nothing yet."""
    return ensure_project(db("worker"), str(new_id()), new_id=new_id(), now=datetime.now(UTC))


@contextmanager
def open_feeds(db: Databases, *, project: UUID, redis_url: str, folder: Path, **settings: Any) -> Iterator[Feeds]:
    """Servers of this machine may be called."""
    clock = MovableClock()
    publisher = Publisher(redis_url)
    usual = {"_env_file": None, "home": folder, "redis_url": redis_url, "outgoing_allowed": "127.0.0.1:*"}
    context = TaskContext(
        db=db("worker"),
        objects=FolderObjects(folder),
        publisher=publisher,
        settings=Settings(**usual | settings),  # type: ignore[arg-type]
        catalogue=CATALOGUE,
        worker="test:1",
        clock=clock,
    )
    try:
        yield Feeds(db, context, clock, project)
    finally:
        publisher.close()


@dataclass(frozen=True)
class Asked:
    """A request as the server has it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = tuple[int, Mapping[str, str], bytes]


@contextmanager
def answering(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """A real HTTP server that answers as `answer` says; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, content = answer(Asked(self.command, self.path, headers, body))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | dict(more)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _do  # noqa: N815  # as http.server looks for them

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return status, {"Content-Type": "application/json"} | dict(headers or {}), orjson.dumps(value)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
