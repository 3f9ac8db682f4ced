"""Files on their way from an upload to entries: the console's routes, and their tasks run as a worker runs them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from movable_clock import MovableClock
from reading import client_of, key_of
from starlette.testclient import TestClient

from functions.console.files import router
from functions.http import Parts
from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.identity import Scope
from oddline.objects import FolderObjects, ObjectStore
from oddline.search import Embedder
from oddline.settings import Settings, Side
from oddline.submissions import unpack
from oddline.tasks import Publisher, Run, Task, TaskContext, find, run_task
from worker_image.worker import files, maintenance, searching

BINDINGS = {**files.BINDINGS, **searching.BINDINGS, **maintenance.BINDINGS}
ON_FAILURE = {**files.ON_FAILURE, **maintenance.ON_FAILURE}

Databases = Callable[[Side], Database]
PATH = "/api/v1/files"


class _Process:
    @property
    def embedder(self) -> Embedder:
        return Embedder.load()


@dataclass
class Filing:
    """A project's files."""

    db: Databases
    objects: ObjectStore
    project: UUID
    publisher: Publisher
    settings: Settings
    clock: MovableClock = field(default_factory=MovableClock)

    @property
    def context(self) -> TaskContext:
        return TaskContext(
            db=self.db("worker"),
            objects=self.objects,
            publisher=self.publisher,
            settings=self.settings,
            catalogue=CATALOGUE,
            worker="here:1",
            clock=self.clock,
        )

    def set(self, **changed: Any) -> None:
        self.settings = self.settings.model_copy(update=changed)

    def run_once(self) -> list[Task]:
        """Run each task that is due now, as a worker would; those that have run."""
        with self.db("worker").transaction() as tx:
            due = tx.execute(
                "SELECT id, name FROM tasks WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL"
                " AND (not_before IS NULL OR not_before <= %s) ORDER BY id",
                [self.clock()],
            ).fetchall()
        for task_id, name in due:
            run: Run = BINDINGS[name](_Process())  # type: ignore[arg-type]  # needs no more of the process
            run_task(CATALOGUE[name], run, task_id=task_id, context=self.context, on_failure=ON_FAILURE.get(name))
        return [self.task(task_id) for task_id, _ in due]

    def run(self) -> list[Task]:
        """Run tasks until none is due; those that have run, in their order."""
        done: list[Task] = []
        while some := self.run_once():
            done += some
        return done

    def task(self, task_id: UUID | str) -> Task:
        with self.db("worker").transaction() as tx:
            found = find(tx, UUID(str(task_id)))
        assert found is not None
        return found

    def row(self, file_id: UUID | str, *columns: str) -> tuple[Any, ...]:
        with self.db("worker").transaction() as tx:
            found = tx.execute(f"SELECT {', '.join(columns)} FROM files WHERE id = %s", [file_id]).fetchone()
        assert found is not None
        return found

    def entries(self) -> list[tuple[str, str]]:
        """(source, message) of all that is stored, in the order of the submissions' ranges in their files."""
        with self.db("worker").transaction() as tx:
            rows = tx.execute(
                "SELECT body, body_object FROM submissions JOIN file_parts ON submission_id = submissions.id"
                " ORDER BY file_id, first_byte"
            ).fetchall()
        bodies = [unpack(body if name is None else self.objects.get(name)) for body, name in rows]
        return [pair for columns in bodies for pair in zip(columns.sources, columns.messages, strict=True)]


@contextmanager
def open_filing(db: Databases, *, project: UUID, redis_url: str, folder: Path) -> Iterator[Filing]:
    """A project's files in an emptied database."""
    with db("owner").transaction() as tx:
        tx.execute("TRUNCATE files, file_parts, submissions, submission_state, tasks, task_turns, hot_chunks")
    publisher = Publisher(redis_url)
    settings = Settings(_env_file=None, home=folder, redis_url=redis_url)  # type: ignore[call-arg]
    yield Filing(db, FolderObjects(folder / "objects"), project, publisher, settings)
    publisher.close()


@contextmanager
def open_client(filing: Filing) -> Iterator[TestClient]:
    """A client of the routes of files, with a key that may upload, read and delete."""
    parts = Parts(
        settings=filing.settings,
        db=filing.db("console"),
        publisher=filing.publisher,
        objects=filing.objects,
        clock=filing.clock,
    )
    with client_of(router, parts) as client:
        client.headers.update(key_of(filing.db, filing.project, Scope.INGEST, Scope.READ, Scope.WRITE))
        yield client


def uploaded(client: TestClient, data: bytes, *, process: bool = True, **told: Any) -> dict[str, Any]:
    """Upload a file in one part or several, as the answers say; what the API tells of it."""
    file = client.post(PATH, json={"name": "app.log", "size": len(data)} | told)
    assert file.status_code == 201, file.text
    for part in file.json()["upload"]["parts"]:
        put = client.put(part["url"], content=data[part["start"] : part["end"]])
        assert put.status_code == 204, put.text
    done = client.post(f"{PATH}/{file.json()['file_id']}/complete", json={"process": process})
    assert done.status_code == 200, done.text
    answer: dict[str, Any] = done.json()
    return answer


def settle_scoring(filing: Filing) -> None:
    """As if a worker had scored all that waits."""
    with filing.db("worker").transaction() as tx:
        tx.execute("UPDATE submission_state SET state = 'done'")
