"""The columns that scored entries have everywhere: from scoring into chunks and out of them again."""

from typing import Final

import polars as pl

TIME: Final = pl.Datetime("us", "UTC")

SCHEMA_VERSION: Final = 1
SCHEMA: Final[dict[str, pl.DataType]] = {
    "submission": pl.Binary(),
    "index": pl.UInt16(),
    "timestamp": TIME,
    "received_at": TIME,
    "severity_number": pl.UInt8(),
    "severity_text": pl.String(),
    "source_id": pl.Int32(),
    "source": pl.String(),
    "message": pl.String(),
    "attributes": pl.String(),
    "trace_id": pl.String(),
    "span_id": pl.String(),
    "session": pl.String(),
    "pattern_id": pl.Int32(),
    "score": pl.Float32(),
    "severity": pl.Float32(),
    "novelty": pl.Float32(),
    "is_anomaly": pl.Boolean(),
    "threshold": pl.Float32(),
    "calibration_version": pl.Int16(),
    "model_version": pl.String(),
    "mask_version": pl.UInt8(),
    "analyzed_at": TIME,
    "processing_time": pl.Float32(),
    "nearest_pattern": pl.Int32(),
    "shadow_score": pl.Float32(),
}
"""Entry id = `submission` | `index`; `processing_time` in seconds; strings are empty where there is nothing, and only
`nearest_pattern` and `shadow_score` may be null."""

NULLABLE: Final = frozenset({"nearest_pattern", "shadow_score"})


def complete(stored: pl.LazyFrame) -> pl.LazyFrame:
    """`stored` in today's shape: what an older version of the schema lacked is filled with what says "not known"."""
    present = set(stored.collect_schema())
    if present == set(SCHEMA):
        return stored.select(list(SCHEMA))
    return stored.select(
        pl.col(name) if name in present else pl.lit(absent_value(name), dtype=kind).alias(name)
        for name, kind in SCHEMA.items()
    )


def absent_value(name: str) -> str | int | None:
    """What says "not known" in a column."""
    if name in NULLABLE:
        return None
    return "" if SCHEMA[name] == pl.String() else 0
