"""Judge sessions as they close, by what the sessions of their source usually look like, and learn from them."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

import numpy as np
import polars as pl

from oddline.chunks import NewChunk, Reader, advance, projects_with_new, read_new, whole
from oddline.database import Database, Transaction
from oddline.entries import insert_odd
from oddline.errors import ChunkMissing, CorruptBody
from oddline.objects import ObjectStore
from oddline.scoring.sequences import store
from oddline.scoring.sequences.assembling import OPEN_SCHEMA, assemble, pack_open, unpack_open, with_session
from oddline.scoring.sequences.profile import ALARMS, FEWEST_SESSIONS, THRESHOLD, Profile
from oddline.scoring.sequences.reporting import OddSession, report
from oddline.scoring.sequences.store import Learned
from oddline.scoring.sequences.training import Training, pack_profile, unpack_profile
from oddline.tasks import Clock

log = logging.getLogger(__name__)

SEQUENCES: Final = "sequences"  # the name of this incremental reader
CHUNKS_AT_ONCE: Final = 100  # so that what is read of them fits into memory
PROFILES_HELD: Final = 32  # per process, some MB each
FITTING: Final = timedelta(seconds=30)  # in one run; the rest waits for the next
SEED: Final = 1  # of the parting into folds: the same sample gives the same profile
COUNTED: Final = ("chunks", "sessions", "odd", "rows", "dropped", "fitted")


def detect_sequences(
    *, db: Database, objects: ObjectStore, now: Clock, gap: timedelta, alarms: float = ALARMS
) -> dict[str, int]:
    """Take up all new entries that belong to a session, judge the sessions that are over, fit what is due.

    A session is over when nothing of it has come in for `gap`; the share `alarms` of them may be told as odd. Each
    entry is taken up exactly once: the cursor moves in the transaction that writes what was made of the chunks.

    Raises:
        ChunkMissing, CorruptBody: a project's entries cannot be read; the other projects' are taken up before.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    with db.transaction() as tx:
        projects = {*projects_with_new(tx, consumer=SEQUENCES), *store.projects_with_open(tx)}
    run = _Run(db, objects, now, gap=gap, alarms=alarms)
    unreadable: ChunkMissing | CorruptBody | None = None
    for project in sorted(projects):
        try:
            while run.take_some(project):
                pass
        except (ChunkMissing, CorruptBody) as error:
            log.warning("the sessions of project %s cannot be read: %s", project, error)
            unreadable = error
    run.fit_due()
    if unreadable is not None:
        raise unreadable
    return dict(run.counts)


@dataclass(frozen=True, slots=True)
class _Run:
    db: Database
    objects: ObjectStore
    now: Clock
    _: KW_ONLY
    gap: timedelta
    alarms: float
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTED, 0)))

    def take_some(self, project: UUID) -> bool:
        """Take up some chunks; whether there may be more.

        No transaction is open while they are read and judged, which can take long. Whoever finds then that another run
        has been faster leaves the project to that one.
        """
        now = self.now()
        with self.db.transaction() as tx:
            chunks = read_new(tx, project=project, consumer=SEQUENCES, limit=CHUNKS_AT_ONCE)
            blob = store.find_open(tx, project)
        before = unpack_open(blob)
        assembled = assemble(pl.concat([before, *self._read(project, chunks, now)]), gap=self.gap, now=now)
        odd, learned = self._judge(project, assembled.closed)
        rows = report(odd, db=self.db, objects=self.objects, project=project, now=now)
        after = pack_open(assembled.open) if len(assembled.open) else None
        with self.db.transaction() as tx:
            if _is_overtaken(tx, project, chunks, blob):
                return False
            insert_odd(tx, rows, project=project)
            store.write_training(tx, project, learned)
            if not assembled.open.equals(before):
                store.write_open(tx, project, entries=after)
            if chunks:
                advance(tx, consumer=SEQUENCES, to=chunks[-1])
        self.counts.update(
            sessions=len(assembled.closed), odd=len(odd), rows=len(rows), dropped=assembled.dropped, chunks=len(chunks)
        )
        return len(chunks) == CHUNKS_AT_ONCE

    def fit_due(self) -> None:
        """Fit the profiles that are due, no transaction open meanwhile."""
        with self.db.transaction() as tx:
            due = store.due_for_fitting(tx, now=self.now(), fewest=FEWEST_SESSIONS)
        began = time.monotonic()
        for project, source_id in due:
            if time.monotonic() - began > FITTING.total_seconds():
                break
            with self.db.transaction() as tx:
                row = store.find_sources(tx, project, source_ids=[source_id])[source_id]
            profile = self._fit(Training.unpack(row.training))
            self.counts["fitted"] += profile is not None
            with self.db.transaction() as tx:
                store.write_profile(
                    tx, project, source_id=source_id, profile=profile, sessions=row.sessions, now=self.now()
                )

    def _read(self, project: UUID, chunks: Sequence[NewChunk], now: datetime) -> list[pl.DataFrame]:
        """The entries of sessions in newborn chunks, over a connection of its own: what is born stays as it is."""
        reader = Reader(db=self.db, objects=self.objects, project=project)
        seen_at = pl.lit(now, dtype=OPEN_SCHEMA["seen_at"]).alias("seen_at")
        return [frame.with_columns(seen_at) for frame in reader.read([whole(one) for one in chunks], with_session)]

    def _judge(self, project: UUID, closed: pl.DataFrame) -> tuple[list[OddSession], list[Learned]]:
        """The odd ones among closed sessions; all of them are learned from, the odd ones with reserve."""
        odd: list[OddSession] = []
        learned: list[Learned] = []
        by_source = closed.sort("source_id").partition_by("source_id", maintain_order=True)
        with self.db.transaction() as tx:
            known = store.find_sources(tx, project, source_ids=[sessions["source_id"][0] for sessions in by_source])
        for sessions in by_source:
            source_id = sessions["source_id"][0]
            row = known.get(source_id)
            profile = _restored(row.profile) if row is not None and row.profile is not None else None
            training = Training.unpack(row.training if row is not None else None)
            scores = self._scores(profile, sessions["pattern_id"].to_list())
            for session, score in zip(sessions.iter_rows(named=True), scores, strict=True):
                is_odd = score >= THRESHOLD
                training.add(session["pattern_id"], day=session["timestamp"][-1].date(), is_odd=is_odd)
                if profile is not None and is_odd:
                    odd.append(OddSession(entries=session, score=score, profile=profile))
            training.thin(chance=np.random.default_rng())
            learned.append(Learned(source_id, len(sessions), training.pack()))
        return odd, learned

    def _scores(self, profile: Profile | None, sequences: Sequence[Sequence[int]]) -> list[float]:
        """The sessions' scores: 0 where too little is known yet."""
        if profile is None:
            return [0.0] * len(sequences)
        scores: list[float] = profile.score(sequences, alarms=self.alarms).tolist()
        return scores

    def _fit(self, training: Training) -> bytes | None:
        sample = training.sample()
        if sample.sessions < FEWEST_SESSIONS:
            return None
        return pack_profile(Profile.fit(sample, seed=SEED, suspects=training.suspects(), alarms=self.alarms))


def _is_overtaken(tx: Transaction, project: UUID, chunks: Sequence[NewChunk], before: bytes | None) -> bool:
    """Whether another run has taken up the chunks, or what was open; nobody can until the transaction ends."""
    new = read_new(tx, project=project, consumer=SEQUENCES, limit=1)
    is_behind = bool(chunks) and [one.id for one in new] != [chunks[0].id]
    return is_behind or store.find_open(tx, project) != before


@lru_cache(maxsize=PROFILES_HELD)
def _restored(profile: bytes) -> Profile:
    return unpack_profile(profile)
