"""Put the entries of each session together as they come in, until it is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import polars as pl

from oddline.chunks import SCHEMA

MOST_STEPS: Final = 10_000  # of one session, then it is closed
KEPT: Final = timedelta(hours=24)  # what stays open longer says nothing any more
MOST_OPEN: Final = 1_000_000  # entries of a project: some 20 MB that are read and written at each run

OPEN_SCHEMA: Final[dict[str, pl.DataType]] = {
    name: SCHEMA[name] for name in ("source_id", "session", "timestamp", "submission", "index", "pattern_id")
} | {"seen_at": SCHEMA["timestamp"]}
_KEY: Final = ["source_id", "session"]
_ORDER: Final = ["timestamp", "submission", "index"]


@dataclass(frozen=True, slots=True)
class Assembled:
    """Sessions that are over, one a row, and the entries of those that are not; `dropped` entries are in neither.

    `closed` has the columns of OPEN_SCHEMA, each but `source_id` and `session` as a list in the order of the entries.
    """

    closed: pl.DataFrame
    open: pl.DataFrame
    dropped: int


def with_session(entries: pl.LazyFrame) -> pl.LazyFrame:
    """What is kept of entries: only those of a session, only the columns of OPEN_SCHEMA but `seen_at`."""
    return entries.filter(pl.col("session") != "").select([name for name in OPEN_SCHEMA if name != "seen_at"])


def assemble(entries: pl.DataFrame, *, gap: timedelta, now: datetime) -> Assembled:
    """Close the sessions of these entries (OPEN_SCHEMA) that are over.

    A session is over when nothing of it has come in for `gap`, or at MOST_STEPS entries. Where its timestamps leave a
    larger gap (a file of a whole day comes in at once) it is cut into several.
    """
    kept = (
        entries.filter(pl.col("seen_at") > now - KEPT)
        .sort("seen_at", descending=True, maintain_order=True)
        .head(MOST_OPEN)
    )
    is_over = (pl.col("seen_at").max().over(_KEY) <= now - gap) | (pl.len().over(_KEY) >= MOST_STEPS)
    judged = kept.with_columns(is_over.alias("is_over"))
    over = judged.filter("is_over").drop("is_over").sort(*_KEY, *_ORDER)
    still = judged.filter(~pl.col("is_over")).drop("is_over")
    return Assembled(closed=_cut(over, gap=gap), open=still, dropped=len(entries) - len(kept))


def _cut(over: pl.DataFrame, *, gap: timedelta) -> pl.DataFrame:
    """One row for each session; `over` is ordered."""
    begins = (pl.col("timestamp").diff() > gap).fill_null(value=False).cum_sum().over(_KEY).alias("part")
    piece = (pl.int_range(pl.len()).over(*_KEY, "part") // MOST_STEPS).alias("piece")
    lists = [name for name in OPEN_SCHEMA if name not in _KEY]
    sessions = over.with_columns(begins).with_columns(piece).group_by(*_KEY, "part", "piece", maintain_order=True)
    return sessions.agg(lists).drop("part", "piece")


def pack_open(entries: pl.DataFrame) -> bytes:
    """The entries of open sessions as one compressed blob."""
    sink = BytesIO()
    entries.write_parquet(sink, compression="zstd", compression_level=3, statistics=False)
    return sink.getvalue()


def unpack_open(blob: bytes | None) -> pl.DataFrame:
    """What `pack_open` was given; nothing where there was no blob yet."""
    return pl.DataFrame(schema=OPEN_SCHEMA) if blob is None else pl.read_parquet(BytesIO(blob), hive_partitioning=False)
