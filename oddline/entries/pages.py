"""Pages of entries, newest first, out of chunks: whole, without repetition, and within a budget."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import SCHEMA, slices
from oddline.database import Database
from oddline.entries.conditions import check_regex
from oddline.entries.facets import count_facets
from oddline.entries.model import EntryQuery, Page, Position
from oddline.entries.scan import AHEAD, MICROSECOND, MOST_REGEX_ROWS, MOST_ROWS, Scan, Window
from oddline.entries.view import entry_view
from oddline.errors import ChunkMissing
from oddline.feedback import Verdict, verdicts_of
from oddline.objects import ObjectStore
from oddline.submissions import INDEX_MASK, entry_id

MOST_PAGE_BYTES: Final = 24 * 1024 * 1024  # that entries of a page may take unpacked: no answer may have more than 6 MB
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
    facets: bool = False,
    budget_s: float | None = None,
    stopwatch: Callable[[], float] = time.monotonic,
) -> Page:
    """The newest entries that `query` asks for, from the position `after` on; with `facets` also `count_facets`.

    `budget_s` is how long it may take, if not what an answer may take and read.

    Raises:
        InvalidParameter: `after` is no cursor.
        ChunkMissing: what a chunk's row names is not there, though the row was read twice.
        CorruptBody, ObjectStoreUnavailable, DatabaseUnavailable: an entry that may belong here cannot be read.
    """
    if query.regex is not None:
        check_regex(query.regex)
    start = Position.decode(after) if after else Position(now + AHEAD, _LOWEST_ID)
    scan = Scan(query, db=db, objects=objects, project=project, budget_s=budget_s, stopwatch=stopwatch)
    search = Search(scan, start=start, limit=limit)

    def answer() -> Page:
        page = search.run(now=now)
        return replace(page, facets=count_facets(scan, now=now), cost=scan.view()) if facets else page

    try:
        return answer()
    except ChunkMissing:
        # Compaction or retention passed between the list and the reading: the list of now is true again.
        return answer()


class Search:
    """One page's search."""

    def __init__(self, scan: Scan, *, start: Position, limit: int) -> None:
        self._scan = scan
        self._start = start
        self._limit = limit
        self._most_rows = MOST_ROWS if scan.query.regex is None else MOST_REGEX_ROWS
        self._found = pl.DataFrame(schema=SCHEMA)

    def run(self, *, now: datetime) -> Page:
        """Search from the start position to the end of the asked time, the limit, or the budget."""
        self._found = self._found.clear()
        for number, window in enumerate(self._scan.windows(self._start.timestamp + MICROSECOND, now=now)):
            if number and self._scan.is_spent():
                return self._page(searched_until=window.top, now=now)
            stopped_at = self._search_window(window)
            if self._is_full():
                return self._page()
            if stopped_at is not None:
                return self._page(searched_until=stopped_at, now=now)
        return self._page(at_end=True)

    def _search_window(self, window: Window) -> datetime | None:
        """Open parts until no unopened one can hold an entry of this page.

        Returns None then; where the budget was spent before, the time of which everything younger has been looked at.
        It is never spent between parts of one reach, so that every page gets further than the one before.
        """
        narrow = self._narrow(window)
        reached: datetime | None = None
        while (reach := window.reach) is not None:
            if self._is_full() and reach < self._found["timestamp"][self._limit - 1]:
                return None
            if reached is not None and reach < reached and self._scan.is_spent():
                self._found = self._found.filter(pl.col("timestamp") > reach)
                return reach + MICROSECOND
            parts = window.take(rows=self._rows_needed())
            reached = window.last_reach
            self._keep(self._scan.reader.read(parts, narrow))
        return None

    def _rows_needed(self) -> int:
        """How many more rows probably fill the page, by the share of those looked at that belong to it."""
        missing = max(self._limit - self._found.height, 0)
        needed = missing * self._scan.cost.entries // max(self._found.height, 1)
        return min(max(needed, self._limit), self._most_rows)

    def _keep(self, frames: Sequence[pl.DataFrame]) -> None:
        """Add what was read to what was found, as far as it can belong to this page."""
        for frame in frames:  # one by one: together they could be more than fits
            if frame.is_empty():
                continue
            found = pl.concat([self._found, frame]).sort(_NEWEST_FIRST, descending=True).head(self._limit)
            self._found = next(slices(found, most=MOST_PAGE_BYTES))
            if self._found.height < found.height:
                self._limit = self._found.height  # the page is shorter

    def _narrow(self, window: Window) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
        wanted = [*window.conditions, _is_behind(self._start)]

        def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
            return entries.filter(*wanted).sort(_NEWEST_FIRST, descending=True).head(self._limit)

        return narrow

    def _is_full(self) -> bool:
        return self._found.height >= self._limit

    def _verdicts(self) -> dict[tuple[int, int], Verdict]:
        """What people say of the anomalies that were found."""
        pairs = self._found.filter("is_anomaly").select("source_id", "pattern_id").unique().rows()
        if not pairs:
            return {}
        with self._scan.db.transaction(project=self._scan.project) as tx:
            return verdicts_of(tx, self._scan.project, pairs=pairs)

    def _page(
        self, *, searched_until: datetime | None = None, now: datetime | None = None, at_end: bool = False
    ) -> Page:
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
            seconds_left=self._scan.seconds_left(searched_until, now=now) if searched_until and now else None,
            cost=self._scan.view(),
        )


def _is_behind(position: Position) -> pl.Expr:
    """Older than the position, or as old and of a lower id."""
    submission = pl.lit(UUID(int=position.id.int & ~INDEX_MASK).bytes, dtype=pl.Binary)
    same = pl.col("submission") == submission
    lower_id = (pl.col("submission") < submission) | (same & (pl.col("index") < (position.id.int & INDEX_MASK)))
    timestamp = pl.col("timestamp")
    return (timestamp < position.timestamp) | ((timestamp == position.timestamp) & lower_id)
