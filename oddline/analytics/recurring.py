"""The patterns that recur in a window: what their parameters are, when they came, and where they go to."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from oddline.analytics import store
from oddline.analytics.comparing import FALSE_SHARE, Change, Sample, compare
from oddline.analytics.counting import counted
from oddline.analytics.folding import Fold
from oddline.analytics.model import FINE_UP_TO, PatternStep, Step, Window, floor
from oddline.analytics.reading import read_window
from oddline.analytics.tasks import OfWindow
from oddline.analytics.windows import TOP, bounds, named
from oddline.patterns import PLACEHOLDERS, align
from oddline.submissions import rfc3339
from oddline.tasks import TaskContext

EXAMPLES: Final = 200  # messages of a pattern from which its parameters are told
EXAMPLES_BYTES: Final = 256 * 1024  # of a pattern, and one message more
TOP_VALUES: Final = 5
HOURLY_UP_TO: Final = timedelta(days=31)  # longer windows are compared day by day, else all of their slots were held
_PAIR: Final = ("source_id", "pattern_id")
_SLOTTED: Final[dict[str, pl.DataType]] = dict.fromkeys(
    ("slot", *_PAIR, "entries", "anomalies", "first", "last"), pl.Int64()
)
"""Counts by slot, source and pattern; `slot`, the first and the last minute are seconds from 1970."""

_MESSAGES: Final[dict[str, pl.DataType]] = {"source_id": pl.Int32(), "pattern_id": pl.Int32(), "message": pl.String()}
_SUMS: Final = (pl.col("entries", "anomalies").sum(), pl.col("first").min(), pl.col("last").max())
Pair = tuple[int, int]


def calculate_log_patterns(asked: OfWindow, context: TaskContext) -> dict[str, Any]:
    """The patterns that came more than once, the commonest first."""
    step = _step(asked)
    counts = read_window(asked, context, _by_slot(step))
    recurring = counts.group_by(_PAIR).agg(_SUMS).filter(pl.col("entries") > 1)
    shown = recurring.sort("entries", *_PAIR, descending=[True, False, False]).head(TOP).to_dicts()
    pairs = [(row["source_id"], row["pattern_id"]) for row in shown]
    trends = _trends(counts, asked, step=step)
    messages = _examples(asked, context, pairs=pairs)
    with context.db.transaction() as tx:
        names = store.pattern_names(tx, asked.project, pairs=pairs)
    patterns = []
    for pair, row in zip(pairs, shown, strict=True):
        known = named(names, row)
        patterns.append(
            {
                **known,
                "entries": row["entries"],
                "anomalies": row["anomalies"],
                "first_minute": _told(row["first"]),
                "last_minute": _told(row["last"]),
                "trend": trends[pair],
                "parameters": parameters(known["pattern"] or "", messages[pair]),
            }
        )
    return {**bounds(asked), "recurring": recurring.height, "patterns": patterns}


def parameters(pattern: str, messages: Sequence[str]) -> list[dict[str, Any]]:
    """For each placeholder of a pattern, in their order, the values that it stands for in these messages."""
    aligned = [align(pattern, message) for message in messages]
    values: dict[int, Counter[str]] = defaultdict(Counter)
    kinds: dict[int, str] = {}
    for segments in aligned:
        for place, segment in enumerate(segments):
            if segment.token in PLACEHOLDERS:
                kinds[place] = segment.token
                values[place][segment.text] += 1
    return [
        {
            "placeholder": kinds[place],
            "distinct": len(values[place]),
            "of_messages": len(messages),
            "commonest": [{"value": value, "count": count} for value, count in values[place].most_common(TOP_VALUES)],
        }
        for place in sorted(kinds)
    ]


def _by_slot(step: int) -> Fold:
    """Counts as _SLOTTED."""
    slot = (pl.col("minute") // step * step).alias("slot")
    key = ("slot", *_PAIR)

    def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
        minute = pl.col("minute")
        slotted = counted(entries).with_columns(slot, minute.alias("first"), minute.alias("last"))
        return slotted.group_by(key).agg(_SUMS)

    return Fold(narrow, _SLOTTED, lambda counts: counts.group_by(key).agg(_SUMS))


def _examples(asked: OfWindow, context: TaskContext, *, pairs: Sequence[Pair]) -> dict[Pair, list[str]]:
    """Some messages of each pattern; reading ends where there are enough."""
    found: dict[Pair, list[str]] = {pair: [] for pair in pairs}
    if pairs:
        messages = read_window(asked, context, _some_of(pairs))
        for source, pattern, message in messages.iter_rows():
            found[source, pattern].append(message)
    return found


def _some_of(pairs: Sequence[Pair]) -> Fold:
    """Different messages of each pattern, as _MESSAGES."""
    wanted = pl.LazyFrame(pairs, schema={"source_id": pl.Int32, "pattern_id": pl.Int32}, orient="row")
    size = pl.col("message").str.len_bytes().cast(pl.Int64)

    def some(messages: pl.LazyFrame) -> pl.LazyFrame:
        return messages.unique().filter(
            pl.int_range(pl.len()).over(_PAIR) < EXAMPLES, (size.cum_sum().over(_PAIR) - size) < EXAMPLES_BYTES
        )

    def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
        return some(entries.join(wanted, on=_PAIR, how="semi").select(list(_MESSAGES)))

    def is_enough(messages: pl.DataFrame) -> bool:
        held = messages.group_by(_PAIR).agg(pl.len().alias("count"), size.sum().alias("bytes"))
        full = held.filter((pl.col("count") >= EXAMPLES) | (pl.col("bytes") >= EXAMPLES_BYTES))
        return full.height == len(pairs)

    return Fold(narrow, _MESSAGES, lambda messages: some(messages.lazy()).collect(), is_enough)


def _step(asked: OfWindow) -> int:
    """How long the slots are by which the halves of a window are compared, in seconds."""
    length = asked.time_to - asked.time_from
    if length > HOURLY_UP_TO:
        return Step.DAY
    return PatternStep.FIVE_MINUTES if length <= FINE_UP_TO else PatternStep.HOUR


def _trends(counts: pl.DataFrame, asked: OfWindow, *, step: int) -> dict[Pair, dict[str, Any]]:
    """The second half of the window beside the first."""
    window = Window(asked.time_from, asked.time_to).aligned(step)
    middle = floor(window.start + (window.end - window.start) / 2, step)
    halves = [Window(window.start, middle), Window(middle, window.end)]
    if not halves[0].slots(step):
        return defaultdict(lambda: _trend("steady", ratio=None, q=None))
    slotted = counts.with_columns((pl.col("slot") >= int(middle.timestamp())).alias("later"))
    summed = slotted.group_by(*_PAIR, "later").agg(
        pl.col("entries").sum(),
        (pl.col("entries").cast(pl.Float64) ** 2).sum().alias("squares"),
        pl.len().alias("present"),
    )
    samples: dict[Pair, list[Sample]] = {}
    nothing = [Sample.nothing(slots=half.slots(step)) for half in halves]
    for source, pattern, later, entries, squares, present in summed.iter_rows():
        samples.setdefault((source, pattern), list(nothing))[later] = Sample(
            entries, squares, present, halves[later].slots(step)
        )
    differences = compare({pair: (before, after) for pair, (before, after) in samples.items()})
    grown = {Change.NEW, Change.GROWN}
    return {
        pair: _trend(
            "steady" if one.q > FALSE_SHARE else "growing" if one.change in grown else "shrinking",
            ratio=round(one.ratio, 4),
            q=one.q,
        )
        for pair, one in differences.items()
    }


def _trend(direction: str, *, ratio: float | None, q: float | None) -> dict[str, Any]:
    return {"direction": direction, "ratio": ratio, "q": q}


def _told(seconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(seconds, UTC))
