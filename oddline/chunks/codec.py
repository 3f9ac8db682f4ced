"""How the entries of a chunk become bytes and come back: Parquet, or compressed JSON lines for the smallest."""

import base64
import binascii
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np
import orjson
import polars as pl
import zstandard

from oddline.chunks.frame import SCHEMA, TIME, absent_value, complete
from oddline.chunks.model import Format
from oddline.chunks.sizes import rows_of_groups
from oddline.errors import CorruptBody

FEWEST_PARQUET_ROWS: Final = 100  # Parquet has 9 KB of its own in every blob: one line as JSON takes 300 bytes
ROW_GROUP_ROWS: Final = 20_000  # some 0.5 MB: about what comes from S3 in the time of one round trip
BORN_LEVEL: Final = 1  # of zstd: what is born is soon rewritten
COMPACTED_LEVEL: Final = 3
JSON_LEVEL: Final = 3
FEWEST_DETACHED_BYTES: Final = 1024 * 1024  # a smaller frame may be held as a whole
MOST_JSON_BYTES: Final = 64 * 1024 * 1024  # unpacked: 99 entries of 256 KB, all of which JSON has to escape, are half

_TIMES: Final = tuple(name for name, kind in SCHEMA.items() if kind == TIME)
_SINGLES: Final = tuple(name for name, kind in SCHEMA.items() if kind == pl.Float32())
_ABSENT: Final = {name: absent_value(name) for name in SCHEMA}
_STORED: Final = {name: pl.Int64() if name in _TIMES else kind for name, kind in SCHEMA.items()}


def encode(entries: pl.DataFrame) -> tuple[Format, bytes]:
    """The blob of a newborn chunk with these entries (at least one), in the form that is smaller for so many."""
    if entries.height < FEWEST_PARQUET_ROWS:
        return "jsonl", _to_json_lines(entries)
    return "parquet", to_parquet(entries, level=BORN_LEVEL)


def to_parquet(entries: pl.DataFrame, *, level: int) -> bytes:
    """Parquet with row groups of ROW_GROUP_ROWS, or fewer where they are large, compressed with zstd at `level`."""
    sink = BytesIO()
    rows = rows_of_groups(entries, most=ROW_GROUP_ROWS)
    # No statistics: what a reader could skip by stands in the chunk's row.
    entries.write_parquet(sink, compression="zstd", compression_level=level, statistics=False, row_group_size=rows)
    return sink.getvalue()


def decode(blob: bytes, *, form: Format) -> pl.DataFrame:
    """The entries in a chunk's blob, with the columns of SCHEMA.

    Raises:
        CorruptBody: the bytes are not such a blob.
    """
    return decode_json_lines([blob]) if form == "jsonl" else collect([scan_parquet([blob])])[0]


def scan_parquet(blobs: Sequence[bytes]) -> pl.LazyFrame:
    """The entries in Parquet blobs of one schema version, read as far as the query that is built on them needs.

    Run it with `collect`. Many blobs at once cost a fifth of what they cost one by one.

    Raises:
        CorruptBody: the bytes are not Parquet.
    """
    try:
        return complete(pl.scan_parquet(list(blobs)))
    except pl.exceptions.PolarsError as error:
        raise CorruptBody(f"a chunk's Parquet cannot be read: {error}") from error


def collect(queries: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    """The results of queries on `scan_parquet`, run side by side.

    Raises:
        CorruptBody: a blob's pages cannot be read.
    """
    try:
        return pl.collect_all(queries)
    except pl.exceptions.PolarsError as error:
        raise CorruptBody(f"a chunk's Parquet cannot be read: {error}") from error


def decode_json_lines(blobs: Sequence[bytes]) -> pl.DataFrame:
    """The entries of many small chunks in one frame: opened one by one they would cost 0.5 ms each.

    Raises:
        CorruptBody: the bytes of one are not compressed JSON lines.
    """
    try:
        rows = [row for blob in blobs for row in _rows(blob)]
        frame = pl.DataFrame(
            {name: [row.get(name, absent) for row in rows] for name, absent in _ABSENT.items()}, schema=_STORED
        )
    except (zstandard.ZstdError, orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, AttributeError) as error:
        raise CorruptBody(f"a chunk's JSON lines cannot be read: {error}") from error
    except pl.exceptions.PolarsError as error:
        raise CorruptBody(f"a chunk's JSON lines have other types: {error}") from error
    return frame.with_columns(pl.col(name).cast(TIME) for name in _TIMES)


def detached(kept: pl.DataFrame, *, of: pl.DataFrame) -> pl.DataFrame:
    """What was kept of a frame, without the memory of the rest: else its texts would hold on to those of all others."""
    if of.estimated_size() < FEWEST_DETACHED_BYTES or kept.estimated_size() * 2 > of.estimated_size():
        return kept
    return kept.with_columns(
        pl.Series(name, kept[name].to_list(), dtype=pl.String)
        for name, kind in kept.schema.items()
        if kind == pl.String
    )


def _to_json_lines(entries: pl.DataFrame) -> bytes:
    """One JSON object a line, without what is empty."""
    rows = entries.with_columns(pl.col(name).to_physical() for name in _TIMES).iter_rows(named=True)
    text = b"\n".join(orjson.dumps(_to_json(row), option=orjson.OPT_SERIALIZE_NUMPY) for row in rows)
    return zstandard.ZstdCompressor(level=JSON_LEVEL).compress(text)


def _to_json(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if value is not None and value != ""}
    # As single precision a float has 9 digits at most, as Python's own up to 17.
    singles = {name: np.float32(kept[name]) for name in _SINGLES if name in kept}
    return kept | singles | {"submission": base64.b64encode(row["submission"]).decode()}


def _rows(blob: bytes) -> list[dict[str, Any]]:
    text = zstandard.ZstdDecompressor().decompress(blob, max_output_size=MOST_JSON_BYTES)
    rows = [orjson.loads(line) for line in text.split(b"\n")]
    for row in rows:
        row["submission"] = base64.b64decode(row["submission"], validate=True)
    return rows
