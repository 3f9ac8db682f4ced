"""What comes in, in the order in which it became visible: a client that polls misses nothing and sees nothing twice."""

import base64
import binascii
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks import (
    HOT_DAYS,
    NewChunk,
    Position,
    Reader,
    decoded_bytes,
    position_before,
    position_now,
    read_after,
    whole,
)
from oddline.database import Database
from oddline.entries import store
from oddline.entries.conditions import conditions
from oddline.entries.model import EntryQuery
from oddline.entries.view import entry_view
from oddline.errors import Gone, InvalidParameter
from oddline.feedback import verdicts_of
from oddline.objects import ObjectStore
from oddline.patterns import list_sources
from oddline.submissions import entry_id

LONGEST_BACK_S: Final = 86_400
CHUNKS_AT_ONCE: Final = 16
MOST_CHUNKS: Final = 400  # looked at for one answer: half a second
BUDGET_S: Final = 2.0
MOST_BYTES: Final = 24 * 1024 * 1024  # of entries of an answer, unpacked: behind it no further chunk is opened
NOTHING_READ: Final = -1  # of a chunk
_CURSOR: Final = struct.Struct(">IIQ16si")  # seconds since 1970, era, transaction, chunk, last row that was read of it
_LATEST_S: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class TailCursor:
    """How far a client has read: to the row `row` of the chunk at `position`.

    `at` tells how long what comes next is kept, UTC: the time of the chunk's day; where nothing came next, when that
    was.
    """

    at: datetime
    position: Position
    row: int = NOTHING_READ

    def encode(self) -> str:
        """As clients get it."""
        seconds = min(max(int(self.at.timestamp()), 0), _LATEST_S)
        place = self.position
        return base64.urlsafe_b64encode(
            _CURSOR.pack(seconds, place.era, place.xid, place.chunk.bytes, self.row)
        ).decode()

    @classmethod
    def decode(cls, cursor: str) -> "TailCursor":
        """What `encode` gave.

        Raises:
            InvalidParameter: it did not give this.
        """
        try:
            packed = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
            seconds, era, xid, chunk, row = _CURSOR.unpack(packed)
        except (binascii.Error, struct.error, UnicodeEncodeError) as error:
            raise InvalidParameter("after: the cursor is not one that was given", field="after") from error
        has_no_place = row > NOTHING_READ and not any(chunk)  # nothing comes before the first of ids
        if xid >= 2**63 or era >= 2**31 or row < NOTHING_READ or has_no_place:
            raise InvalidParameter("after: the cursor is not one that was given", field="after")
        return cls(datetime.fromtimestamp(seconds, UTC), Position(era, xid, UUID(bytes=chunk)), row)


@dataclass(frozen=True, slots=True)
class Tail:
    """Entries in the order in which they became visible, and the cursor behind the last one that was looked at.

    `caught_up` says whether nothing more was there; otherwise the next answer holds more at once. `cursors` are those
    behind each entry, for whoever sends fewer than were found.
    """

    entries: Sequence[dict[str, Any]]
    next: str
    caught_up: bool
    cursors: Sequence[TailCursor] = ()

    def cut(self, count: int) -> "Tail":
        """The first `count` entries alone, if there are more."""
        if count >= len(self.entries):
            return self
        return Tail(self.entries[:count], self.cursors[count - 1].encode(), caught_up=False)


def read_tail(
    query: EntryQuery,
    *,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    now: datetime,
    after: str | None = None,
    limit: int = 100,
    stopwatch: Callable[[], float] = time.monotonic,
) -> Tail:
    """What became visible behind the cursor `after`, as far as `query` asks for it; its times are not looked at.

    Without `after` it begins at the end; with a number, with what was scored in the last so many seconds.

    Raises:
        InvalidParameter: `after` is neither.
        Gone: the cursor is older than what is kept in this order.
        ChunkMissing, CorruptBody, DatabaseUnavailable: something cannot be read.
    """
    cursor = _start(after, db=db, project=project, now=now)
    if cursor.at.date() < now.date() - timedelta(days=HOT_DAYS):
        raise Gone(
            f"the cursor is of {cursor.at:%Y-%m-%d}; begin anew; a search finds what lies between", field="after"
        )
    wanted = list(conditions(query, _source_ids(query, db=db, project=project)))
    reader = Reader(db=db, objects=objects, project=project)
    frames: list[pl.DataFrame] = []
    cursors: list[TailCursor] = []
    found, held, caught_up, deadline = 0, 0, False, stopwatch() + BUDGET_S
    while (
        not caught_up and found < limit and held < MOST_BYTES and len(frames) < MOST_CHUNKS and stopwatch() < deadline
    ):
        chunks = _next_chunks(cursor, db=db, project=project, now=now)
        caught_up = not chunks
        for chunk in chunks:
            frame = _read(reader, chunk, cursor, wanted, limit=limit - found)
            frames.append(frame)
            cursors += [TailCursor(_kept_as_of(chunk), chunk.position, row) for row in frame["row"]]
            found, held = found + frame.height, held + decoded_bytes(frame)
            if found >= limit:
                cursor = cursors[-1]
                break
            cursor = TailCursor(_kept_as_of(chunk), chunk.position, chunk.entries - 1)
            if held >= MOST_BYTES:
                break
    if caught_up:
        cursor = replace(cursor, at=now)
    return Tail(_views(frames, db=db, project=project), cursor.encode(), caught_up, cursors)


def _start(after: str | None, *, db: Database, project: UUID, now: datetime) -> TailCursor:
    if after is not None and not after.isdecimal():
        return TailCursor.decode(after)
    if after is not None and (len(after) > len(str(LONGEST_BACK_S)) or int(after) > LONGEST_BACK_S):
        raise InvalidParameter(f"after: at most {LONGEST_BACK_S} seconds back", field="after")
    with db.transaction(project=project) as tx:
        end = position_now(tx)
        if after is None:
            return TailCursor(now, end)
        first = position_before(tx, project=project, moment=now - timedelta(seconds=int(after)))
    return TailCursor(now, end if first is None else min(first, end))


def _kept_as_of(chunk: NewChunk) -> datetime:
    """The day that a chunk is kept by: of its arrival, or the one before it was scored where that was much later.

    What was scored days late goes soon afterwards; until then whoever reads on is not told that it is gone.
    """
    day = chunk.arrival_day
    if chunk.analyzed_at is not None:
        day = max(day, chunk.analyzed_at.date() - timedelta(days=1))
    return datetime.combine(day, datetime.min.time(), UTC)


def _source_ids(query: EntryQuery, *, db: Database, project: UUID) -> tuple[int, ...] | None:
    if not query.sources:
        return None
    with db.transaction(project=project) as tx:
        return tuple(source.id for source in list_sources(tx, project, names=query.sources))


def _next_chunks(cursor: TailCursor, *, db: Database, project: UUID, now: datetime) -> list[NewChunk]:
    """The chunk of which some rows are still to be read, if there is one, and those behind it."""
    with db.transaction(project=project) as tx:
        if cursor.row == NOTHING_READ:
            after = cursor.position
        else:
            # The one right before the cursor's chunk in the order of ids, so that this one is given again.
            after = Position(cursor.position.era, cursor.position.xid, UUID(int=cursor.position.chunk.int - 1))
        chunks = read_after(tx, project=project, after=after, today=now.date(), limit=CHUNKS_AT_ONCE)
    return [one for one in chunks if one.position != cursor.position or cursor.row < one.entries - 1]


def _read(
    reader: Reader, chunk: NewChunk, cursor: TailCursor, wanted: Sequence[pl.Expr], *, limit: int
) -> pl.DataFrame:
    """The next rows of a chunk that are asked for, with their numbers in it as `row`."""
    first = cursor.row + 1 if chunk.position == cursor.position else 0

    def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
        numbered = entries.with_row_index("row").filter(pl.col("row") >= first)
        return (numbered.filter(*wanted) if wanted else numbered).head(limit)

    return pl.concat(reader.read([whole(chunk)], narrow))


def _views(frames: Sequence[pl.DataFrame], *, db: Database, project: UUID) -> list[dict[str, Any]]:
    """The entries as clients get them; odd ones with their explanation, where they are among the odd entries."""
    rows = [row for frame in frames for row in frame.iter_rows(named=True)]
    odd = {entry_id(UUID(bytes=row["submission"]), row["index"]): row for row in rows if row["is_anomaly"]}
    pairs = {(row["source_id"], row["pattern_id"]) for row in odd.values()}
    explanations: dict[UUID, Any] = {}
    verdicts: dict[tuple[int, int], Any] = {}
    if odd:
        with db.transaction(project=project) as tx:
            explanations = store.find_explanations(tx, project=project, entries=list(odd))
            verdicts = verdicts_of(tx, project, pairs=list(pairs))
    views = []
    for row in rows:
        verdict = verdicts.get((row["source_id"], row["pattern_id"])) if row["is_anomaly"] else None
        view = entry_view(row, verdict=verdict)
        views.append(view | {"explanation": explanations.get(UUID(view["id"]))})
    return views
