"""Entries of chunks as counts by minute, source and pattern, from which every rollup is added up."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from oddline.analytics.model import SEVERITIES, PatternStep, Step

_SEVERITY_RANGE: Final = 4  # severity numbers to a name
_KEY: Final = ("minute", "source_id", "pattern_id")
COUNTED: Final[dict[str, pl.DataType]] = {
    "minute": pl.Int64(),
    "source_id": pl.Int64(),
    "pattern_id": pl.Int64(),
    "entries": pl.Int64(),
    "anomalies": pl.Int64(),
    **dict.fromkeys(SEVERITIES, pl.Int64()),
    "highest_score": pl.Float32(),
    "arrival_day": pl.Date(),
}
"""`minute` in seconds from 1970; `arrival_day` is the latest of the entries'."""
_SUMS: Final = (
    pl.col("entries", "anomalies", *SEVERITIES).sum(),
    pl.col("highest_score", "arrival_day").max(),
)


def counted(entries: pl.LazyFrame) -> pl.LazyFrame:
    """Entries as COUNTED."""
    severity = (pl.col("severity_number").cast(pl.Int64) + _SEVERITY_RANGE - 1) // _SEVERITY_RANGE
    return (
        entries.with_columns(
            (pl.col("timestamp").dt.epoch("s") // Step.MINUTE * Step.MINUTE).alias("minute"),
            pl.col("source_id", "pattern_id").cast(pl.Int64),
            severity.alias("severity_name"),
        )
        .group_by(_KEY)
        .agg(
            pl.len().cast(pl.Int64).alias("entries"),
            pl.col("is_anomaly").sum().cast(pl.Int64).alias("anomalies"),
            *(
                (pl.col("severity_name") == place).sum().cast(pl.Int64).alias(name)
                for place, name in enumerate(SEVERITIES)
            ),
            pl.col("score").max().alias("highest_score"),
            pl.col("received_at").max().dt.date().alias("arrival_day"),
        )
        .select(list(COUNTED))
    )


def counted_apart(entries: pl.LazyFrame) -> pl.LazyFrame:
    """Entries as COUNTED twice: by hour (its first minute) and source, and by source and pattern.

    Together that is far less than by all three, however long the window. What it is not by is null.
    """
    counts = counted(entries)
    nothing = pl.lit(None, dtype=pl.Int64)
    hour = pl.col("minute") // Step.HOUR * Step.HOUR
    kinds = (counts.with_columns(minute=hour, pattern_id=nothing), counts.with_columns(minute=nothing))
    return pl.concat([kind.group_by(_KEY).agg(_SUMS).select(list(COUNTED)) for kind in kinds])


def added_up(counts: pl.DataFrame) -> pl.DataFrame:
    """COUNTED with one row for what is of one minute, source and pattern."""
    return _added_up(counts, by=_KEY)


def joined(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several chunks, one row for each minute, source and pattern."""
    return added_up(pl.concat([pl.DataFrame(schema=COUNTED), *parts]))


def by_source(counts: pl.DataFrame, step: Step) -> pl.DataFrame:
    """Counts by slot (`slot`, a time) and source."""
    return _added_up(_slotted(counts, step), by=("slot", "source_id"))


def by_pattern(counts: pl.DataFrame, step: PatternStep) -> pl.DataFrame:
    """Counts by slot (`slot`, a time), source and pattern."""
    return _added_up(_slotted(counts, step), by=("slot", "source_id", "pattern_id"))


def _slotted(counts: pl.DataFrame, step: int) -> pl.DataFrame:
    slot = pl.from_epoch(pl.col("minute") // step * step, time_unit="s").dt.replace_time_zone("UTC")
    return counts.with_columns(slot.alias("slot"))


def _added_up(counts: pl.DataFrame, *, by: tuple[str, ...]) -> pl.DataFrame:
    return counts.group_by(by).agg(_SUMS).sort(by)
