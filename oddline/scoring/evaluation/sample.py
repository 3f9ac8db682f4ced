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
    """Share of fault windows with at least one of their odd lines above the threshold; false alarms by lines.

    No fault was caused in the first part: what a source has had in it is known, and nothing else ever becomes so.
    """
    tested = _read(masker)
    scores = _scores(tested, encoder=encoder)
    windows = [window for window in read_windows() if window.start_line >= tested.known_lines]
    figures = _count(scores >= encoder.default_threshold, tested=tested, windows=windows)
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


def _count(is_alarm: NDArray[np.bool_], *, tested: Tested, windows: list[FaultWindow]) -> dict[str, Any]:
    """Figures of alarms that are given per pair."""
    alarmed = is_alarm[tested.pair_of]
    odd_lines = {number for window in read_windows() for number in window.odd_lines}
    normal = np.array([line.number not in odd_lines for line in tested.lines])
    normal[: tested.known_lines] = False
    found = [any(alarmed[number] for number in window.odd_lines) for window in windows]
    false_alarms = alarmed & normal
    return {
        "windows": len(windows),
        "windows_found": round(float(np.mean(found)), 4),
        "missed": [window.kind for window, is_found in zip(windows, found, strict=True) if not is_found],
        "normal_lines": int(normal.sum()),
        "false_alarms_per_100000": round(100_000 * float(false_alarms.sum() / normal.sum()), 2),
        "false_alarm_patterns": sorted({tested.pairs[pair][1] for pair in tested.pair_of[false_alarms]})[:20],
    }


def _trick(tested: Tested, *, windows: list[FaultWindow]) -> dict[str, Any]:
    had = {tested.pairs[pair] for pair in tested.pair_of[: tested.known_lines]}
    unseen = np.array([pair not in had for pair in tested.pairs])
    severe = tricks.has_severity_word([pattern for _, pattern in tested.pairs]) > 0
    figures = _count(unseen & severe, tested=tested, windows=windows)
    return {name: figures[name] for name in ("windows_found", "false_alarms_per_100000")}
