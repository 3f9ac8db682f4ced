"""Judge how often patterns come, as their bins are over, by what is usual for them, and learn from it."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import NewChunk, Reader, advance, is_passed, projects_with_new, read_new, whole
from oddline.database import Database, Transaction
from oddline.entries import insert_odd
from oddline.errors import ChunkMissing, CorruptBody
from oddline.objects import ObjectStore
from oddline.scoring.rates import store
from oddline.scoring.rates.counting import counted, joined
from oddline.scoring.rates.model import BIN, Rules, bin_of
from oddline.scoring.rates.packing import pack, unpack
from oddline.scoring.rates.reporting import Told, report
from oddline.scoring.rates.source import RateSource
from oddline.scoring.rates.store import Change, SourceRow
from oddline.submissions import made_at
from oddline.tasks import Clock

log = logging.getLogger(__name__)

RATES: Final = "rates"  # the name of this incremental reader
CHUNKS_AT_ONCE: Final = 100
SOURCES_AT_ONCE: Final = 500  # that are looked at though nothing came in: some seconds
GRACE: Final = timedelta(seconds=5)  # from receiving a submission until it can be seen that it waits
OUT_OF_ORDER: Final = timedelta(minutes=2)  # what chunks that come later may hold that was received before
EVERY: Final = timedelta(seconds=30)  # at the soonest again
LONGER: Final = 4  # a source is looked at again after a quarter of the time for which it has been silent
COUNTED: Final = ("chunks", "sources", "told", "rows")


def detect_rates(*, db: Database, objects: ObjectStore, now: Clock, rules: Rules) -> dict[str, int]:
    """Count all new entries, judge the bins that are over, and tell which patterns came more or less than usual.

    Each entry is counted exactly once: the cursor moves in the transaction that writes what was made of the chunks.

    Raises:
        ChunkMissing, CorruptBody: a project's entries cannot be read; the other projects' are taken up before.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    with db.transaction() as tx:
        projects = {*projects_with_new(tx, consumer=RATES), *store.projects_due(tx, now=now())}
    run = _Run(db, objects, now, rules=rules)
    unreadable: ChunkMissing | CorruptBody | None = None
    for project in sorted(projects):
        try:
            while run.take_some(project):
                pass
        except (ChunkMissing, CorruptBody) as error:
            log.warning("the rates of project %s cannot be read: %s", project, error)
            unreadable = error
    if unreadable is not None:
        raise unreadable
    return dict(run.counts)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a run begins with: new chunks, the sources that they or the clock concern, up to when bins are over."""

    chunks: Sequence[NewChunk]
    source_ids: Sequence[int]
    known: dict[int, SourceRow]
    horizon: datetime | None


@dataclass(frozen=True, slots=True)
class _Run:
    db: Database
    objects: ObjectStore
    now: Clock
    _: KW_ONLY
    rules: Rules
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTED, 0)))

    def take_some(self, project: UUID) -> bool:
        """Take up some chunks; whether there may be more.

        No transaction is open while they are read and judged. Whoever finds then that another run has been faster
        leaves the project to that one.
        """
        now = self.now()
        with self.db.transaction() as tx:
            read = _read(tx, project, now=now)
        counts = self._counts(project, read.chunks)
        changes, told = [], list[Told]()
        for source_id in read.source_ids:
            change, odd = self._judge(source_id, read, counts.get(source_id), now=now)
            told += odd
            changes += change
        rows = report(told, db=self.db, objects=self.objects, project=project, now=now)
        with self.db.transaction() as tx:
            if _is_overtaken(tx, project, read):
                return False
            insert_odd(tx, rows, project=project)
            store.write_sources(tx, project, changes)
            if read.chunks:
                advance(tx, consumer=RATES, to=read.chunks[-1])
        self.counts.update(chunks=len(read.chunks), sources=len(changes), told=len(told), rows=len(rows))
        return len(read.chunks) == CHUNKS_AT_ONCE

    def _counts(self, project: UUID, chunks: Sequence[NewChunk]) -> dict[int, pl.DataFrame]:
        """The counts of each source in newborn chunks."""
        reader = Reader(db=self.db, objects=self.objects, project=project)
        together = joined(reader.read([whole(one) for one in chunks], counted)) if chunks else joined([])
        return {int(part["source_id"][0]): part for part in together.partition_by("source_id")}

    def _judge(
        self, source_id: int, read: _Read, counts: pl.DataFrame | None, *, now: datetime
    ) -> tuple[list[Change], list[Told]]:
        row = read.known.get(source_id)
        source = None if row is None else unpack(row.recent, row.season)
        if counts is not None:
            source = source or RateSource.begun(counts["bin"].to_list()[0])
            source.take(counts)
        if source is None:  # all of its new entries are late
            return [], []
        odd = [] if read.horizon is None else source.close(bin_of(read.horizon), rules=self.rules)
        recent, season = pack(source)
        change = Change(source_id, recent, season, _due_at(source, now=now))
        return [change], [Told(source_id, one) for one in odd]


def _read(tx: Transaction, project: UUID, *, now: datetime) -> _Read:
    """What there is to be taken up.

    What waits is asked for before the chunks are: a submission that is in neither has come since, and is younger than
    what is over.
    """
    waiting = store.oldest_waiting(tx, project)
    is_unsettled = store.has_unsettled(tx, project)
    chunks = read_new(tx, project=project, consumer=RATES, limit=CHUNKS_AT_ONCE)
    due = store.sources_due(tx, project, now=now, limit=SOURCES_AT_ONCE)
    source_ids = sorted({*due, *(source for chunk in chunks for source in chunk.source_ids)})
    horizon = min(now, waiting or now) - GRACE
    if len(chunks) == CHUNKS_AT_ONCE:
        horizon = min(horizon, made_at(chunks[-1].id) - OUT_OF_ORDER)
    known = store.find_sources(tx, project, source_ids=source_ids)
    return _Read(chunks, source_ids, known, None if is_unsettled else horizon)


def _due_at(source: RateSource, *, now: datetime) -> datetime | None:
    """When to look at a source again if nothing comes in: the longer it has been silent, the later."""
    if len(source.pending.bins):
        return now + EVERY
    if source.is_asleep():
        return None
    return now + max(EVERY, BIN * float(source.series.silent[0]) / LONGER)


def _is_overtaken(tx: Transaction, project: UUID, read: _Read) -> bool:
    """Whether another run has taken up the chunks, or what is due; nobody can until the transaction ends."""
    is_behind = is_passed(tx, project=project, consumer=RATES, chunks=read.chunks)
    written = store.versions(tx, project, source_ids=read.source_ids)
    return is_behind or written != {source: row.version for source, row in read.known.items()}
