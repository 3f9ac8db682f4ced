"""What a source knows, and how new a pattern is beside it."""

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from oddline.feedback import Verdict, VerdictInForce
from oddline.scoring.evaluation.memory import measure
from oddline.scoring.knowledge import SIMILAR_DISTANCE, Known, Verdicts, is_known
from oddline.scoring.nearest import Nearest, Vectors
from oddline.scoring.novelty import HIGHEST_INT8, VIEW, Views

SOURCE = 3
NEAR, FAR = SIMILAR_DISTANCE * 0.9, SIMILAR_DISTANCE * 1.1
ROUNDED = 0.02  # views are in int8
EXPECTED, CONFIRMED = Verdict.EXPECTED, Verdict.CONFIRMED


def away(distance: float) -> Vectors:
    """An embedding at this cosine distance from that of pattern 1, `away(0)`."""
    return np.array([1.0 - distance, np.sqrt(1.0 - (1.0 - distance) ** 2)], dtype=np.float32)


def said(verdict: Verdict, pattern: int, *, at: float | None = 0.0, source: int | None = None) -> VerdictInForce:
    """A verdict on a pattern, which lies so far from pattern 1; None: the model has not read it."""
    embedding = None if at is None else away(at).tobytes()
    return VerdictInForce(source_id=source, pattern_id=pattern, pattern="", verdict=verdict, embedding=embedding)


def word(embedding: Vectors) -> Views:
    """The view of the only word of a pattern with this embedding: words are as far from each other as patterns."""
    view = np.zeros((1, VIEW), dtype=np.int8)
    view[0, :2] = np.rint(embedding * HIGHEST_INT8)
    return view


def knowing(*distances: float, verdicts: Sequence[VerdictInForce] = ()) -> Known:
    """A source that knows the patterns 1, 2, …, which lie so far from the first, and what was called expected."""
    judged = Verdicts.of(verdicts, source_id=SOURCE, dimension=2)
    vectors = np.array([away(one) for one in distances], dtype=np.float32).reshape(-1, 2)
    measured = np.concatenate([vectors, judged.embeddings[judged.is_expected]])
    return Known(
        members=frozenset(range(1, len(distances) + 1)),
        ids=np.array([*range(1, len(distances) + 1), *judged.ids[judged.is_expected]], dtype=np.int32),
        nearest=Nearest(measured),
        views=[word(one) for one in measured],
        verdicts=judged,
    )


def novelty(known: Known, distance: float, *, pattern: int = 99) -> tuple[float, int]:
    """Novelty and nearest pattern of one that lies so far from pattern 1."""
    embedding = away(distance)
    values, nearest = known.novelties([pattern], embedding[np.newaxis], [word(embedding)], scale=0.5)
    return float(values[0]), int(nearest[0])


def test_a_harmless_pattern_is_known_at_once_and_a_severe_one_after_so_many_days() -> None:
    known = [
        is_known(days, severity=severity, threshold=0.5, known_after_days=14)
        for days, severity in [(1, 0.49), (1, 0.5), (13, 0.9), (14, 0.9)]
    ]

    assert known == [True, False, False, True]


def test_what_the_model_has_not_read_counts_as_known() -> None:
    assert is_known(1, severity=None, threshold=0.0, known_after_days=14)


def test_beside_nothing_everything_is_new() -> None:
    assert novelty(knowing(), 0.1) == (1.0, -1)


def test_novelty_is_the_distance_from_the_nearest_known_pattern_in_parts_of_the_scale() -> None:
    known = knowing(0.0, 0.9)

    assert novelty(known, 0.2) == (pytest.approx(0.4, abs=ROUNDED), 1)
    assert novelty(known, 0.8)[1] == 2


def test_an_expected_pattern_is_known_and_one_that_resembles_it_is_not_new() -> None:
    known = knowing(verdicts=[said(EXPECTED, 7)])

    assert known.has(7)
    assert novelty(known, NEAR) == (0.0, 7)
    assert novelty(known, FAR) == (pytest.approx(FAR / 0.5, abs=ROUNDED), 7)


def test_a_confirmed_pattern_is_new_however_well_it_is_known() -> None:
    known = knowing(0.0, verdicts=[said(CONFIRMED, 1)])

    assert not known.has(1)
    assert novelty(known, 0.0, pattern=1)[0] == 1.0


def test_what_resembles_a_confirmed_pattern_is_as_new_whatever_else_is_known() -> None:
    known = knowing(0.0, verdicts=[said(CONFIRMED, 7, at=0.02)])

    assert novelty(known, 0.02 + NEAR)[0] == 1.0
    assert novelty(known, 0.4)[0] == pytest.approx(0.8, abs=ROUNDED)


def test_a_known_pattern_that_resembles_a_confirmed_one_stays_known() -> None:
    assert knowing(0.0, verdicts=[said(CONFIRMED, 7, at=NEAR)]).has(1)


@pytest.mark.parametrize(("place", "expected"), [(0.01, 0.0), (0.03, 1.0)])
def test_between_two_verdicts_the_nearer_counts_and_of_equals_the_confirmed(place: float, expected: float) -> None:
    verdicts = [said(EXPECTED, 7, at=0.0), said(CONFIRMED, 8, at=0.04), said(EXPECTED, 9, at=0.04)]

    assert novelty(knowing(verdicts=verdicts), place)[0] == expected


def test_of_several_verdicts_on_a_pattern_the_latest_counts() -> None:
    changed = knowing(verdicts=[said(CONFIRMED, 7), said(EXPECTED, 7, source=SOURCE)])
    changed_back = knowing(verdicts=[said(EXPECTED, 7, source=SOURCE), said(CONFIRMED, 7)])

    assert (changed.has(7), changed_back.has(7)) == (True, False)


def test_a_verdict_on_another_source_says_nothing() -> None:
    known = knowing(verdicts=[said(EXPECTED, 7, source=SOURCE + 1)])

    assert not known.has(7)
    assert novelty(known, NEAR) == (1.0, -1)


def test_a_verdict_counts_before_the_model_has_read_its_pattern() -> None:
    known = knowing(verdicts=[said(EXPECTED, 7, at=None), said(CONFIRMED, 8, at=None)])

    assert known.has(7)
    assert novelty(known, 0.0, pattern=8)[0] == 1.0


def test_many_patterns_beside_many_verdicts_take_little_memory() -> None:
    known = knowing(0.0, verdicts=[said(EXPECTED, number) for number in range(2_000)])
    patterns = list(range(10_000, 15_000))
    embeddings = np.tile(away(NEAR), (len(patterns), 1))

    tracemalloc.start()
    values, nearest = known.novelties(patterns, embeddings, [word(away(NEAR))] * len(patterns), scale=0.5)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (values.shape, nearest.shape) == ((5_000,), (5_000,))
    assert most < 16 * 1024 * 1024


def test_a_fault_of_an_hour_a_day_stays_odd_until_it_is_accepted_or_two_weeks_are_over() -> None:
    assert measure() == {
        "odd_on_day_7": True,
        "variant_odd_on_day_7": True,
        "first_quiet_day": 14,
        "first_quiet_day_confirmed": None,
        "quiet_once_expected": True,
    }


def test_a_long_line_is_as_new_as_its_newest_words() -> None:
    known = knowing(0.0)
    old, new = word(away(0.0)), word(away(1.0))
    views = np.concatenate([*[old] * 20, new, new])

    of_words = known.words(99, away(0.0), views, scale=0.5)
    values, _ = known.novelties([99], away(0.0)[np.newaxis], [views], scale=0.5)

    assert of_words is not None
    assert of_words.tolist() == pytest.approx([0.0] * 20 + [1.0] * 2, abs=ROUNDED)
    assert values[0] == pytest.approx(2 / 3, abs=ROUNDED)


def test_words_say_nothing_of_what_is_known_or_judged() -> None:
    known = knowing(0.0, verdicts=[said(CONFIRMED, 7, at=1.0)])

    assert known.words(1, away(0.0), word(away(0.0)), scale=0.5) is None
    assert known.words(7, away(1.0), word(away(1.0)), scale=0.5) is None
