"""Pages of entries, newest first, out of chunks: whole, without repetition, and within a budget."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import SCHEMA, Part, Reader, Wanted, list_parts, newest_before
from oddline.database import Database
from oddline.entries.model import HIGHEST_SEVERITY, EntryQuery, Page, Position
from oddline.entries.view import entry_view
from oddline.errors import ChunkMissing
from oddline.feedback import Verdict, verdicts_of
from oddline.objects import ObjectStore
from oddline.patterns import list_sources
from oddline.submissions import INDEX_MASK, entry_id

BUDGET_S: Final = 10.0
BUDGET_BYTES: Final = 200 * 1024 * 1024
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)  # what submissions take begins here,
AHEAD: Final = timedelta(days=2)  # and ends a day from now; another for clocks that differ
FIRST_WINDOW: Final = timedelta(minutes=15)  # of time that chunks are listed for
WINDOW_GROWTH: Final = 16  # few windows, since what was merged spans hours and is opened again in each
FEWEST_PARTS: Final = 4  # of objects opened at once: asking once more costs more than reading what was not needed
MOST_PARTS: Final = 16  # of objects opened at once
MOST_ROWS: Final = 200_000  # opened at once
MOST_BYTES: Final = 32 * 1024 * 1024  # opened at once
_MICROSECOND: Final = timedelta(microseconds=1)
_LOWEST_ID: Final = UUID(int=0)
_NEWEST_FIRST: Final = ("timestamp", "submission", "index")


def list_entries(
    query: EntryQuery,
    *,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    now: datetime,
    after: str | None = None,
    limit: int = 100,
    stopwatch: Callable[[], float] = time.monotonic,
) -> Page:
    """The newest entries that `query` asks for, from the position `after` on.

    Raises:
        InvalidParameter: `after` is no cursor.
        ChunkMissing: what a chunk's row names is not there, though the row was read twice.
        CorruptBody, ObjectStoreUnavailable, DatabaseUnavailable: an entry that may belong here cannot be read.
    """
    start = Position.decode(after) if after else Position(now + AHEAD, _LOWEST_ID)
    search = Search(query, db=db, objects=objects, project=project, start=start, limit=limit, stopwatch=stopwatch)
    try:
        return search.run(now=now)
    except ChunkMissing:
        # Compaction or retention passed between the list and the reading: the list of now is true again.
        return search.run(now=now)


@dataclass(frozen=True, slots=True)
class _Unopened:
    """A part still to be opened, and the highest timestamp that an entry of the window can have in it."""

    reach: datetime
    part: Part


class Search:
    """One page's search: windows of time from the newest on, in each the parts in the order of their reach.

    The windows grow, so that few chunks are listed where entries are dense and few lists made where they are not.
    """

    def __init__(
        self,
        query: EntryQuery,
        *,
        db: Database,
        objects: ObjectStore,
        project: UUID,
        start: Position,
        limit: int,
        stopwatch: Callable[[], float],
    ) -> None:
        self._query = query
        self._db = db
        self._reader = Reader(db=db, objects=objects, project=project)
        self._project = project
        self._start = start
        self._limit = limit
        self._stopwatch = stopwatch
        self._began = stopwatch()
        self._considered = 0
        self._opened = 0
        self._rows = 0
        self._found = pl.DataFrame(schema=SCHEMA)
        self._low = max(query.time_from or EARLIEST, EARLIEST)
        self._top = start.timestamp + _MICROSECOND
        if query.time_to is not None:
            self._top = min(self._top, query.time_to)

    def run(self, *, now: datetime) -> Page:
        """Search from the start position to the end of the asked time, the limit, or the budget."""
        self._found = self._found.clear()
        source_ids = self._source_ids()
        if source_ids == ():
            return self._page(at_end=True)
        top, width = self._top, FIRST_WINDOW
        while self._low < top:
            bottom = max(min(top, now) - width, self._low)
            unopened = self._list(bottom, top, source_ids=source_ids, now=now)
            stopped_at = self._search_window(unopened, narrow=self._narrow(bottom, top, source_ids))
            if self._is_full():
                return self._page()
            if stopped_at is not None:
                return self._page(searched_until=stopped_at)
            top = bottom if unopened else self._skip_emptiness(bottom, now=now)
            width *= WINDOW_GROWTH
            if self._low < top and self._is_spent():
                return self._page(searched_until=top)
        return self._page(at_end=True)

    def _skip_emptiness(self, moment: datetime, *, now: datetime) -> datetime:
        """The end of what may hold entries before a moment."""
        with self._db.transaction(project=self._project) as tx:
            newest = newest_before(tx, project=self._project, moment=moment, today=now.date())
        return self._low if newest is None else newest + _MICROSECOND

    def _list(
        self, bottom: datetime, top: datetime, *, source_ids: tuple[int, ...] | None, now: datetime
    ) -> list[_Unopened]:
        wanted = Wanted(
            time_from=bottom,
            time_to=top,
            source_ids=source_ids,
            severities=self._query.severity_mask(),
            score_minimum=self._query.score_minimum,
            anomalies_only=self._query.is_anomaly is True,
            pattern_id=self._query.pattern_id,
        )
        with self._db.transaction(project=self._project) as tx:
            parts = list_parts(tx, project=self._project, wanted=wanted, today=now.date())
        self._considered += len(parts)
        unopened = [_Unopened(min(part.group.highest_time, top - _MICROSECOND), part) for part in parts]
        return sorted(unopened, key=lambda one: one.reach, reverse=True)

    def _search_window(
        self, unopened: Sequence[_Unopened], *, narrow: Callable[[pl.LazyFrame], pl.LazyFrame]
    ) -> datetime | None:
        """Open parts until no unopened one can hold an entry of this page.

        Returns None then; where the budget was spent before, the time of which everything younger has been looked at.
        It is never spent between parts of one reach, so that every page gets further than the one before.
        """
        opened = 0
        while opened < len(unopened):
            reach = unopened[opened].reach
            if self._is_full() and reach < self._found["timestamp"][self._limit - 1]:
                return None
            if opened and reach < unopened[opened - 1].reach and self._is_spent():
                self._found = self._found.filter(pl.col("timestamp") > reach)
                return reach + _MICROSECOND
            batch = _next_batch(unopened, begin=opened, rows=self._rows_needed())
            self._keep(self._reader.read([one.part for one in batch], narrow))
            opened += len(batch)
            self._rows += sum(one.part.group.rows for one in batch)
            self._opened += len(batch)
        return None

    def _rows_needed(self) -> int:
        """How many more rows probably fill the page, by the share of those looked at that belong to it."""
        missing = max(self._limit - self._found.height, 0)
        needed = missing * self._rows // max(self._found.height, 1)
        return min(max(needed, self._limit), MOST_ROWS)

    def _keep(self, frames: Sequence[pl.DataFrame]) -> None:
        """Add what was read to what was found, as far as it can belong to this page."""
        found = pl.concat([self._found, *frames]).sort(_NEWEST_FIRST, descending=True)
        self._found = found.head(self._limit)

    def _narrow(
        self, bottom: datetime, top: datetime, source_ids: tuple[int, ...] | None
    ) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
        conditions = [
            pl.col("timestamp") >= bottom,
            pl.col("timestamp") < top,
            *_conditions(self._query, source_ids),
            _is_behind(self._start),
        ]

        def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
            return entries.filter(*conditions).sort(_NEWEST_FIRST, descending=True).head(self._limit)

        return narrow

    def _source_ids(self) -> tuple[int, ...] | None:
        """The ids of the sources that are asked for; None when all are."""
        if not self._query.sources:
            return None
        with self._db.transaction(project=self._project) as tx:
            return tuple(source.id for source in list_sources(tx, self._project, names=self._query.sources))

    def _is_full(self) -> bool:
        return self._found.height >= self._limit

    def _is_spent(self) -> bool:
        return self._stopwatch() - self._began > BUDGET_S or self._reader.bytes_read > BUDGET_BYTES

    def _verdicts(self) -> dict[tuple[int, int], Verdict]:
        """What people say of the anomalies that were found."""
        pairs = self._found.filter("is_anomaly").select("source_id", "pattern_id").unique().rows()
        if not pairs:
            return {}
        with self._db.transaction(project=self._project) as tx:
            return verdicts_of(tx, self._project, pairs=pairs)

    def _page(self, *, searched_until: datetime | None = None, at_end: bool = False) -> Page:
        verdicts = self._verdicts()
        entries = [
            entry_view(row, verdict=verdicts.get((row["source_id"], row["pattern_id"])) if row["is_anomaly"] else None)
            for row in self._found.iter_rows(named=True)
        ]
        following: Position | None = None
        if searched_until is not None:
            following = Position(searched_until, _LOWEST_ID)
        elif not at_end:
            last = self._found.row(-1, named=True)
            following = Position(last["timestamp"], entry_id(UUID(bytes=last["submission"]), last["index"]))
        return Page(
            entries=entries,
            next=None if following is None else following.encode(),
            searched_until=searched_until,
            cost={
                "chunks_considered": self._considered,
                "chunks_opened": self._opened,
                "bytes": self._reader.bytes_read,
                "seconds": round(self._stopwatch() - self._began, 4),
            },
        )


def _next_batch(unopened: Sequence[_Unopened], *, begin: int, rows: int) -> Sequence[_Unopened]:
    """The next parts to open at once: about `rows` rows of them, and no more than can be held."""
    end, held_rows, held_bytes, objects = begin, 0, 0, 0
    while end < len(unopened) and held_bytes < MOST_BYTES and objects < MOST_PARTS:
        if held_rows >= rows and not 0 < objects < FEWEST_PARTS:
            break
        part = unopened[end].part
        held_rows += part.group.rows
        held_bytes += part.group.end - part.group.start
        objects += part.place.object_key is not None
        end += 1
    return unopened[begin:end]


def _conditions(query: EntryQuery, source_ids: tuple[int, ...] | None) -> Iterator[pl.Expr]:
    if source_ids is not None:
        yield pl.col("source_id").is_in(source_ids)
    mask = query.severity_mask()
    if mask is not None:
        yield pl.col("severity_number").is_in([number for number in range(HIGHEST_SEVERITY + 1) if mask >> number & 1])
    if query.score_minimum is not None:
        yield pl.col("score") >= pl.lit(query.score_minimum, dtype=pl.Float32)
    if query.is_anomaly is not None:
        yield pl.col("is_anomaly") == query.is_anomaly
    if query.pattern_id is not None:
        yield pl.col("pattern_id") == query.pattern_id
    if query.text is not None:
        yield pl.col("message").str.contains(f"(?i){pl.escape_regex(query.text)}")


def _is_behind(position: Position) -> pl.Expr:
    """Older than the position, or as old and of a lower id."""
    submission = pl.lit(UUID(int=position.id.int & ~INDEX_MASK).bytes, dtype=pl.Binary)
    same = pl.col("submission") == submission
    lower_id = (pl.col("submission") < submission) | (same & (pl.col("index") < (position.id.int & INDEX_MASK)))
    timestamp = pl.col("timestamp")
    return (timestamp < position.timestamp) | ((timestamp == position.timestamp) & lower_id)
