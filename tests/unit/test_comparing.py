"""Comparing windows: what differs is told, and what chance does is not."""

import numpy as np
import pytest

from oddline.analytics.comparing import FALSE_SHARE, Change, Sample, compare, corrected


def sample(slots: np.ndarray) -> Sample:
    return Sample(int(slots.sum()), float((slots.astype(float) ** 2).sum()), int((slots > 0).sum()), len(slots))


def drawn(rng: np.random.Generator, *, mean: float, slots: int, clumping: float = 0.0) -> Sample:
    """Counts of slots: Poisson, or as many times more scattered as `clumping` says."""
    means = mean if not clumping else rng.gamma(mean / clumping, clumping, size=slots)
    return sample(rng.poisson(means, size=slots))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(0, 40, Change.NEW), (40, 0, Change.GONE), (20, 90, Change.GROWN), (90, 20, Change.SHRUNK)],
)
def test_a_pattern_that_changed_is_told_with_how_it_did(before: int, after: int, change: Change) -> None:
    ones = [Sample(count, float(count), count, 100) for count in (before, after)]

    [found] = compare({"pattern": (ones[0], ones[1])}).values()

    assert found.change is change
    assert found.q < 1e-4
    assert (found.ratio > 1) == (after > before)


def test_a_burst_of_what_was_never_there_before_is_told() -> None:
    nothing, burst = Sample.nothing(slots=12), Sample(5_000, 25e6, 1, 12, is_first=True)

    [found] = compare({"pattern": (nothing, burst)}).values()

    assert (found.change, found.q) == (Change.NEW, 0.0)


def test_a_single_burst_of_what_comes_in_bursts_is_no_difference() -> None:
    nothing, burst = Sample.nothing(slots=12), Sample(5_000, 25e6, 1, 12)

    found = compare({"later": (nothing, burst), "before": (burst, nothing)})

    assert [one.p for one in found.values()] == [0.5, 0.5]


def test_what_stopped_after_coming_in_most_slots_is_told() -> None:
    [found] = compare({"pattern": (Sample(5_000, 1e7, 11, 12), Sample.nothing(slots=12))}).values()

    assert (found.change, found.q < 0.001) == (Change.GONE, True)


def test_rates_are_compared_and_not_numbers_where_one_window_is_longer() -> None:
    day, hour = Sample(2_400, 240_000.0, 24, 24), Sample(100, 10_000.0, 1, 1)

    [found] = compare({"pattern": (day, hour)}).values()

    assert found.ratio == pytest.approx(1, abs=0.01)
    assert found.p > 0.9


@pytest.mark.parametrize("clumping", [0.0, 5.0])
@pytest.mark.parametrize("slots", [24, 288])
def test_where_nothing_changed_nearly_nothing_is_told(clumping: float, slots: int) -> None:
    rng = np.random.default_rng(7)
    means = [0.05, 0.5, 3.0, 40.0]
    samples = {
        (number, mean): (
            drawn(rng, mean=mean, slots=slots, clumping=clumping),
            drawn(rng, mean=mean, slots=slots, clumping=clumping),
        )
        for number in range(500)
        for mean in means
    }

    found = compare(samples)

    assert sum(one.q <= FALSE_SHARE for one in found.values()) / len(found) < 0.005


def test_of_what_is_told_about_the_promised_share_is_false() -> None:
    rng = np.random.default_rng(11)
    samples = {
        number: (drawn(rng, mean=5.0, slots=48), drawn(rng, mean=5.0 if number >= 200 else 8.0, slots=48))
        for number in range(1_000)
    }

    told = {number for number, one in compare(samples).items() if one.q <= FALSE_SHARE}

    assert len({number for number in told if number < 200}) > 180
    assert len({number for number in told if number >= 200}) / len(told) < 2 * FALSE_SHARE


def test_corrected_ps_are_those_of_the_published_example() -> None:
    # Benjamini and Hochberg 1995, section 3: four of fifteen comparisons are told at 0.05.
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
          0.7590, 1.0]  # fmt: skip

    told = [p for p, q in zip(ps, corrected(ps), strict=True) if q <= FALSE_SHARE]

    assert told == ps[:4]
