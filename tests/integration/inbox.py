"""Submissions on their way through scoring: the shipped model, a real database, a clock that stands still."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import polars as pl
from movable_clock import MovableClock

from oddline import submissions
from oddline.chunks.codec import decode
from oddline.database import Database
from oddline.entries import set_source_threshold
from oddline.objects import FolderObjects
from oddline.patterns import Masker, ensure_sources
from oddline.scoring import Encoded, Encoder, Memories, Scored, Scorer, score_waiting
from oddline.settings import Side
from oddline.submissions import Columns, entry_id, pack
from oddline.tasks import Task, find

Databases = Callable[[Side], Database]
LEASE = timedelta(seconds=30)
SNAPSHOT_OLD = timedelta(seconds=61)


@cache
def shipped_encoder() -> Encoder:
    """The shipped model, loaded once for all tests."""
    return Encoder.load()


class WatchedEncoder:
    """The shipped model, which counts what it reads and does something else first, if asked to."""

    def __init__(self, *, version: str | None = None, before: Callable[[Sequence[str]], None] | None = None) -> None:
        self._encoder = shipped_encoder()
        self._before = before
        self.version = version or self._encoder.version
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, patterns: Sequence[str]) -> list[Encoded]:
        self.read += patterns
        if self._before is not None:
            self._before(patterns)
        return self._encoder.encode(patterns)


@dataclass
class Inbox:
    """Puts submissions in, scores them, and reads what became of them."""

    db: Databases
    objects: FolderObjects
    clock: MovableClock = field(default_factory=MovableClock)

    def submit(self, project: UUID, *items: str | dict[str, Any]) -> UUID:
        """Accept one submission of these entries; strings are messages."""
        entries = [{"message": item} if isinstance(item, str) else item for item in items]
        columns, faults = submissions.take_entries(entries, now=self.clock())
        assert faults == []
        accepted = submissions.accept(
            self.db("ingest"),
            project=project,
            columns=columns,
            answer=lambda submission: {"batch_id": str(submission)},
            request_keys=(),
            body_hash=b"",
            now=self.clock(),
            objects=self.objects,
            body_object_bytes=256 * 1024,
        )
        return accepted.submission

    def replace_body(self, submission: UUID, body: bytes | Columns) -> None:
        """Put something else where a submission's body was."""
        packed = pack(body) if isinstance(body, Columns) else body
        with self.db("worker").transaction() as tx:
            tx.execute("UPDATE submissions SET body = %s WHERE id = %s", [packed, submission])

    def scorer(self, encoder: WatchedEncoder | None = None) -> Scorer:
        """What another worker process would have: nothing remembered yet."""
        used: Any = encoder or shipped_encoder()
        return Scorer(encoder=used, masker=Masker(), memories=Memories(used))

    def score_once(self, scorer: Scorer, *, worker: str = "w", **options: Any) -> Scored | None:
        """Score one claim."""
        return score_waiting(
            db=self.db("worker"),
            objects=self.objects,
            scorer=scorer,
            worker=worker,
            lease=LEASE,
            now=self.clock,
            **options,
        )

    def score(self, scorer: Scorer | None = None, *, worker: str = "w") -> list[Scored]:
        """Score claim after claim until nothing waits."""
        used, claims = scorer or self.scorer(), []
        while (scored := self.score_once(used, worker=worker)) is not None:
            claims.append(scored)
        return claims

    def task(self, submission: UUID) -> Task:
        """A submission's scoring as the ledger tells it."""
        with self.db("worker").transaction() as tx:
            task = find(tx, submission)
        assert task is not None
        return task

    def entries(self, project: UUID) -> pl.DataFrame:
        """All entries in the project's chunks, by submission and index, with the chunk of each."""
        rows = self.rows("SELECT id, format, blob FROM hot_chunks WHERE project_id = %s", project)
        frames = [decode(blob, form=form).with_columns(chunk=pl.lit(str(chunk))) for chunk, form, blob in rows]
        return pl.concat(frames).sort("submission", "index") if frames else pl.DataFrame()

    def entry_ids(self, project: UUID) -> list[UUID]:
        """The ids of all entries in the project's chunks, as often as they occur there."""
        stored = self.entries(project)
        pairs = stored.select("submission", "index").iter_rows() if stored.height else []
        return [entry_id(UUID(bytes=submission), index) for submission, index in pairs]

    def set_threshold(self, project: UUID, source: str, threshold: float) -> None:
        """Set the threshold of a source, which need not have had an entry yet."""
        with self.db("worker").transaction() as tx:
            ensure_sources(tx, project, names=[source], now=self.clock())
            set_source_threshold(tx, project=project, name=source, threshold=threshold)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement, as the worker sees them."""
        with self.db("worker").transaction() as tx:
            return tx.execute(statement, parameters).fetchall()
