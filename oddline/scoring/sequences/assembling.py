"""Put the entries of each session together as they come in, until it is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import polars as pl

from oddline.chunks import SCHEMA
from oddline.scoring.sequences.grouping import SESSION, window_seconds

MOST_STEPS: Final = 10_000  # of one session, then it is closed; of a window, the others are not looked at
KEPT: Final = timedelta(hours=24)  # what stays open longer says nothing any more
MOST_OPEN: Final = 1_000_000  # entries of a project: some 20 MB that are read and written at each run

OPEN_SCHEMA: Final[dict[str, pl.DataType]] = {
    "source_id": SCHEMA["source_id"],
    "grouping": pl.String(),
    **{name: SCHEMA[name] for name in ("session", "timestamp", "submission", "index", "pattern_id")},
    "seen_at": SCHEMA["timestamp"],
}
_KEY: Final = ["source_id", "grouping", "session"]
_ORDER: Final = ["timestamp", "submission", "index"]
_IS_MARK: Final = pl.col("pattern_id").is_null()
_IS_WINDOW: Final = window_seconds(pl.col("grouping")).is_not_null()


@dataclass(frozen=True, slots=True)
class Assembled:
    """Sessions that are over, one a row, and the entries of those that are not; in neither is what was left out.

    `closed` has the columns of OPEN_SCHEMA, each but those of the key as a list in the order of the entries. In `open`
    a window that was judged stays as a row without a pattern: what comes to it later is no window of its own. `late`
    is how many entries came so, `dropped` how many were left out since they were too many, or open for too long.
    """

    closed: pl.DataFrame
    open: pl.DataFrame
    late: int
    dropped: int


def assemble(entries: pl.DataFrame, *, gap: timedelta, now: datetime) -> Assembled:
    """Close the sessions of these entries (OPEN_SCHEMA) that are over.

    A session is over when nothing of it has come in for `gap`, or at MOST_STEPS entries; a window when it ended `gap`
    ago, too. Where a session's timestamps leave a larger gap (a file of a whole day comes in at once) it is cut into
    several.
    """
    recent = entries.filter(pl.col("seen_at") > now - KEPT).sort("seen_at", descending=True, maintain_order=True)
    kept = recent.head(MOST_OPEN).sort(*_KEY, *_ORDER)
    late = kept.filter(_IS_MARK.any().over(_KEY) & ~_IS_MARK)
    waiting = kept.filter(~_IS_MARK.any().over(_KEY))
    fitting = waiting.filter(~_IS_WINDOW | (pl.int_range(pl.len()).over(_KEY) < MOST_STEPS))
    judged = fitting.with_columns(_is_over(gap=gap, now=now).alias("is_over"))
    closed = _cut(judged.filter("is_over").drop("is_over"), gap=gap)
    still = judged.filter(~pl.col("is_over")).drop("is_over")
    return Assembled(
        closed=closed,
        open=pl.concat([still, kept.filter(_IS_MARK), _marks(closed, now=now)]).sort(*_KEY, *_ORDER),
        late=len(late),
        dropped=entries.filter(~_IS_MARK).height - late.height - fitting.height,
    )


def _is_over(*, gap: timedelta, now: datetime) -> pl.Expr:
    nothing_came = pl.col("seen_at").max().over(_KEY) <= now - gap
    end = pl.when(_IS_WINDOW).then("session").cast(pl.Int64) + window_seconds(pl.col("grouping"))
    return (
        pl.when(_IS_WINDOW)
        .then(nothing_came & (pl.from_epoch(end, "s").dt.replace_time_zone("UTC") <= now - gap))
        .otherwise(nothing_came | (pl.len().over(_KEY) >= MOST_STEPS))
    )


def _cut(over: pl.DataFrame, *, gap: timedelta) -> pl.DataFrame:
    """One row for each session or window; `over` is ordered."""
    begins = ((pl.col("timestamp").diff() > gap) & ~_IS_WINDOW).fill_null(value=False).cum_sum().over(_KEY)
    piece = (pl.int_range(pl.len()).over(*_KEY, "part") // MOST_STEPS).alias("piece")
    lists = [name for name in OPEN_SCHEMA if name not in _KEY]
    parted = over.with_columns(begins.alias("part")).with_columns(piece)
    return parted.group_by(*_KEY, "part", "piece", maintain_order=True).agg(lists).drop("part", "piece")


def _marks(closed: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """A row without a pattern for each closed window."""
    values = {name: pl.lit(None) for name in OPEN_SCHEMA if name not in _KEY} | {"seen_at": pl.lit(now)}
    marked = closed.filter(_IS_WINDOW).select(*_KEY, **values)
    return marked.cast(pl.Schema(OPEN_SCHEMA))


def pack_open(entries: pl.DataFrame) -> bytes:
    """The entries of open sessions as one compressed blob."""
    sink = BytesIO()
    entries.write_parquet(sink, compression="zstd", compression_level=3, statistics=False)
    return sink.getvalue()


def unpack_open(blob: bytes | None) -> pl.DataFrame:
    """What `pack_open` was given; nothing where there was no blob yet."""
    if blob is None:
        return pl.DataFrame(schema=OPEN_SCHEMA)
    entries = pl.read_parquet(BytesIO(blob), hive_partitioning=False)
    if "grouping" not in entries.columns:  # as the version before wrote it
        entries = entries.with_columns(pl.lit(SESSION).alias("grouping"))
    return entries.select(list(OPEN_SCHEMA))
