"""Read all entries of a window out of chunks, some at a time, however many there are."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from oddline.analytics.model import Window
from oddline.analytics.tasks import OfWindow
from oddline.chunks import Part, Reader, Wanted, list_parts
from oddline.errors import ChunkMissing
from oddline.patterns import list_sources
from oddline.tasks import TaskContext

ROWS_AT_ONCE: Final = 200_000
LISTED_AT_ONCE: Final = timedelta(hours=1)  # so that what must be read again is little
LATEST: Final = timedelta(days=1)  # behind now: no entry is taken that is of a later time

Narrow = Callable[[pl.LazyFrame], pl.LazyFrame]


def read_window(asked: OfWindow, context: TaskContext, narrow: Narrow) -> Iterator[pl.DataFrame]:
    """What `narrow` leaves of a window's entries, in no order; it says how far it is as it goes.

    Raises:
        ChunkMissing, CorruptBody: some of it cannot be read, though it was tried twice.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    scan = _Scan(asked, context, narrow)
    for hour in scan.hours:
        try:
            frames = scan.read(hour)
        except ChunkMissing:
            # Compaction or retention passed between the list and the reading: the list of now is true again.
            frames = scan.read(hour)
        yield from frames
        context.report((hour.end - scan.hours[0].start) / (scan.hours[-1].end - scan.hours[0].start))


class _Scan:
    def __init__(self, asked: OfWindow, context: TaskContext, narrow: Narrow) -> None:
        self._asked = asked
        self._context = context
        self._narrow = narrow
        self._reader = Reader(db=context.db, objects=context.objects, project=asked.project)
        self._source_ids = self._find_source()
        whole = Window(asked.time_from, min(asked.time_to, context.clock() + LATEST))
        there = [Window(part.group.lowest_time, part.group.highest_time) for part in self._list(whole)]
        self.hours = _hours(whole, there=there)

    def read(self, hour: Window) -> list[pl.DataFrame]:
        """All that is left of an hour."""

        def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
            timestamp = pl.col("timestamp")
            asked = entries.filter(timestamp >= hour.start, timestamp < hour.end)
            if self._source_ids is not None:
                asked = asked.filter(pl.col("source_id").is_in(self._source_ids))
            return self._narrow(asked)

        return [frame for batch in _batches(self._list(hour)) for frame in self._reader.read(batch, narrow)]

    def _find_source(self) -> tuple[int, ...] | None:
        """The id of the source that is asked for, nothing where there is none of that name; None when all are."""
        if self._asked.source is None:
            return None
        with self._context.db.transaction() as tx:
            return tuple(one.id for one in list_sources(tx, self._asked.project, names=[self._asked.source]))

    def _list(self, window: Window) -> list[Part]:
        wanted = Wanted(time_from=window.start, time_to=window.end, source_ids=self._source_ids)
        with self._context.db.transaction() as tx:
            return list_parts(tx, project=self._asked.project, wanted=wanted, today=self._context.clock().date())


def _hours(asked: Window, *, there: Sequence[Window]) -> list[Window]:
    """The pieces of a window in which anything may be: `there` are the first and the last time of what is."""
    hours: list[Window] = []
    begin = asked.start
    for one in sorted(there, key=lambda one: one.start):
        begin = max(begin, one.start)
        while begin <= one.end and begin < asked.end:
            hours.append(Window(begin, min(begin + LISTED_AT_ONCE, asked.end)))
            begin = hours[-1].end
    return hours


def _batches(parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
    batch: list[Part] = []
    rows = 0
    for part in parts:
        batch.append(part)
        rows += part.group.rows
        if rows >= ROWS_AT_ONCE:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch
