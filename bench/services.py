"""The services that a measurement needs, fresh and its own: the whole local stack, or only its database."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import psycopg

from oddline.database import ROLES, Database
from oddline.database.migrate import migrate
from oddline.identity import ensure_project
from oddline.local.postgres import PostgresServer
from oddline.local.stack import Stack
from oddline.local.state import ServerState
from oddline.local.supervisor import Supervisor
from oddline.objects import FolderObjects
from oddline.patterns import Masker
from oddline.scoring import Encoder, Memories, Scorer, fold_counts, score_waiting
from oddline.settings import Settings, Side
from oddline.submissions import Columns, accept, new_id

READY_PATIENCE_S = 120.0
SCORED_PATIENCE_S = 600.0
FOLD_EVERY = 20  # submissions; the stack folds counts every few seconds
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class BareDatabase:
    """A migrated database with one project, and nothing that works on it but the measurement itself."""

    urls: dict[Side, str]
    project: UUID
    objects: FolderObjects

    @contextmanager
    def connect(self, side: Side) -> Iterator[Database]:
        """The database as one side sees it, with row-level security."""
        db = Database(self.urls[side], size=4, prepare=side == "worker")
        try:
            yield db
        finally:
            db.close()


class Filler:
    """Takes and scores submissions by the code of the API and of the worker, without HTTP and queue between them.

    What it scores is known from the next minute on, as it is to the workers of the stack.
    """

    def __init__(self, bare: BareDatabase, *, ingest: Database, worker: Database) -> None:
        encoder = Encoder.load()
        self._bare = bare
        self._ingest = ingest
        self._worker = worker
        self._stored = 0
        self._scorer = Scorer(encoder=encoder, masker=Masker(), memories=Memories(encoder))

    def store(self, columns: Columns, *, now: datetime) -> None:
        """One submission, accepted and scored at `now`."""
        accept(
            self._ingest,
            project=self._bare.project,
            columns=columns,
            answer=lambda submission: {"batch_id": str(submission)},
            request_keys=(),
            body_hash=b"",
            now=now,
            objects=self._bare.objects,
            body_object_bytes=Settings.model_fields["body_object_bytes"].default,
        )
        scored = score_waiting(
            db=self._worker,
            objects=self._bare.objects,
            scorer=self._scorer,
            worker="bench",
            lease=LEASE,
            now=lambda: now,
        )
        if scored is None or scored.entries != len(columns):
            raise RuntimeError(f"{len(columns)} entries were accepted, and what came of them is {scored}")
        self._stored += 1
        if self._stored % FOLD_EVERY == 0:
            fold_counts(self._worker)


@contextmanager
def bare_database(folder: Path) -> Iterator[BareDatabase]:
    """PostgreSQL with the settings of the local stack, migrated; all of it is removed at the end."""
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        passwords = ServerState.load_or_make(folder / "roles.json", roles=ROLES).passwords
        migrate(server.owner_url, passwords=passwords)
        address = server.owner_url.rpartition("@")[2]
        urls: dict[Side, str] = {"owner": server.owner_url}
        for side in ("ingest", "console", "search", "worker"):
            urls[side] = f"postgresql://oddline_{side}:{passwords[f'oddline_{side}']}@{address}"
        worker = Database(urls["worker"], size=1)
        project = ensure_project(worker, "bench", new_id=new_id(), now=datetime.now(UTC))
        worker.close()
        yield BareDatabase(urls, project, FolderObjects(folder / "objects"))
    finally:
        server.remove()


@contextmanager
def running_stack(home: Path) -> Iterator[Stack]:
    """What `make run` starts, in a home of its own, healthy; its PostgreSQL remembers when each commit was."""
    server = PostgresServer(home / "postgres")
    try:
        _note_commit_times(server)
        supervisor = Supervisor(Settings(_env_file=None, home=home))  # type: ignore[call-arg]  # pydantic takes it
        with supervisor.running() as stack:
            _wait(lambda: _is_healthy(stack), what="healthy", patience_s=READY_PATIENCE_S)
            yield stack
    finally:
        server.remove()


def wait_until_scored(db: Database) -> None:
    """Wait until no submission waits or is being scored."""

    def nothing_left() -> bool:
        with db.transaction() as tx:
            left = tx.execute(
                "SELECT 1 FROM submission_state WHERE state IN ('accepted', 'claimed') LIMIT 1"
            ).fetchone()
        return left is None

    _wait(nothing_left, what="scored", patience_s=SCORED_PATIENCE_S)


def _note_commit_times(server: PostgresServer) -> None:
    """So that a clock can stop at the commit itself: what a row says of its time was written before that."""
    server.start()
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    server.stop()


def _is_healthy(stack: Stack) -> bool:
    try:
        return bool(httpx.get(f"{stack.url}/api/v1/monitoring/health", timeout=5.0).json().get("status") == "healthy")
    except (httpx.HTTPError, ValueError):  # it does not listen yet, or not all of it
        return False


def _wait(reached: Callable[[], bool], *, what: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not {what} after {patience_s:.0f} s")
        time.sleep(0.1)
