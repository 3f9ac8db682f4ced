"""Count what a query finds by severity, source and hour, as far as the time for it goes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import polars as pl

from oddline.chunks import SCHEMA
from oddline.entries.scan import AHEAD, MICROSECOND, MOST_REGEX_ROWS, MOST_ROWS, Scan
from oddline.submissions import SEVERITY_TEXTS, rfc3339

MOST_VALUES: Final = 100  # of a facet: the largest, the newest of hours
_BY: Final = ("severity_number", "source", "hour")
_SCHEMA: Final = {
    "severity_number": SCHEMA["severity_number"],
    "source": SCHEMA["source"],
    "hour": SCHEMA["timestamp"],
    "len": pl.UInt32(),
}


def count_facets(scan: Scan, *, now: datetime) -> dict[str, Any]:
    """How many entries of the whole asked time there are: in all, by severity, by source and by hour (UTC).

    The budget is the scan's, of which a page beside it has used up some. Where it does not suffice, `complete` is
    false, and all that is younger than `counted_until` was counted, and perhaps some that is older.

    Raises:
        As `list_entries`.
    """
    rows = MOST_ROWS if scan.query.regex is None else MOST_REGEX_ROWS
    counts = pl.DataFrame(schema=_SCHEMA)
    until: datetime | None = None
    for window in scan.windows(now + AHEAD, now=now):
        wanted = window.conditions

        def narrow(entries: pl.LazyFrame, wanted: list[pl.Expr] = wanted) -> pl.LazyFrame:
            hour = pl.col("timestamp").dt.truncate("1h").alias("hour")
            return entries.filter(*wanted).group_by("severity_number", "source", hour).len()

        while window.reach is not None and not scan.is_spent():
            counts = pl.concat([counts, *scan.reader.read(window.take(rows=rows), narrow)])
            counts = counts.group_by(_BY).agg(pl.col("len").sum())
        if scan.is_spent():
            until = window.reach + MICROSECOND if window.reach is not None else window.bottom
            break
    is_complete = until is None or until <= scan.low
    told = None if is_complete or until is None else rfc3339(until)
    return _view(counts) | {"complete": is_complete, "counted_until": told}


def _view(counts: pl.DataFrame) -> dict[str, Any]:
    severities = counts.with_columns(pl.col("severity_number").replace_strict(SEVERITY_TEXTS, return_dtype=pl.String))
    hours = counts.group_by("hour").agg(pl.col("len").sum()).sort("hour", descending=True).head(MOST_VALUES)
    return {
        "entries": int(counts["len"].sum()),
        "severity": _pairs(_largest(severities, "severity_number").iter_rows()),
        "source": _pairs(_largest(counts, "source").iter_rows()),
        "hour": _pairs((rfc3339(hour), count) for hour, count in hours.iter_rows()),
    }


def _largest(counts: pl.DataFrame, column: str) -> pl.DataFrame:
    summed = counts.group_by(column).agg(pl.col("len").sum())
    return summed.sort(["len", column], descending=[True, False]).head(MOST_VALUES)


def _pairs(rows: Iterable[tuple[Any, int]]) -> list[dict[str, Any]]:
    return [{"value": value, "entries": count} for value, count in rows]
