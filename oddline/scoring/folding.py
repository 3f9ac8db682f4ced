"""Fold what chunks count into what each source has had: the first of the incremental readers."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from oddline.chunks import COUNTS, HISTOGRAM_BINS, NewChunk, advance, projects_with_new, read_new
from oddline.database import Database
from oddline.patterns import Sighting, SourceCounts, add_sightings, add_source_counts
from oddline.scoring.calibration.service import fold_incidents, recalibrate
from oddline.submissions import made_at
from oddline.tasks import Clock, utc_now

CHUNKS_AT_ONCE = 500  # in one transaction, so that it stays short


def fold_counts(db: Database, *, now: Clock = utc_now) -> dict[str, int]:
    """Add the counts of all new chunks, each exactly once, then find the thresholds that are due.

    Returns how many chunks were folded.
    """
    folded = 0
    with db.transaction() as tx:
        projects = projects_with_new(tx, consumer=COUNTS)
    for project in projects:
        while count := _fold_some(db, project):
            folded += count
    recalibrate(db, now=now())
    return {"chunks": folded}


def _fold_some(db: Database, project: UUID) -> int:
    with db.transaction() as tx:
        chunks = read_new(tx, project=project, consumer=COUNTS, limit=CHUNKS_AT_ONCE)
        if not chunks:
            return 0
        add_sightings(tx, project, sightings=_sightings(chunks))
        add_source_counts(tx, project, counts=_source_counts(chunks))
        fold_incidents(tx, project, chunks)
        advance(tx, consumer=COUNTS, to=chunks[-1])
    return len(chunks)


def _sightings(chunks: Sequence[NewChunk]) -> list[Sighting]:
    entries: dict[tuple[int, int], int] = defaultdict(int)
    first: dict[tuple[int, int], datetime] = {}
    last: dict[tuple[int, int], datetime] = {}
    for chunk in chunks:
        at = made_at(chunk.id)
        for pattern, source, count in zip(chunk.pattern_ids, chunk.pattern_sources, chunk.pattern_counts, strict=True):
            pair = (source, pattern)
            entries[pair] += count
            first[pair] = min(first.get(pair, at), at)
            last[pair] = max(last.get(pair, at), at)
    return [
        Sighting(*pair, first_seen=first[pair], last_seen=last[pair], entries=count) for pair, count in entries.items()
    ]


def _source_counts(chunks: Sequence[NewChunk]) -> list[SourceCounts]:
    histograms: dict[int, list[int]] = defaultdict(lambda: [0] * HISTOGRAM_BINS)
    last: dict[int, datetime] = {}
    for chunk in chunks:
        for place, source in enumerate(chunk.source_ids):
            bins = chunk.histograms[place * HISTOGRAM_BINS : (place + 1) * HISTOGRAM_BINS]
            histograms[source] = [old + new for old, new in zip(histograms[source], bins, strict=True)]
            last[source] = max(last.get(source, made_at(chunk.id)), made_at(chunk.id))
    return [
        SourceCounts(source_id=source, entries=sum(bins), last_seen=last[source], histogram=tuple(bins))
        for source, bins in histograms.items()
    ]
