"""What the entries of a window, or others, come to: counts by severity, source, hour and pattern, and anomalies."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.analytics import store
from oddline.analytics.counting import COUNTED, added_up, counted_apart
from oddline.analytics.folding import Fold
from oddline.analytics.model import SEVERITIES, told_counts
from oddline.analytics.reading import read_window
from oddline.analytics.store import PatternName
from oddline.analytics.tasks import OfWindow
from oddline.database import Transaction
from oddline.patterns import patterns_since, source_names
from oddline.submissions import entry_id, rfc3339
from oddline.tasks import TaskContext

TOP: Final = 100  # of a list: a result is sent whole with each look at its task
MOST_HOURS: Final = 24 * 31
_PAIR: Final = ("source_id", "pattern_id")
_FOUND: Final[dict[str, pl.DataType]] = {
    "source_id": pl.Int32(),
    "pattern_id": pl.Int32(),
    "count": pl.Int64(),
    "first": pl.Datetime("us", "UTC"),
    "last": pl.Datetime("us", "UTC"),
    "highest_score": pl.Float32(),
    "threshold": pl.Float32(),
    "submission": pl.Binary(),
    "index": pl.UInt16(),
    "message": pl.String(),
}
"""Anomalies of a pattern and source; from `highest_score` on, those of the oddest of them."""

Read = Callable[[Fold], pl.DataFrame]
"""Reads entries and gives what they come to."""


def calculate_analytics(asked: OfWindow, context: TaskContext) -> dict[str, Any]:
    """Counts by severity, source, hour and pattern, the share of errors, the anomalies."""
    return {**bounds(asked), **sum_up(partial(read_window, asked, context), asked.project, context)}


def sum_up(
    read: Read, project: UUID, context: TaskContext, *, most: int = TOP, new_since: datetime | None = None
) -> dict[str, Any]:
    """The counts of entries; raises what `read` raises.

    Args:
        most: of each list.
        new_since: from when on a pattern is new to the project; those are told apart, too.
    """
    both = read(Fold(counted_apart, COUNTED, added_up))
    counts, patterns = both.filter(pl.col("pattern_id").is_null()), both.filter(pl.col("minute").is_null())
    hours = counts.group_by("minute").agg(pl.col("entries", "anomalies").sum()).sort("minute")
    in_order = patterns.sort("entries", *_PAIR, descending=[True, False, False])
    top = in_order.head(most).to_dicts()
    with context.db.transaction() as tx:
        new = [] if new_since is None else _new(tx, project, in_order, since=new_since, most=most)
        names = store.pattern_names(tx, project, pairs=[_pair(row) for row in (*top, *new)])
    return {
        **_totals(counts),
        "sources": _by_source_name(counts, project, context)[:most],
        "hours": [
            {"time": rfc3339(datetime.fromtimestamp(hour, UTC)), "entries": entries, "anomalies": anomalies}
            for hour, entries, anomalies in hours.tail(MOST_HOURS).iter_rows()
        ],
        "patterns": _told_patterns(names, top),
        **({} if new_since is None else {"new_patterns": _told_patterns(names, new)}),
    }


def detect_anomalies(asked: OfWindow, context: TaskContext) -> dict[str, Any]:
    """The anomalies of a window, told once a pattern and source, the oddest first."""
    return {**bounds(asked), **find_odd(partial(read_window, asked, context), asked.project, context)}


def find_odd(read: Read, project: UUID, context: TaskContext, *, most: int = TOP) -> dict[str, Any]:
    """The anomalies among entries, told once a pattern and source, the oddest first; raises what `read` raises.

    Args:
        most: of them.
    """
    together = read(Fold(_anomalies, _FOUND, _by_pair)).sort("highest_score", "count", descending=True)
    shown = together.head(most).to_dicts()
    with context.db.transaction() as tx:
        names = store.pattern_names(tx, project, pairs=[_pair(row) for row in shown])
    return {
        "anomalies": int(together["count"].sum()),
        "patterns": together.height,
        "oddest": [
            {
                **named(names, row),
                "count": row["count"],
                "highest_score": round(row["highest_score"], 4),
                "threshold": round(row["threshold"], 4),
                "first": rfc3339(row["first"]),
                "last": rfc3339(row["last"]),
                "entry_id": str(entry_id(UUID(bytes=row["submission"]), row["index"])),
                "message": row["message"],
            }
            for row in shown
        ],
    }


def _new(tx: Transaction, project: UUID, patterns: pl.DataFrame, *, since: datetime, most: int) -> list[dict[str, Any]]:
    """The first of the patterns that the project did not have before."""
    new = patterns_since(tx, project, pattern_ids=patterns["pattern_id"].unique().to_list(), since=since)
    return patterns.filter(pl.col("pattern_id").is_in(new)).head(most).to_dicts()


def _told_patterns(
    names: Mapping[tuple[int, int], PatternName], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    return [{**named(names, row), "entries": row["entries"], "anomalies": row["anomalies"]} for row in rows]


def named(names: Mapping[tuple[int, int], PatternName], row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row's pattern and source are called; of what was forgotten meanwhile nothing is known."""
    known = names.get(_pair(row))
    return {
        "pattern_id": row["pattern_id"],
        "source": known.source if known else None,
        "pattern": known.pattern if known else None,
    }


def bounds(asked: OfWindow) -> dict[str, Any]:
    """The window, as a result tells it."""
    return {"from": rfc3339(asked.time_from), "to": rfc3339(asked.time_to), "source": asked.source}


def _anomalies(entries: pl.LazyFrame) -> pl.LazyFrame:
    return (
        entries.filter("is_anomaly")
        .sort("score", descending=True)
        .group_by(_PAIR, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("timestamp").min().alias("first"),
            pl.col("timestamp").max().alias("last"),
            pl.col("score").first().alias("highest_score"),
            pl.col("threshold", "submission", "index", "message").first(),
        )
        .select(list(_FOUND))
    )


def _by_pair(found: pl.DataFrame) -> pl.DataFrame:
    return (
        found.sort("highest_score", descending=True)
        .group_by(_PAIR, maintain_order=True)
        .agg(
            pl.col("count").sum(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("highest_score", "threshold", "submission", "index", "message").first(),
        )
    )


def _totals(counts: pl.DataFrame) -> dict[str, Any]:
    return told_counts(counts.select(pl.col("entries", "anomalies", *SEVERITIES).sum()).row(0, named=True))


def _by_source_name(counts: pl.DataFrame, project: UUID, context: TaskContext) -> list[dict[str, Any]]:
    with context.db.transaction() as tx:
        names = source_names(tx, project)
    parts = sorted(counts.partition_by("source_id"), key=lambda part: part["entries"].sum(), reverse=True)
    return [{"source": names.get(part["source_id"][0]), **_totals(part)} for part in parts[:TOP]]


def _pair(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["source_id"], row["pattern_id"]
