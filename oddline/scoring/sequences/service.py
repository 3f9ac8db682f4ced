"""Judge sessions as they close, by what the sessions of their source usually look like, and learn from them."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import NewChunk, Reader, advance, is_passed, projects_with_new, read_new, whole
from oddline.database import Database, Transaction
from oddline.entries import insert_odd
from oddline.errors import ChunkMissing, CorruptBody
from oddline.feedback import cover_sequences, sequence_verdicts
from oddline.objects import ObjectStore
from oddline.scoring.sequences import store
from oddline.scoring.sequences.assembling import OPEN_SCHEMA, Assembled, assemble, pack_open, unpack_open
from oddline.scoring.sequences.grouping import Grouping, grouped, wanted
from oddline.scoring.sequences.judging import Judged, judge, verdicts_on
from oddline.scoring.sequences.profile import ALARMS, FEWEST_SESSIONS, Profile
from oddline.scoring.sequences.reporting import Report, Told, report
from oddline.scoring.sequences.store import OddSequence
from oddline.scoring.sequences.training import Training, pack_profile
from oddline.scoring.sequences.verdicts import Verdicts, key_of, pack_steps
from oddline.submissions import entry_id
from oddline.tasks import Clock

log = logging.getLogger(__name__)

SEQUENCES: Final = "sequences"  # the name of this incremental reader
CHUNKS_AT_ONCE: Final = 100  # so that what is read of them fits into memory
FITTING: Final = timedelta(seconds=30)  # in one run; the rest waits for the next
SEED: Final = 1  # of the parting into folds: the same sample gives the same profile
MOST_FAILED_RUNS: Final = 20  # in a row; then a project goes on without what cannot be read
_STEPS: Final = {name: kind for name, kind in OPEN_SCHEMA.items() if name != "seen_at"}
COUNTED: Final = ("chunks", "sessions", "odd", "rows", "expected", "late", "dropped", "unreadable", "fitted")


def detect_sequences(
    *, db: Database, objects: ObjectStore, now: Clock, gap: timedelta, alarms: float = ALARMS
) -> dict[str, int]:
    """Take up all new entries that belong to a session, judge the sessions that are over, fit what is due.

    A session is over when nothing of it has come in for `gap`; the share `alarms` of them may be told as odd. Each
    entry is taken up exactly once: the cursor moves in the transaction that writes what was made of the chunks. What
    cannot be read is tried again MOST_FAILED_RUNS times, then left out, logged and counted as `unreadable`.

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
            with db.transaction() as tx:
                store.count_failed_run(tx, project)
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
            groupings = store.find_groupings(tx, project)
            failed = store.failed_runs(tx, project)
        is_last_try = failed >= MOST_FAILED_RUNS
        entries, lost = self._read(project, chunks, groupings, is_last_try=is_last_try)
        before = unpack_open(blob)
        seen_at = pl.lit(now, dtype=OPEN_SCHEMA["seen_at"]).alias("seen_at")
        assembled = assemble(pl.concat([before, entries.with_columns(seen_at)]), gap=self.gap, now=now)
        judged = self._judge(project, assembled.closed)
        reported = report(
            judged.odd, db=self.db, objects=self.objects, project=project, now=now, is_last_try=is_last_try
        )
        is_changed = not assembled.open.equals(before)
        after = pack_open(assembled.open) if len(assembled.open) else None
        with self.db.transaction() as tx:
            if _is_overtaken(tx, project, chunks, blob):
                return False
            _write_told(tx, project, reported.told)
            store.write_training(tx, project, judged.learned)
            if is_changed:
                store.write_open(tx, project, entries=after)
            if chunks:
                advance(tx, consumer=SEQUENCES, to=chunks[-1])
            store.forget_failed_runs(tx, project)
        self._count(len(chunks), assembled, judged, reported, lost=lost)
        return len(chunks) == CHUNKS_AT_ONCE

    def _count(self, chunks: int, assembled: Assembled, judged: Judged, reported: Report, *, lost: int) -> None:
        self.counts.update(
            chunks=chunks,
            sessions=len(assembled.closed),
            odd=len(judged.odd),
            rows=len(reported.told),
            expected=judged.expected,
            late=assembled.late,
            dropped=assembled.dropped,
            unreadable=lost + reported.unreadable,
        )

    def fit_due(self) -> None:
        """Fit the profiles that are due, no transaction open meanwhile."""
        with self.db.transaction() as tx:
            due = store.due_for_fitting(tx, now=self.now(), fewest=FEWEST_SESSIONS)
        began = time.monotonic()
        for project, source_id, grouping in due:
            if time.monotonic() - began > FITTING.total_seconds():
                break
            now = self.now()
            with self.db.transaction() as tx:
                row = store.find_sources(tx, project, source_ids=[source_id])[source_id, grouping]
                given = sequence_verdicts(tx, project, source_ids=[source_id])
            profile = self._fit(Training.unpack(row.training, grouping=grouping), verdicts_on(row, given))
            self.counts["fitted"] += profile is not None
            with self.db.transaction() as tx:
                store.write_profile(tx, project, row=row, profile=profile, now=now)

    def _read(
        self, project: UUID, chunks: Sequence[NewChunk], groupings: Sequence[Grouping], *, is_last_try: bool
    ) -> tuple[pl.DataFrame, int]:
        """The steps of sessions in newborn chunks, and of how many chunks they are lost.

        Over a connection of its own: what is born stays as it is. At the last try chunk by chunk, so that only what
        cannot be read is lost.
        """
        reader = Reader(db=self.db, objects=self.objects, project=project)
        narrow = partial(wanted, groupings=groupings)
        steps, lost = [pl.DataFrame(schema=_STEPS)], 0
        for some in [[one] for one in chunks] if is_last_try else [chunks]:
            try:
                frames = reader.read([whole(one) for one in some], narrow)
            except (ChunkMissing, CorruptBody) as error:
                if not is_last_try:
                    raise
                log.error("the sessions of project %s go on without chunk %s: %s", project, some[0].id, error)
                lost += 1
                continue
            steps += [grouped(frame, groupings=groupings) for frame in frames]
        return pl.concat(steps), lost

    def _judge(self, project: UUID, closed: pl.DataFrame) -> Judged:
        source_ids = closed["source_id"].unique().to_list()
        with self.db.transaction() as tx:
            known = store.find_sources(tx, project, source_ids=source_ids)
            given = sequence_verdicts(tx, project, source_ids=source_ids)
        return judge(closed, known=known, given=given, alarms=self.alarms)

    def _fit(self, training: Training, verdicts: Verdicts) -> bytes | None:
        sample, suspects = training.samples(verdicts)
        if sample.sessions < FEWEST_SESSIONS:
            return None
        return pack_profile(Profile.fit(sample, seed=SEED, suspects=suspects, alarms=self.alarms))


def _write_told(tx: Transaction, project: UUID, told: Sequence[Told]) -> None:
    """Write the odd entries with their steps, and which of them a verdict covers."""
    insert_odd(tx, [one.entry for one in told], project=project)
    rows = []
    covered = {}
    for one in told:
        session = one.session
        entry = entry_id(UUID(bytes=one.entry.entry["submission"]), one.entry.entry["index"])
        key = key_of(session.sequence, source_id=session.source_id, grouping=session.grouping)
        rows.append(
            OddSequence(
                entry_id=entry,
                source_id=session.source_id,
                grouping=session.grouping,
                key=key,
                steps=pack_steps(session.sequence),
            )
        )
        if session.covered is not None:
            covered[entry, session.covered.feedback_id] = session.covered.distance
    store.insert_odd_sequences(tx, project, odd=rows)
    cover_sequences(tx, project, covered=covered)


def _is_overtaken(tx: Transaction, project: UUID, chunks: Sequence[NewChunk], before: bytes | None) -> bool:
    """Whether another run has taken up the chunks, or what was open; nobody can until the transaction ends."""
    is_behind = is_passed(tx, project=project, consumer=SEQUENCES, chunks=chunks)
    return is_behind or store.find_open(tx, project) != before
