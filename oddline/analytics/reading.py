"""Read all entries of a window out of chunks, some at a time, however many there are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

import polars as pl

from oddline.analytics.folding import Fold, Narrow
from oddline.analytics.model import Step, Window, floor
from oddline.analytics.tasks import OfWindow
from oddline.chunks import Part, Reader, Wanted, list_parts
from oddline.errors import ChunkMissing
from oddline.patterns import list_sources
from oddline.tasks import TaskContext

BYTES_AT_ONCE: Final = 64 * 1024 * 1024  # unpacked, after which it is said how far it is
LATEST: Final = timedelta(days=1)  # behind now: no entry is taken that is of a later time


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is listed at once, and read again as a whole where it changed meanwhile."""

    window: Window
    late: bool


def read_window(asked: OfWindow, context: TaskContext, fold: Fold) -> pl.DataFrame:
    """What a window's entries come to; it says how far it is as it goes.

    Raises:
        ChunkMissing, CorruptBody: some of it cannot be read, though it was tried twice.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    return fold.of(_Scan(asked, context, fold).totals())


def read_parts(
    parts: Sequence[Part], narrow: Narrow, *, reader: Reader, report: Callable[[float], None] = lambda _: None
) -> Iterator[pl.DataFrame]:
    """What `narrow` leaves of parts, some of them at a time, in no order; `report` is told how far it is, 0 to 1.

    Raises:
        As `Reader.read`.
    """
    done, rows = 0, sum(part.group.rows for part in parts)
    for batch in _batches(parts):
        yield from reader.read(batch, narrow)
        done += sum(part.group.rows for part in batch)
        report(done / rows)


class _Scan:
    def __init__(self, asked: OfWindow, context: TaskContext, fold: Fold) -> None:
        self._asked = asked
        self._context = context
        self._fold = fold
        self._reader = Reader(db=context.db, objects=context.objects, project=asked.project)
        self._source_ids = self._find_source()
        end = min(asked.time_to, context.clock() + LATEST)
        self._pieces = _pieces(Window(asked.time_from.astimezone(UTC), end.astimezone(UTC)))

    def totals(self) -> Iterator[pl.DataFrame]:
        """What each piece comes to."""
        for number in range(len(self._pieces)):
            try:
                total = self._read(number)
            except ChunkMissing:
                # Compaction or retention passed between the list and the reading: the list of now is true again.
                total = self._read(number)
            yield total
            self._report(number, 1.0)
            if self._fold.is_enough(total):
                return

    def _read(self, number: int) -> pl.DataFrame:
        piece = self._pieces[number]

        def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
            timestamp = pl.col("timestamp")
            asked = entries.filter(timestamp >= piece.window.start, timestamp < piece.window.end)
            if self._source_ids is not None:
                asked = asked.filter(pl.col("source_id").is_in(self._source_ids))
            return self._fold.narrow(asked)

        parts = self._list(piece)
        return self._fold.of(
            read_parts(parts, narrow, reader=self._reader, report=lambda share: self._report(number, share))
        )

    def _report(self, number: int, share: float) -> None:
        self._context.report((number + share) / len(self._pieces))

    def _find_source(self) -> tuple[int, ...] | None:
        """The id of the source that is asked for, nothing where there is none of that name; None when all are."""
        if self._asked.source is None:
            return None
        with self._context.db.transaction() as tx:
            return tuple(one.id for one in list_sources(tx, self._asked.project, names=[self._asked.source]))

    def _list(self, piece: _Piece) -> list[Part]:
        wanted = Wanted(
            time_from=piece.window.start, time_to=piece.window.end, late=piece.late, source_ids=self._source_ids
        )
        with self._context.db.transaction() as tx:
            return list_parts(tx, project=self._asked.project, wanted=wanted, today=self._context.clock().date())


def _pieces(whole: Window) -> list[_Piece]:
    """A window by days (UTC), over none of which a chunk reaches, and what came late to all of them together.

    A late chunk may reach over many days, each of which would open it again.
    """
    pieces: list[_Piece] = []
    begin = whole.start
    while begin < whole.end:
        end = min(floor(begin, Step.DAY) + timedelta(seconds=Step.DAY), whole.end)
        pieces.append(_Piece(Window(begin, end), late=False))
        begin = end
    return [*pieces, _Piece(whole, late=True)] if pieces else []


def _batches(parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
    batch: list[Part] = []
    held = 0
    for part in parts:
        batch.append(part)
        held += part.group.decoded
        if held >= BYTES_AT_ONCE:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
