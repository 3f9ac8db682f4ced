"""What a source knew at a moment of the past, and how the differences of a replay add up."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from oddline.scoring.novelty import HIGHEST_INT8, VIEW, Views
from oddline.scoring.registry.model import is_version
from oddline.scoring.replay.past import _Learned
from oddline.scoring.replay.scoring import differences

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def view(axis: int) -> Views:
    """The view of one word, along an axis."""
    views = np.zeros((1, VIEW), dtype=np.int8)
    views[0, axis] = HIGHEST_INT8
    return views


@pytest.fixture
def learned() -> _Learned:
    """Pattern 7 is known from noon on, pattern 5 from two hours later."""
    moments = [np.datetime64(moment.replace(tzinfo=None), "us") for moment in (NOON + 2 * HOUR, NOON)]
    return _Learned(
        ids=np.array([5, 7], dtype=np.int32),
        known_from=np.array(moments),
        vectors=np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32),
        views=[view(1), view(0)],
    )


@pytest.mark.parametrize(
    ("after", "known"), [(-HOUR, set()), (timedelta(), {7}), (HOUR, {7}), (2 * HOUR, {5, 7}), (9 * HOUR, {5, 7})]
)
def test_a_pattern_is_known_from_its_moment_on(learned: _Learned, after: timedelta, known: set[int]) -> None:
    at = learned.at(NOON + after)

    assert {pattern for pattern in (5, 7) if at.has(pattern)} == known


def test_what_is_new_is_measured_by_what_was_known_then(learned: _Learned) -> None:
    like_the_later_one = np.array([[0.0, 1.0]], dtype=np.float32)

    nearest = [
        learned.at(NOON + after).novelties([9], like_the_later_one, [view(1)], scale=0.5)
        for after in (-HOUR, HOUR, 2 * HOUR)
    ]

    assert [(float(novelty[0]), int(ids[0])) for novelty, ids in nearest] == [(1.0, -1), (1.0, 7), (0.0, 5)]


def test_differences_are_summed_per_source_and_pattern() -> None:
    scored = pl.DataFrame(
        {
            "source_id": [1, 1, 1, 2],
            "pattern_id": [3, 3, 4, 3],
            "score": [0.1, 0.9, 0.5, 0.5],
            "new_score": [0.8, 0.2, 0.5, 0.5],
            "is_anomaly": [False, True, True, False],
            "new_is_anomaly": [True, False, True, False],
        }
    )

    found = {(one.source_id, one.pattern_id): one for one in differences(scored)}

    changed = found[1, 3]
    assert (changed.entries, changed.anomalies, changed.replayed_anomalies) == (2, 1, 1)
    assert (changed.became_odd, changed.became_normal) == (1, 1)
    assert (changed.score_sum, changed.replayed_sum) == (pytest.approx(1.0), pytest.approx(1.0))
    assert {pair: (one.became_odd, one.became_normal) for pair, one in found.items() if pair != (1, 3)} == {
        (1, 4): (0, 0),
        (2, 3): (0, 0),
    }


@pytest.mark.parametrize(
    ("name", "holds"),
    [("general-6", True), ("a", True), ("v1.2_b", True), ("", False), ("..", False), ("a/b", False), ("x" * 65, False)],
)
def test_a_version_is_a_name_that_every_store_takes(name: str, holds: bool) -> None:
    assert is_version(name) is holds
