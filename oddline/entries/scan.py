"""Go through the chunks that may hold what a query asks for, newest first, and count what that costs."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks import Part, Reader, Skipped, Wanted, list_wanted, newest_before
from oddline.database import Database
from oddline.entries.conditions import conditions, words_of
from oddline.entries.model import EntryQuery
from oddline.objects import ObjectStore
from oddline.patterns import list_sources
from oddline.submissions import EARLIEST

BUDGET_S: Final = 10.0
LONG_S: Final = 60.0  # what takes longer is not estimated any better
BUDGET_BYTES: Final = 200 * 1024 * 1024
AHEAD: Final = timedelta(days=2)  # what submissions take ends a day from now; another for clocks that differ
FIRST_WINDOW: Final = timedelta(minutes=15)  # of time that chunks are listed for
SMALLEST_WINDOW: Final = timedelta(minutes=1)  # that a window with too many rows is made
WINDOW_GROWTH: Final = 16  # few windows, since what was merged spans hours and is opened again in each
MANY_ROWS: Final = 5_000  # of one list: the next window is not made larger
FEWEST_PARTS: Final = 4  # of objects opened at once: asking once more costs more than reading what was not needed
MOST_PARTS: Final = 16  # of objects opened at once
ASKED_PARTS: Final = 64  # of objects whose filters of words are asked at once
MOST_ROWS: Final = 200_000  # opened at once
MOST_REGEX_ROWS: Final = 20_000  # the same where each row can be slow: between two such the time is looked at
MOST_BYTES: Final = 32 * 1024 * 1024  # opened at once
MOST_DECODED_BYTES: Final = 64 * 1024 * 1024  # the same unpacked: between two such the time is looked at
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class Cost:
    """What a search took: `considered`, `opened` and `skipped` count parts, `rows` the rows that told of them."""

    rows: int = 0
    considered: int = 0
    opened: int = 0
    entries: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)

    def view(self, *, bytes_read: int, seconds: float) -> dict[str, Any]:
        """As clients get it."""
        return {
            "metadata_rows": self.rows,
            "chunks_considered": self.considered,
            "chunks_opened": self.opened,
            "chunks_skipped": dict(sorted(self.skipped.items())),
            "entries_scanned": self.entries,
            "bytes": bytes_read,
            "seconds": round(seconds, 4),
        }


class Scan:
    """Windows of time from `top` down, in each the parts in the order of their reach.

    The windows grow, so that few chunks are listed where entries are dense and few lists made where they are not.

    Args:
        budget_s: seconds that it may take, whatever it reads; None: what one answer may take, and read.
    """

    def __init__(
        self,
        query: EntryQuery,
        *,
        db: Database,
        objects: ObjectStore,
        project: UUID,
        budget_s: float | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.query = query
        self.db = db
        self.project = project
        self._objects = objects
        self.reader = Reader(db=db, objects=objects, project=project)
        self.cost = Cost()
        self.low = max(query.time_from or EARLIEST, EARLIEST)
        self._words = words_of(query)
        self._budget_s = budget_s
        self._stopwatch = stopwatch
        self._began = stopwatch()

    def windows(self, top: datetime, *, now: datetime, most_rows: int | None = None) -> "Iterator[Window]":
        """The windows below `top`; each must be gone through before the next is taken.

        Args:
            most_rows: that a window may have in its parts; one with more is made smaller, as far as that goes.
        """
        if self.query.time_to is not None:
            top = min(top, self.query.time_to)
        source_ids = self._source_ids()
        width = FIRST_WINDOW
        while self.low < top and source_ids != ():
            bottom = max(min(top, now) - width, self.low)
            window = Window(self, bottom=bottom, top=top, source_ids=source_ids, now=now)
            if most_rows is not None and window.entries_left > most_rows and width > SMALLEST_WINDOW:
                width /= WINDOW_GROWTH
                continue
            yield window
            top = self._skip_emptiness(bottom, now=now) if window.was_empty else bottom
            if window.rows < MANY_ROWS:
                width *= WINDOW_GROWTH

    def is_spent(self) -> bool:
        """Whether what it may take is used up."""
        if self._budget_s is not None:
            return self.seconds() > self._budget_s
        return self.seconds() > BUDGET_S or self.reader.bytes_read > BUDGET_BYTES

    def seconds(self) -> float:
        """Since the search began."""
        return self._stopwatch() - self._began

    def seconds_left(self, until: datetime, *, now: datetime) -> float:
        """How long it would take from `until` on, as fast as it went so far; at least that, if it is long.

        Raises:
            DatabaseUnavailable: no answer.
        """
        bytes_per_s = max(self.reader.bytes_read, 1) / max(self.seconds(), 0.001)
        rest = Scan(self.query, db=self.db, objects=self._objects, project=self.project, stopwatch=self._stopwatch)
        seconds = 0.0
        for window in rest.windows(until, now=now):
            seconds += window.bytes_left / bytes_per_s
            if seconds > LONG_S:
                break
        return round(seconds, 1)

    def view(self) -> dict[str, Any]:
        """What it cost so far, as clients get it."""
        return self.cost.view(bytes_read=self.reader.bytes_read, seconds=self.seconds())

    def list(self, bottom: datetime, top: datetime, *, source_ids: tuple[int, ...] | None, now: datetime) -> list[Part]:
        """The parts that may hold what is asked for in a time, without what was told by filters in rows."""
        wanted = Wanted(
            time_from=bottom,
            time_to=top,
            source_ids=source_ids,
            severities=self.query.severity_mask(),
            score_minimum=self.query.score_minimum,
            anomalies_only=self.query.is_anomaly is True,
            pattern_id=self.query.pattern_id,
            words=self._words,
        )
        with self.db.transaction(project=self.project) as tx:
            listing = list_wanted(tx, project=self.project, wanted=wanted, today=now.date())
        self.cost.rows += listing.rows
        self.cost.considered += len(listing.parts) + listing.skipped.total()
        self.cost.skipped += listing.skipped
        return listing.parts

    def without_words(self, parts: Sequence[Part]) -> Sequence[Part]:
        """The parts without those whose filter in their object tells that what is asked for is not in them."""
        if not self._words:
            return parts
        left = self.reader.without_words(parts, self._words)
        self.cost.skipped["words"] += len(parts) - len(left)
        return left

    def _source_ids(self) -> tuple[int, ...] | None:
        """The ids of the sources that are asked for; None when all are."""
        if not self.query.sources:
            return None
        with self.db.transaction(project=self.project) as tx:
            return tuple(source.id for source in list_sources(tx, self.project, names=self.query.sources))

    def _skip_emptiness(self, moment: datetime, *, now: datetime) -> datetime:
        """The end of what may hold entries before a moment."""
        with self.db.transaction(project=self.project) as tx:
            newest = newest_before(tx, project=self.project, moment=moment, today=now.date())
        return self.low if newest is None else newest + MICROSECOND


class Window:
    """The parts of one window that are still to be opened; the reach of one is the highest time of an entry in it."""

    def __init__(
        self, scan: Scan, *, bottom: datetime, top: datetime, source_ids: tuple[int, ...] | None, now: datetime
    ) -> None:
        self.bottom, self.top = bottom, top
        self._scan = scan
        self._source_ids, self._now = source_ids, now
        rows_before = scan.cost.rows
        self._parts = scan.list(bottom, top, source_ids=source_ids, now=now)
        self._parts.sort(key=self._reach, reverse=True)
        self.last_reach = top
        self._next = 0
        self._asked = 0
        self.rows = scan.cost.rows - rows_before
        self.was_empty = not self._parts
        self.conditions = [
            pl.col("timestamp") >= bottom,
            pl.col("timestamp") < top,
            *conditions(scan.query, source_ids),
        ]

    @property
    def reach(self) -> datetime | None:
        """Of the next part; None when all are opened."""
        return self._reach(self._parts[self._next]) if self._next < len(self._parts) else None

    @property
    def bytes_left(self) -> int:
        """Of the parts that are still to be opened."""
        return sum(part.group.end - part.group.start for part in self._parts[self._next :])

    @property
    def entries_left(self) -> int:
        """In the parts that are still to be opened, be they asked for or not."""
        return sum(part.group.rows for part in self._parts[self._next :])

    def again(self) -> "Window":
        """The same time, as it is now: compaction or retention has passed, and a part that was listed is gone."""
        return Window(self._scan, bottom=self.bottom, top=self.top, source_ids=self._source_ids, now=self._now)

    def take(self, *, rows: int, decoded: int = MOST_DECODED_BYTES) -> Sequence[Part]:
        """The next parts to open at once: about `rows` rows of them, and no more than can be held.

        Args:
            decoded: bytes that they may have unpacked.
        """
        if self._next >= self._asked:
            self._ask_filters()
        end, held_rows, held_bytes, held_decoded, objects = self._next, 0, 0, 0, 0
        while end < self._asked and held_bytes < MOST_BYTES and held_decoded < decoded and objects < MOST_PARTS:
            if held_rows >= rows and not 0 < objects < FEWEST_PARTS:
                break
            part = self._parts[end]
            held_rows += part.group.rows
            held_bytes += part.group.end - part.group.start
            held_decoded += part.group.decoded
            objects += part.place.object_key is not None
            end += 1
        taken = self._parts[self._next : end]
        if taken:
            self.last_reach = self._reach(taken[-1])
        self._next = end
        self._scan.cost.opened += len(taken)
        self._scan.cost.entries += held_rows
        return taken

    def _ask_filters(self) -> None:
        """Drop of the next parts those that the filters in their objects rule out."""
        end = self._next
        objects = 0
        while end < len(self._parts) and objects < ASKED_PARTS:
            objects += self._parts[end].place.filter_header is not None
            end += 1
        left = self._scan.without_words(self._parts[self._next : end])
        self._parts[self._next : end] = left
        self._asked = self._next + len(left)

    def _reach(self, part: Part) -> datetime:
        return min(part.group.highest_time, self.top - MICROSECOND)
