"""Entries of chunks as counts by source, pattern and bin, with the last entry of each."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from oddline.scoring.rates.model import BIN_S, NEAR

_ENTRY: Final = ("submission", "index", "timestamp", "received")
COUNTED: Final[dict[str, pl.DataType]] = {
    "source_id": pl.Int64(),
    "pattern_id": pl.Int64(),
    "bin": pl.Int64(),
    "count": pl.Int64(),
    "lag": pl.Int64(),
    "submission": pl.Binary(),
    "index": pl.Int64(),
    "timestamp": pl.Int64(),
    "received": pl.Int64(),
}
"""`lag`: seconds by which the latest of the entries came in after its time; `submission` to `received` are those of
the last entry, times in microseconds from 1970."""


def counted(entries: pl.LazyFrame) -> pl.LazyFrame:
    """Entries as COUNTED: only those that came in near their own time."""
    lag = pl.col("received") - pl.col("timestamp")
    near = int(NEAR.total_seconds() * 1e6)
    return (
        entries.select(
            *(pl.col(name).cast(pl.Int64) for name in ("source_id", "pattern_id", "index")),
            pl.col("timestamp").dt.epoch("us"),
            pl.col("received_at").dt.epoch("us").alias("received"),
            pl.col("submission"),
        )
        .filter(lag.abs() <= near)
        .with_columns((pl.col("timestamp") // (BIN_S * 1_000_000)).alias("bin"), (lag // 1_000_000).alias("lag"))
        .group_by("source_id", "pattern_id", "bin")
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("lag").max(),
            *(pl.col(name).sort_by("timestamp").last() for name in _ENTRY if name != "timestamp"),
            pl.col("timestamp").max(),
        )
        .select(list(COUNTED))
    )


def joined(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several chunks, one row for each source, pattern and bin."""
    together = pl.concat([pl.DataFrame(schema=COUNTED), *parts])
    return (
        together.sort("timestamp", maintain_order=True)
        .group_by("source_id", "pattern_id", "bin", maintain_order=True)
        .agg(pl.col("count").sum(), pl.col("lag").max(), *(pl.col(name).last() for name in _ENTRY))
        .sort("source_id", "bin", "pattern_id")
    )
