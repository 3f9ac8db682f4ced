"""What a merge makes of sorted entries: pieces, each with its Parquet, its row and the filter of its words."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks.building import bounds
from oddline.chunks.codec import COMPACTED_LEVEL, to_parquet
from oddline.chunks.footer import footer_offset, row_group_extents
from oddline.chunks.frame import SCHEMA_VERSION
from oddline.chunks.model import CompactedChunk, MergeGroup, RowGroup
from oddline.chunks.sizes import decoded_bytes
from oddline.chunks.word_filter import make
from oddline.chunks.words import hashes_of

ENOUGH_ENTRIES: Final = 100_000  # to merge, to be of the day's level at once, and for a source to have its own objects
MOST_ENTRIES: Final = 300_000  # of an object, and of a merge
MOST_OBJECT_BYTES: Final = 16 * 1024 * 1024
LARGEST_ROW_FILTER: Final = 16 * 1024  # bytes: a larger filter of words stands in the object, where there is one
SMALL_BYTES: Final = 256 * 1024  # a result below this stays in its row until the day's level
OBJECT_PREFIX: Final = "chunks"
SORT_ORDER: Final = ("source_id", "timestamp", "submission", "index")


def object_key(project: UUID, *, day: str, chunk: UUID) -> str:
    """Where a chunk's object stands: a new chunk, a new key, so that nobody ever overwrites another's."""
    return f"{OBJECT_PREFIX}/{project}/{day}/{chunk}"


def encoded_pieces(entries: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, bytes]]:
    """Sorted entries in pieces, each with its Parquet, of at most MOST_ENTRIES and MOST_OBJECT_BYTES."""
    for piece in _pieces(entries):
        yield from _encode_or_halve(piece)


def _encode_or_halve(piece: pl.DataFrame) -> Iterable[tuple[pl.DataFrame, bytes]]:
    blob = to_parquet(piece, level=COMPACTED_LEVEL)
    if len(blob) <= MOST_OBJECT_BYTES or piece.height == 1:
        return [(piece, blob)]
    half = piece.height // 2
    return [*_encode_or_halve(piece[:half]), *_encode_or_halve(piece[half:])]


def _pieces(entries: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Sources with more than ENOUGH_ENTRIES in pieces of their own, the others together."""
    counts = entries.group_by("source_id", maintain_order=True).len()["len"]
    start = end = 0
    for count in counts:
        if count > ENOUGH_ENTRIES or end - start + count > MOST_ENTRIES:
            if end > start:
                yield entries[start:end]
            start = end
        end += count
        if count > ENOUGH_ENTRIES:
            for offset in range(start, end, MOST_ENTRIES):
                yield entries[offset : min(offset + MOST_ENTRIES, end)]
            start = end
    if end > start:
        yield entries[start:end]


def merge_chunk(
    piece: pl.DataFrame, *, group: MergeGroup, level: int, identifier: UUID, blob: bytes, now: datetime
) -> CompactedChunk:
    """The chunk that holds the entries `piece`, of which `blob` is the Parquet."""
    stays_in_row = level == 1 and len(blob) < SMALL_BYTES
    row_groups = row_groups_of(piece, blob)
    token_filter, blob = _with_filter(piece, row_groups, blob, is_object=not stays_in_row)
    key = object_key(group.project, day=group.arrival_day.isoformat(), chunk=identifier)
    return CompactedChunk(
        id=identifier,
        project=group.project,
        arrival_day=group.arrival_day,
        level=level,
        format="parquet",
        schema_version=SCHEMA_VERSION,
        late=group.late,
        entries=piece.height,
        anomalies=int(piece["is_anomaly"].sum()),
        pattern_ids=tuple(piece["pattern_id"].unique().sort().to_list()),
        bytes=len(blob),
        object_key=None if stays_in_row else key,
        footer_offset=footer_offset(blob),
        row_groups=row_groups,
        created_at=now,
        token_filter=token_filter,
        blob=blob,
        **bounds(piece),
    )


def _with_filter(
    piece: pl.DataFrame, row_groups: Sequence[RowGroup], blob: bytes, *, is_object: bool
) -> tuple[bytes, bytes]:
    """What the row says of the words in the entries `piece`, and the blob, which holds a large filter itself.

    There it stands before the footer, where Parquet lets anything stand: other tools read such an object as before.
    """
    header, blocks = filter_of(piece, row_groups)
    if not is_object or len(blocks) <= LARGEST_ROW_FILTER:
        return header + blocks, blob
    offset = footer_offset(blob)
    return header, blob[:offset] + blocks + blob[offset:]


def filter_of(piece: pl.DataFrame, row_groups: Sequence[RowGroup]) -> tuple[bytes, bytes]:
    """The header and the blocks of the filter of the words in the entries `piece`."""
    ends = accumulate(group.rows for group in row_groups)
    rows = [piece[end - group.rows : end] for group, end in zip(row_groups, ends, strict=True)]
    shape, blocks = make([hashes_of(entries) for entries in rows])
    return shape.header(), blocks


def row_groups_of(piece: pl.DataFrame, blob: bytes) -> tuple[RowGroup, ...]:
    """Where the row groups of `blob` lie, which is the Parquet of the entries `piece`."""
    groups = []
    offset = 0
    for extent in row_group_extents(blob):
        rows = piece[offset : offset + extent.rows]
        known: dict[str, Any] = {"start": extent.start, "end": extent.end, "decoded": decoded_bytes(rows)}
        groups.append(RowGroup(rows=extent.rows, **known, **bounds(rows)))
        offset += extent.rows
    return tuple(groups)
