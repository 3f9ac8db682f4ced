"""Say what belongs together: entries of a session, else those that share an attribute, else those of a window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
import polars as pl

from oddline.chunks import SCHEMA

SESSION: Final = "session"
TRACE: Final = "trace_id"
LONGEST_KEY: Final = 200  # characters of an attribute's value; a session has no more either

_ATTRIBUTE: Final = "attribute:"
_WINDOW: Final = "window:"
_STEP: Final = ("timestamp", "submission", "index", "pattern_id")
_READ: Final = ("source_id", *_STEP, "session", "attributes", TRACE)


@dataclass(frozen=True, slots=True)
class Grouping:
    """How a source's entries without a session are put together: by an attribute; what has none, by windows.

    `window` is in seconds.
    """

    source_id: int
    attribute: str | None
    window: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time from `begin` up to, not including, `end`."""

    begin: datetime
    end: datetime

    @classmethod
    def of(cls, grouping: str, session: str) -> "Window | None":
        """The window that a grouping and a key from `grouped` stand for; None where they are of something else."""
        if not is_by_window(grouping):
            return None
        begin = datetime.fromtimestamp(int(session), UTC)
        return cls(begin, begin + timedelta(seconds=int(grouping.removeprefix(_WINDOW))))


def is_by_window(grouping: str) -> bool:
    """Whether these are windows of time, in which what has nothing to do with each other stands side by side."""
    return grouping.startswith(_WINDOW)


def window_seconds(grouping: pl.Expr) -> pl.Expr:
    """How long the windows of a grouping are; null where it is none of windows."""
    return grouping.str.strip_prefix(_WINDOW).cast(pl.Int64, strict=False)


def wanted(entries: pl.LazyFrame, *, groupings: Sequence[Grouping]) -> pl.LazyFrame:
    """What of entries `grouped` needs: those with a session, and all of the sources that are grouped otherwise.

    Attributes, which are long, only where they are looked into.
    """
    belongs = (pl.col("session") != "") | pl.col("source_id").is_in([one.source_id for one in groupings])
    by_attribute = pl.col("source_id").is_in([one.source_id for one in groupings if one.attribute is not None])
    needed = by_attribute & (pl.col("session") == "")
    return entries.filter(belongs).select(_READ).with_columns(pl.when(needed).then("attributes").otherwise(pl.lit("")))


def grouped(entries: pl.DataFrame, *, groupings: Sequence[Grouping]) -> pl.DataFrame:
    """The steps of entries from `wanted`, each with its `grouping` and `session`, what belongs nowhere left out.

    A grouping is "session", "attribute:<name>" or "window:<seconds>"; the key of a window is its begin in seconds since
    1970. Windows are aligned to 1970, so that they are the same for whoever looks.
    """
    rules = pl.DataFrame(
        {
            "source_id": [one.source_id for one in groupings],
            "attribute": [one.attribute for one in groupings],
            "window": [one.window for one in groupings],
        },
        schema={"source_id": SCHEMA["source_id"], "attribute": pl.String, "window": pl.Int64},
    )
    ruled = entries.join(rules, on="source_id", how="left", maintain_order="left")
    ruled = ruled.with_columns(_attribute_values(ruled).alias("value"))
    seconds = pl.col("timestamp").dt.epoch("s")
    has_session, has_value, has_window = pl.col("session") != "", pl.col("value") != "", pl.col("window").is_not_null()
    begin = (seconds // pl.col("window") * pl.col("window")).cast(pl.String)
    return (
        ruled.with_columns(
            pl.when(has_session)
            .then(pl.lit(SESSION))
            .when(has_value)
            .then(pl.lit(_ATTRIBUTE) + pl.col("attribute"))
            .when(has_window)
            .then(pl.lit(_WINDOW) + pl.col("window").cast(pl.String))
            .alias("grouping"),
            pl.when(has_session).then("session").when(has_value).then("value").otherwise(begin).alias("session"),
        )
        .filter(pl.col("grouping").is_not_null())
        .select("source_id", "grouping", "session", *_STEP)
    )


def _attribute_values(ruled: pl.DataFrame) -> pl.Series:
    """The value of the attribute by which each entry is grouped; empty where it has none, or needs none."""
    if ruled["attribute"].null_count() == ruled.height:
        return pl.repeat("", ruled.height, dtype=pl.String, eager=True)
    needed = zip(*(ruled[name].to_list() for name in ("session", "attribute", "attributes", TRACE)), strict=True)
    values = [
        "" if session or not name else _value(attributes, name) or (trace if name == TRACE else "")
        for session, name, attributes, trace in needed
    ]
    return pl.Series(values, dtype=pl.String)


def _value(attributes: str, name: str) -> str:
    """A string or a whole number, as text; nothing else is a key."""
    known: Mapping[str, object] = orjson.loads(attributes) if attributes else {}
    value = known.get(name)
    is_key = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value)[:LONGEST_KEY] if is_key else ""
