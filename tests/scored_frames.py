"""Scored entries as the tests of chunks and entries need them: a frame of `oddline.chunks.SCHEMA`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from oddline.chunks import SCHEMA
from oddline.submissions import new_submission_id

NOON = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
"""Of tomorrow: what the real clock stamps (verdicts, ids of chunks) comes before it, whatever hour it is. Partitions
are there for the days around today only."""


def scored_frame(count: int, *, spacing: timedelta = timedelta(seconds=1), **columns: Any) -> pl.DataFrame:
    """`count` entries of one submission, `spacing` apart from NOON on; `columns` are values, or lists of `count`."""
    values: dict[str, Any] = {
        "submission": new_submission_id(clock_ns=lambda: int(NOON.timestamp()) * 10**9).bytes,
        "index": range(count),
        "timestamp": [NOON + spacing * number for number in range(count)],
        "received_at": NOON,
        "severity_number": 9,
        "severity_text": "INFO",
        "source_id": 1,
        "source": "checkout",
        "message": [f"request {number} took {number % 97} ms" for number in range(count)],
        "attributes": "",
        "trace_id": "",
        "span_id": "",
        "session": "",
        "pattern_id": 1,
        "score": 0.25,
        "severity": 0.5,
        "novelty": 0.5,
        "is_anomaly": False,
        "threshold": 0.9,
        "calibration_version": 0,
        "model_version": "general-6",
        "mask_version": 1,
        "analyzed_at": NOON,
        "processing_time": 0.0001,
        "nearest_pattern": None,
        "shadow_score": None,
    } | columns
    lists = {name: value if isinstance(value, list | range) else [value] * count for name, value in values.items()}
    return pl.DataFrame(lists, schema=SCHEMA)
