"""The sample corpus with its caused faults, split by time: which windows are found, at how many false alarms."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddline.patterns import Masker
from oddline.sample import FaultWindow, SampleLine, read_corpus, read_windows
from oddline.scoring.encoder import Encoder
from oddline.scoring.evaluation import tricks
from oddline.scoring.evaluation.sample_rates import rate_alarms
from oddline.scoring.evaluation.streams import scores_of

KNOWN_SHARE: Final = 0.3  # of the lines, before anything is judged


@dataclass(frozen=True, slots=True)
class Tested:
    """The corpus as patterns of sources: per line its pair's place, per pair its source and pattern."""

    lines: list[SampleLine]
    pairs: list[tuple[str, str]]
    pair_of: NDArray[np.int64]
    known_lines: int


def measure(*, encoder: Encoder, masker: Masker) -> dict[str, Any]:
    """Share of fault windows that are found, and false alarms, by lines, by rates, and by both together.

    A window is found by lines if one of its odd lines reaches the threshold, by rates if one of its program's sources
    leaves its range in a bin that overlaps it. A false alarm is a normal line that reaches the threshold, or a bin of a
    source in which a rate is told outside of the windows of its program. No fault was caused in the first part: what a
    source has had in it is known, and nothing else ever becomes so; rates are learned from it.
    """
    tested = _read(masker)
    scores = _scores(tested, encoder=encoder)
    windows = [window for window in read_windows() if window.start_line >= tested.known_lines]
    by_lines = _by_lines(scores >= encoder.default_threshold, tested=tested, windows=windows)
    by_rates = _by_rates(tested, windows=windows)
    figures = _together(by_lines, by_rates, tested=tested, windows=windows)
    return figures | {"baselines": {"unseen_with_severity_word": _trick(tested, windows=windows)}}


def unseen_patterns(masker: Masker) -> tuple[list[str], list[str]]:
    """Patterns that the later part alone has: (those only of normal lines, those of lines that a fault caused)."""
    tested = _read(masker)
    odd_lines = {number for window in read_windows() for number in window.odd_lines}
    known = {tested.pairs[pair][1] for pair in tested.pair_of[: tested.known_lines]}
    normal, odd = set[str](), set[str]()
    for line, pair in zip(tested.lines, tested.pair_of, strict=True):
        (odd if line.number in odd_lines else normal).add(tested.pairs[pair][1])
    return sorted(normal - odd - known), sorted(odd - normal - known)


def _read(masker: Masker) -> Tested:
    lines = list(read_corpus())
    patterns = masker.mask_many([line.text for line in lines])
    places: dict[tuple[str, str], int] = {}
    pair_of = [
        places.setdefault((line.source, pattern), len(places)) for line, pattern in zip(lines, patterns, strict=True)
    ]
    return Tested(lines, list(places), np.array(pair_of), known_lines=int(KNOWN_SHARE * len(lines)))


def _scores(tested: Tested, *, encoder: Encoder) -> NDArray[np.float64]:
    """Per pair of source and pattern its score."""
    had = {tested.pairs[pair] for pair in tested.pair_of[: tested.known_lines]}
    by_source: dict[str, list[int]] = defaultdict(list)
    for place, (source, _) in enumerate(tested.pairs):
        by_source[source].append(place)
    scores = np.zeros(len(tested.pairs))
    for source, places in by_source.items():
        patterns = [tested.pairs[place][1] for place in places]
        known = {pattern for pattern in patterns if (source, pattern) in had}
        scores[places] = scores_of(patterns, known=known, encoder=encoder)
    return scores


@dataclass(frozen=True, slots=True)
class _Found:
    """For each window whether it is found; the false alarms, and what they are."""

    windows: NDArray[np.bool_]
    false_alarms: int
    examples: list[str]


def _by_lines(is_alarm: NDArray[np.bool_], *, tested: Tested, windows: list[FaultWindow]) -> _Found:
    """What alarms find that are given per pair."""
    alarmed = is_alarm[tested.pair_of]
    false_alarms = alarmed & _normal(tested)
    return _Found(
        np.array([any(alarmed[number] for number in window.odd_lines) for window in windows]),
        int(false_alarms.sum()),
        sorted({tested.pairs[pair][1] for pair in tested.pair_of[false_alarms]})[:20],
    )


def _by_rates(tested: Tested, *, windows: list[FaultWindow]) -> _Found:
    patterns = [tested.pairs[pair][1] for pair in tested.pair_of]
    since = tested.lines[tested.known_lines].at
    alarms = rate_alarms(tested.lines, patterns, since=since)
    false = [alarm for alarm in alarms if not any(alarm.is_about(window) for window in windows)]
    return _Found(
        np.array([any(alarm.is_about(window) for alarm in alarms) for window in windows]),
        len(false),
        [f"{alarm.source} at {alarm.at:%H:%M:%S}" for alarm in false],
    )


def _together(lines: _Found, rates: _Found, *, tested: Tested, windows: list[FaultWindow]) -> dict[str, Any]:
    found = lines.windows | rates.windows
    normal = int(_normal(tested).sum())

    def share(windows_found: NDArray[np.bool_]) -> float:
        return round(float(np.mean(windows_found)), 4)

    def per_100000(false_alarms: int) -> float:
        return round(100_000 * false_alarms / normal, 2)

    return {
        "windows": len(windows),
        "windows_found": share(found),
        "windows_found_by_lines": share(lines.windows),
        "windows_found_by_rates": share(rates.windows),
        "missed": [window.kind for window, is_found in zip(windows, found, strict=True) if not is_found],
        "by_rates": [window.kind for window, is_found in zip(windows, rates.windows, strict=True) if is_found],
        "normal_lines": normal,
        "false_alarms_per_100000": per_100000(lines.false_alarms + rates.false_alarms),
        "false_alarms_per_100000_by_lines": per_100000(lines.false_alarms),
        "false_alarms_per_100000_by_rates": per_100000(rates.false_alarms),
        "false_alarm_patterns": lines.examples,
        "false_rate_alarms": rates.examples,
    }


def _normal(tested: Tested) -> NDArray[np.bool_]:
    """Which lines were judged and are no fault's."""
    odd_lines = {number for window in read_windows() for number in window.odd_lines}
    normal = np.array([line.number not in odd_lines for line in tested.lines])
    normal[: tested.known_lines] = False
    return normal


def _trick(tested: Tested, *, windows: list[FaultWindow]) -> dict[str, Any]:
    had = {tested.pairs[pair] for pair in tested.pair_of[: tested.known_lines]}
    unseen = np.array([pair not in had for pair in tested.pairs])
    severe = tricks.has_severity_word([pattern for _, pattern in tested.pairs]) > 0
    found = _by_lines(unseen & severe, tested=tested, windows=windows)
    return {
        "windows_found": round(float(np.mean(found.windows)), 4),
        "false_alarms_per_100000": round(100_000 * found.false_alarms / int(_normal(tested).sum()), 2),
    }
