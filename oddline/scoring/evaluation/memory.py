"""Replay a one-hour fault each day, through the rules that serve, and see when it becomes normal by itself."""

from typing import Any, Final

import numpy as np

from oddline.feedback import Verdict, VerdictInForce
from oddline.scoring.knowledge import KNOWN_AFTER_DAYS, SIMILAR_DISTANCE, Known, Verdicts, is_known
from oddline.scoring.nearest import Nearest, Vectors
from oddline.scoring.novelty import NOVELTY_SCALE, VIEW, pack_views

DAYS: Final = 30
JUDGED_ON: Final = 7  # the day at whose end a person says something, where one does
NORMAL: Final = 200  # patterns that come every day
FAULT: Final = NORMAL  # the fault's pattern
VARIANT: Final = NORMAL + 1  # the same fault of another disk: each day anew as on the first, the source never had it
NORMAL_SEVERITY: Final = 0.05
FAULT_SEVERITY: Final = 0.9
THRESHOLD: Final = 0.52
SCALE: Final = NOVELTY_SCALE
DIMENSION: Final = VIEW  # each pattern is one word, whose view is the pattern's embedding


def measure(*, seed: int = 1) -> dict[str, Any]:
    """On which days the fault is odd at the end of its hour, all of whose lines have been counted by then.

    Returns:
        odd_on_day_7, variant_odd_on_day_7: without feedback.
        first_quiet_day: on which the fault is first known by itself; None within a month.
        first_quiet_day_confirmed: the same where a person confirmed it on day 7.
        quiet_once_expected: whether fault and variant are quiet from day 8 on where a person expected it on day 7.
    """
    embeddings = _embeddings(seed)
    alone, confirmed, expected = (
        [_odd_on(day, embeddings, verdict=verdict if day > JUDGED_ON else None) for day in range(1, DAYS + 1)]
        for verdict in (None, Verdict.CONFIRMED, Verdict.EXPECTED)
    )
    return {
        "odd_on_day_7": alone[6][0],
        "variant_odd_on_day_7": alone[6][1],
        "first_quiet_day": _first_quiet(alone),
        "first_quiet_day_confirmed": _first_quiet(confirmed),
        "quiet_once_expected": not any(fault or variant for fault, variant in expected[JUDGED_ON:]),
    }


def _odd_on(day: int, embeddings: Vectors, *, verdict: Verdict | None) -> tuple[bool, bool]:
    """Whether the fault and its variant are odd on a day: on so many days the source has had all but the variant."""
    severities = dict.fromkeys(range(NORMAL), NORMAL_SEVERITY) | {FAULT: FAULT_SEVERITY}
    members = [
        pattern
        for pattern, how_bad in severities.items()
        if is_known(day, severity=how_bad, threshold=THRESHOLD, known_after_days=KNOWN_AFTER_DAYS)
    ]
    packed = embeddings[FAULT].tobytes()
    given = (
        []
        if verdict is None
        else [VerdictInForce(source_id=None, pattern_id=FAULT, pattern="", verdict=verdict, embedding=packed)]
    )
    measured = [pattern for pattern in members if verdict is not Verdict.CONFIRMED or pattern != FAULT]
    known = Known(
        members=frozenset(members),
        ids=np.array(measured, dtype=np.int32),
        nearest=Nearest(embeddings[measured]),
        views=[pack_views(embeddings[[one]]) for one in measured],
        verdicts=Verdicts.of(given, source_id=1, dimension=DIMENSION),
    )
    fault, variant = (
        not known.has(one) and FAULT_SEVERITY * _novelty(one, embeddings, known=known) >= THRESHOLD
        for one in (FAULT, VARIANT)
    )
    return bool(fault), bool(variant)


def _embeddings(seed: int) -> Vectors:
    """Of the normal patterns, far from each other and from the fault; of the fault; of the variant close to it."""
    drawn = np.random.default_rng(seed).standard_normal((NORMAL + 2, DIMENSION))
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    aside = vectors[VARIANT] - (vectors[VARIANT] @ vectors[FAULT]) * vectors[FAULT]
    near = 1.0 - SIMILAR_DISTANCE / 2
    vectors[VARIANT] = near * vectors[FAULT] + np.sqrt(1.0 - near**2) * aside / np.linalg.norm(aside)
    return np.asarray(vectors, dtype=np.float32)


def _novelty(pattern: int, embeddings: Vectors, *, known: Known) -> float:
    embedding = embeddings[[pattern]]
    values, _ = known.novelties([pattern], embedding, [pack_views(embedding)], scale=SCALE)
    return float(values[0])


def _first_quiet(days: list[tuple[bool, bool]]) -> int | None:
    return next((day for day, (fault, _) in enumerate(days, start=1) if not fault), None)
