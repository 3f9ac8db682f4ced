"""What pages ask of rollups: what came when, what it sums up to, and what is different since."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from oddline.analytics import store
from oddline.analytics.comparing import FALSE_SHARE, Difference, Sample, compare
from oddline.analytics.model import FINE_UP_TO, KEPT_DAYS, SEVERITIES, PatternStep, Step, Window, told_counts
from oddline.analytics.store import PatternName
from oddline.database import Transaction
from oddline.errors import InvalidParameter
from oddline.patterns import list_sources
from oddline.submissions import rfc3339

MOST_SLOTS: Final = 1_500  # of a timeline: a day of minutes
MOST_SHOWN: Final = 1_000  # differences
TOP_PATTERNS: Final = 20


def timeline(
    tx: Transaction, project: UUID, *, window: Window, step: Step, now: datetime, sources: Sequence[str] = ()
) -> dict[str, Any]:
    """The counts of each slot of a window in which anything came.

    Raises:
        InvalidParameter: the window is empty, has too many slots, or begins before slots of the step are kept.
    """
    aligned = _checked(window).aligned(step)
    if aligned.slots(step) > MOST_SLOTS:
        raise InvalidParameter(
            f"at most {MOST_SLOTS:,} slots: take a longer step or a shorter time", field="step", limit=MOST_SLOTS
        )
    kept = KEPT_DAYS.get(step)
    if kept is not None and aligned.start < now - timedelta(days=kept):
        raise InvalidParameter(
            f"by {step.name.lower()} the last {kept} days are kept: take a longer step", field="step"
        )
    rows = store.timeline(tx, project, window=aligned, step=step, source_ids=_source_ids(tx, project, sources))
    return {
        **_told(aligned, step),
        "slots": [{"time": rfc3339(row["slot"]), **_counts(row)} for row in rows],
    }


def summary(
    tx: Transaction, project: UUID, *, window: Window, now: datetime, sources: Sequence[str] = ()
) -> dict[str, Any]:
    """What a window sums up to: by severity, source and pattern, with the share of errors.

    Raises:
        InvalidParameter: the window is empty.
    """
    step = _summary_step(_checked(window), now=now)
    aligned = window.aligned(step)
    source_ids = _source_ids(tx, project, sources)
    by_source = store.totals_by_source(tx, project, window=aligned, step=step, source_ids=source_ids)
    pattern_step = pattern_step_of(window, now=now)
    of_patterns = window.aligned(pattern_step)
    patterns = store.pattern_totals(
        tx, project, window=of_patterns, step=pattern_step, source_ids=source_ids, most=TOP_PATTERNS
    )
    total = {name: sum(row[name] for row in by_source) for name in ("entries", "anomalies", *SEVERITIES)}
    total["highest_score"] = max((row["highest_score"] for row in by_source), default=None)
    return {
        **_told(aligned, step),
        **_counts(total),
        "sources": [{"source": row["source"], **_counts(row)} for row in by_source],
        "patterns": {**_told(of_patterns, pattern_step), "top": _named(tx, project, patterns)},
    }


def compare_windows(
    tx: Transaction,
    project: UUID,
    *,
    before: Window,
    after: Window,
    now: datetime,
    sources: Sequence[str] = (),
    all_differences: bool = False,
) -> dict[str, Any]:
    """Which patterns are new, gone, grown or shrunk, those first that chance explains least.

    Only what is more than chance, unless `all_differences`. Windows are widened to whole slots; one in which both have
    a part belongs to the later.

    Raises:
        InvalidParameter: a window is empty or shorter than a slot, or they overlap.
    """
    if before.start < after.end and after.start < before.end:
        raise InvalidParameter("the windows overlap", field="after_from")
    step = max(pattern_step_of(_checked(before), now=now), pattern_step_of(_checked(after), now=now))
    windows = _apart(before, after, step)
    source_ids = _source_ids(tx, project, sources)
    nothing = [Sample.nothing(slots=one.slots(step)) for one in windows]
    found: dict[tuple[int, int], list[Sample]] = {}
    for place, window in enumerate(windows):
        for row in store.pattern_totals(tx, project, window=window, step=step, source_ids=source_ids):
            samples = found.setdefault((row["source_id"], row["pattern_id"]), list(nothing))
            samples[place] = Sample(row["entries"], row["squares"], row["slots"], window.slots(step))
    _mark_first(tx, project, found, since=windows[1].start)
    differences = compare({key: (samples[0], samples[1]) for key, samples in found.items()})
    told = {key: one for key, one in differences.items() if all_differences or one.q <= FALSE_SHARE}
    shown = sorted(told, key=lambda key: (told[key].q, -abs(told[key].after - told[key].before), key))[:MOST_SHOWN]
    return {
        "step_seconds": int(step),
        "before": _bounds(windows[0]),
        "after": _bounds(windows[1]),
        "false_share": FALSE_SHARE,
        "compared": len(differences),
        "different": sum(one.q <= FALSE_SHARE for one in differences.values()),
        "differences": _described(tx, project, {key: told[key] for key in shown}),
    }


def pattern_step_of(window: Window, *, now: datetime) -> PatternStep:
    """The finest slots in which all of a window's patterns are still kept."""
    kept = timedelta(days=KEPT_DAYS[PatternStep.FIVE_MINUTES] - 1)
    is_fine = window.start >= now - kept and window.end - window.start <= FINE_UP_TO
    return PatternStep.FIVE_MINUTES if is_fine else PatternStep.HOUR


def _apart(before: Window, after: Window, step: int) -> list[Window]:
    """Both windows in whole slots, none of which is in both."""
    windows = [before.aligned(step), after.aligned(step)]
    first, second = sorted(range(2), key=lambda place: windows[place].start)
    earlier = Window(windows[first].start, min(windows[first].end, windows[second].start))
    if earlier.start >= earlier.end:
        raise InvalidParameter(f"a window is shorter than a slot of {step} s", field="after_from")
    windows[first] = earlier
    return windows


def _mark_first(tx: Transaction, project: UUID, found: dict[tuple[int, int], list[Sample]], *, since: datetime) -> None:
    """Note of which patterns the later window is the first in which their source had them."""
    new = [key for key, (before, _) in found.items() if not before.entries]
    for key, known in store.pattern_names(tx, project, pairs=new).items():
        if known.first_seen is not None and known.first_seen >= since:
            found[key][1] = replace(found[key][1], is_first=True)


def _summary_step(window: Window, *, now: datetime) -> Step:
    length = window.end - window.start
    if length <= timedelta(days=1) and window.start >= now - timedelta(days=KEPT_DAYS[Step.MINUTE] - 1):
        return Step.MINUTE
    return Step.HOUR if length <= timedelta(days=14) else Step.DAY


def _checked(window: Window) -> Window:
    if window.start >= window.end:
        raise InvalidParameter("to: it lies before `from`, or at it", field="to")
    return window


def _source_ids(tx: Transaction, project: UUID, names: Sequence[str]) -> list[int] | None:
    return [one.id for one in list_sources(tx, project, names=names)] if names else None


def _counts(row: Mapping[str, Any]) -> dict[str, Any]:
    return told_counts(row) | {"highest_score": row["highest_score"]}


def _told(window: Window, step: int) -> dict[str, Any]:
    return {**_bounds(window), "step_seconds": int(step)}


def _bounds(window: Window) -> dict[str, str]:
    return {"from": rfc3339(window.start), "to": rfc3339(window.end)}


def _named(tx: Transaction, project: UUID, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    names = store.pattern_names(tx, project, pairs=[(row["source_id"], row["pattern_id"]) for row in rows])
    return [
        {
            "pattern_id": row["pattern_id"],
            **_name(names, (row["source_id"], row["pattern_id"])),
            "entries": row["entries"],
            "anomalies": row["anomalies"],
        }
        for row in rows
    ]


def _described(tx: Transaction, project: UUID, differences: dict[tuple[int, int], Difference]) -> list[dict[str, Any]]:
    names = store.pattern_names(tx, project, pairs=list(differences))
    return [
        {
            "change": str(one.change),
            "pattern_id": key[1],
            **_name(names, key),
            "before": one.before,
            "after": one.after,
            "ratio": round(one.ratio, 4),
            "p": one.p,
            "q": one.q,
        }
        for key, one in differences.items()
    ]


def _name(names: Mapping[tuple[int, int], PatternName], key: tuple[int, int]) -> dict[str, Any]:
    """What is known of a pattern; one that is forgotten meanwhile has no text any more."""
    known = names.get(key)
    return {
        "source": known.source if known else None,
        "pattern": known.pattern if known else None,
        "first_seen": rfc3339(known.first_seen) if known and known.first_seen else None,
        "last_seen": rfc3339(known.last_seen) if known and known.last_seen else None,
    }
