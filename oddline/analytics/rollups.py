"""Keep the rollups: an incremental reader of chunks, so that each entry is counted exactly once."""

import logging
from collections.abc import Collection
from datetime import date
from itertools import groupby
from typing import Final
from uuid import UUID

import polars as pl

from oddline.analytics import store
from oddline.analytics.counting import by_pattern, by_source, counted, joined
from oddline.analytics.model import KEPT_DAYS, PatternStep, Step
from oddline.chunks import ANALYTICS, Reader, advance, is_passed, projects_with_new, read_new, whole
from oddline.database import Database
from oddline.errors import ChunkMissing, CorruptBody
from oddline.objects import ObjectStore

log = logging.getLogger(__name__)

CHUNKS_AT_ONCE: Final = 100


def roll_up(*, db: Database, objects: ObjectStore, projects: Collection[UUID] | None = None) -> dict[str, int]:
    """Count all new entries, of some projects or of all; returns how many chunks and entries were counted.

    Raises:
        ChunkMissing, CorruptBody: a project's entries cannot be read; the other projects' are counted before.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    rolled = {"chunks": 0, "entries": 0}
    unreadable: dict[UUID, ChunkMissing | CorruptBody] = {}
    is_more = True
    while is_more:
        is_more = False
        # One batch of each in turn: a project that never comes to its end holds up no other.
        for project in _with_new(db, projects):
            if project in unreadable:
                continue
            try:
                some = _roll_up_some(project, db=db, objects=objects)
            except (ChunkMissing, CorruptBody) as error:
                log.warning("the entries of project %s cannot be counted: %s", project, error)
                unreadable[project] = error
                continue
            if some is not None:
                rolled["chunks"] += some[0]
                rolled["entries"] += some[1]
                is_more = True
    if unreadable:
        raise next(iter(unreadable.values()))
    return rolled


def forget_old(*, db: Database, project: UUID, today: date) -> int:
    """Delete the rollups whose entries are gone, and fine ones that are no longer asked for; returns how many."""
    with db.transaction() as tx:
        return store.delete_old(tx, project, today=today, kept_days=KEPT_DAYS)


def _with_new(db: Database, projects: Collection[UUID] | None) -> list[UUID]:
    with db.transaction() as tx:
        found = projects_with_new(tx, consumer=ANALYTICS)
    return [one for one in found if projects is None or one in projects]


def _roll_up_some(project: UUID, *, db: Database, objects: ObjectStore) -> tuple[int, int] | None:
    """(chunks, entries) counted; None where there is nothing new, or another run has been faster."""
    with db.transaction() as tx:
        chunks = read_new(tx, project=project, consumer=ANALYTICS, limit=CHUNKS_AT_ONCE)
    if not chunks:
        return None
    reader = Reader(db=db, objects=objects, project=project)
    counts = joined(reader.read([whole(one) for one in chunks], counted))
    with db.transaction() as tx:
        if is_passed(tx, project=project, consumer=ANALYTICS, chunks=chunks):
            return None
        for step in Step:
            store.add_counts(tx, project, step=step, rows=by_source(counts, step).to_dicts())
        for pattern_step in PatternStep:
            added = _pattern_counts(by_pattern(counts, pattern_step))
            store.add_pattern_counts(tx, project, step=pattern_step, added=added)
        advance(tx, consumer=ANALYTICS, to=chunks[-1])
    return len(chunks), sum(chunk.entries for chunk in chunks)


def _pattern_counts(counts: pl.DataFrame) -> list[store.PatternCounts]:
    rows = counts.select("slot", "source_id", "pattern_id", "entries", "anomalies", "arrival_day").rows()
    grouped = ((key, list(group)) for key, group in groupby(rows, key=lambda row: (row[0], row[1])))
    return [
        store.PatternCounts(
            slot=slot,
            source_id=source,
            arrival_day=max(row[5] for row in group),
            counts={row[2]: (row[3], row[4]) for row in group},
        )
        for (slot, source), group in grouped
    ]
