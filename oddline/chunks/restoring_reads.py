"""What a restore must know of the entries here, while merges go on: which are here, and whether so many are."""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import restoring_store as store
from oddline.chunks.model import MergeGroup, Part
from oddline.chunks.reader import Narrow, Reader
from oddline.chunks.restoring_store import Found
from oddline.database import Database
from oddline.errors import ChunkMissing, CorruptBody
from oddline.submissions import submission_of

TRIES: Final = 5  # of reading what is here, while merges go on
ID: Final = ("submission", "index")

Read = Callable[[Sequence[Part], Narrow], list[pl.DataFrame]]


def missing_of(
    entries: pl.DataFrame, reader: Reader, *, db: Database, group: MergeGroup, seen: Collection[UUID] = ()
) -> tuple[pl.DataFrame, set[UUID]]:
    """Those of a group's entries that are not here, and the chunks that say so.

    Args:
        seen: chunks that hold none of them, as is known already.

    Raises:
        ChunkMissing, CorruptBody: a chunk here cannot be read.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    wanted = entries.select(ID)
    lowest, highest = (
        UUID(bytes=one) for one in wanted.select(low=pl.min("submission"), high=pl.max("submission")).row(0)
    )

    def narrow(found: pl.LazyFrame) -> pl.LazyFrame:
        return found.select(ID).join(wanted.lazy(), on=ID, how="semi")

    def list_unseen() -> list[Part]:
        listed = store.list_overlapping(db, group, lowest=lowest, highest=highest)
        return [part for part in listed if part.place.chunk not in seen]

    frames, parts = _read_now(list_unseen, reader.read, narrow)
    left = entries.join(pl.concat([wanted.clear(), *frames]), on=ID, how="anti")
    return left, {*seen, *(part.place.chunk for part in parts)}


def are_here(
    unread: Sequence[Found], reader: Reader, *, db: Database, backup_reader: Reader, backup_db: Database
) -> bool:
    """Whether, by their number, all entries of a group's chunks of the backup are here, though those cannot be read.

    Counted are the entries here between the ids and times of such a chunk, less those that other chunks of the backup
    have there. To be asked when all that can be read of the backup is here.

    Raises:
        ChunkMissing, CorruptBody: a chunk here cannot be read.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    group, own = unread[0].group, {one.id for one in unread}
    lowest, highest = min(one.lowest_id for one in unread), max(one.highest_id for one in unread)
    among_theirs = pl.any_horizontal([_between(one) for one in unread])

    def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
        return entries.filter(among_theirs).select(pl.len())

    def list_here() -> list[Part]:
        return _near(unread, store.list_overlapping(db, group, lowest=lowest, highest=highest))

    here, _ = _read_now(list_here, reader.read, narrow)
    others = _near(unread, store.list_overlapping(backup_db, group, lowest=lowest, highest=highest))
    of_others = 0
    for place, parts in groupby(others, key=lambda part: part.place):
        if place.chunk in own:
            continue
        try:
            of_others += _total(backup_reader.read(list(parts), narrow))
        except (ChunkMissing, CorruptBody):
            of_others += place.entries  # of which any may be among them
    return _total(here) - of_others >= sum(one.entries for one in unread)


def _read_now(listed: Callable[[], list[Part]], read: Read, narrow: Narrow) -> tuple[list[pl.DataFrame], list[Part]]:
    for _ in range(TRIES - 1):
        parts = listed()
        try:
            return read(parts, narrow), parts
        except ChunkMissing:
            continue  # compaction passed between the list and the reading: the list of now is true again
    parts = listed()
    return read(parts, narrow), parts


def _near(unread: Iterable[Found], parts: Iterable[Part]) -> list[Part]:
    """The parts that reach into the time of one of the chunks."""
    times = [(one.lowest_time, one.highest_time) for one in unread]
    return [
        part
        for part in parts
        if any(part.group.lowest_time <= highest and part.group.highest_time >= lowest for lowest, highest in times)
    ]


def _between(chunk: Found) -> pl.Expr:
    lowest, highest = (submission_of(one).bytes for one in (chunk.lowest_id, chunk.highest_id))
    return pl.col("submission").is_between(pl.lit(lowest), pl.lit(highest)) & pl.col("timestamp").is_between(
        chunk.lowest_time, chunk.highest_time
    )


def _total(counts: Iterable[pl.DataFrame]) -> int:
    return sum(int(frame["len"].sum()) for frame in counts)
