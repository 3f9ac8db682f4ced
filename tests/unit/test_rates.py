"""How surprising counts and silences are, what is usual, what is told, and that all of it stays small."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from oddline.scoring.rates.budget import Budget, lowest
from oddline.scoring.rates.counting import counted, joined
from oddline.scoring.rates.model import BIN_S, BINS_A_DAY, BINS_AN_HOUR, WHOLE, OddRate, Rules
from oddline.scoring.rates.packing import pack, unpack
from oddline.scoring.rates.season import Season, is_usual
from oddline.scoring.rates.series import MOST_PATTERNS, UP
from oddline.scoring.rates.source import MOST_AT_ONCE, RateSource
from oddline.scoring.rates.surprise import expected_range, of_count, of_silence, record_scale, tempered

RULES = Rules(alarms_per_day=1.0, warm_up=timedelta(minutes=10))
BEGIN = 2_000 * BINS_A_DAY + 12 * BINS_AN_HOUR
QUARTER = 90  # bins


def frame(counts: Sequence[Sequence[int]], *, begin: int, lag: int = 0) -> pl.DataFrame:
    """Counts of patterns 1, 2 … (the inner ones) in one bin after another."""
    rows = [
        (begin + place, pattern, count)
        for place, one in enumerate(counts)
        for pattern, count in enumerate(one, start=1)
        if count
    ]
    return pl.DataFrame(
        {
            "bin": [row[0] for row in rows],
            "pattern_id": [row[1] for row in rows],
            "count": [row[2] for row in rows],
            "lag": [lag] * len(rows),
            "submission": [b"\1" * 15 + b"\0"] * len(rows),
            "index": [0] * len(rows),
            "timestamp": [row[0] * BIN_S * 1_000_000 for row in rows],
            "received": [row[0] * BIN_S * 1_000_000 for row in rows],
        },
        schema_overrides={"bin": pl.Int64, "pattern_id": pl.Int64, "count": pl.Int64, "lag": pl.Int64},
    )


def hear(source: RateSource, counts: Sequence[Sequence[int]]) -> list[OddRate]:
    """Let a source have these counts next."""
    begin = source.next
    source.take(frame(counts, begin=begin))
    return source.close(begin + len(counts), rules=RULES)


def noisy(rates: Sequence[float], bins: int, *, seed: int = 1) -> list[list[int]]:
    counts: list[list[int]] = np.random.default_rng(seed).poisson(rates, (bins, len(rates))).tolist()
    return counts


@pytest.fixture
def learned() -> RateSource:
    """A source with a busy, a usual and a rare pattern, heard for an hour."""
    source = RateSource.begun(BEGIN)
    assert hear(source, noisy([30.0, 6.0, 0.2], BINS_AN_HOUR)) == []
    return source


def test_a_surprise_is_never_more_than_the_exact_one() -> None:
    # Of a Poisson variable of mean 10: P(X ≥ 30) = 7.98e-8, P(X ≤ 1) = 4.99e-4.
    found = of_count(np.array([30.0, 1.0]), mean=np.array([10.0, 10.0]), dispersion=np.array([1e-9, 1e-9]))

    assert found == pytest.approx([12.96, 6.70], abs=0.1)
    assert (found <= -np.log([7.98e-8, 4.99e-4])).all()


def test_what_comes_like_clockwork_surprises_sooner_where_it_lacks_and_never_too_much() -> None:
    # A tenth of the variance of chance: the tenth part of a step of a Poisson process. P(N ≤ 1) of a mean of 10.
    exact = -math.log(sum(math.exp(-100 + k * math.log(100) - math.lgamma(k + 1)) for k in range(20)))
    clock, chance = of_count(np.full(2, 1.0), mean=np.full(2, 10.0), dispersion=np.array([-0.09, 1e-9]))

    assert 7 < chance + 1 < 20 < clock <= exact


def test_the_silence_of_a_steady_row_surprises_sooner_than_that_of_a_bursty_one() -> None:
    steady, bursty = of_silence(np.array([10.0, 10.0]), mean=np.array([2.0, 2.0]), variance=np.array([0.5, 16.0]))

    assert steady > 15 > 1 > bursty


def test_what_is_known_little_and_what_had_larger_records_surprises_less() -> None:
    few, many = tempered(np.array([50.0, 50.0]), seen=np.array([2.0, 1_000.0]))
    scale = record_scale(np.array([50.0]), seen=np.array([998.0]))

    assert (round(float(few), 1), round(float(many))) == (6.5, 49)
    assert 50 / scale == pytest.approx([np.log(1_000)])


def test_the_range_holds_the_counts_that_surprise_less() -> None:
    low, high = expected_range(mean=100.0, dispersion=0.01, most=10.0)

    at = of_count(np.array([low, high, low - 1, high + 1.0]), mean=np.full(4, 100.0), dispersion=np.full(4, 0.01))
    assert (at[:2] <= 10).all()
    assert (at[2:] > 10).all()


def test_a_surge_of_a_pattern_is_told_with_its_window(learned: RateSource) -> None:
    [odd] = hear(learned, [[30, 60, 0]])

    assert (odd.pattern_id, odd.direction, odd.count) == (2, "up", 60)
    assert odd.window_to - odd.window_from == timedelta(seconds=10)
    assert odd.low <= 6 <= odd.high < 60
    assert odd.source_count == 90


def test_a_small_surge_is_found_in_a_longer_window(learned: RateSource) -> None:
    hear(learned, noisy([30.0, 6.0, 0.2], 4 * BINS_AN_HOUR, seed=3))

    told = hear(learned, noisy([30.0, 16.0, 0.2], QUARTER, seed=2))

    assert {(odd.pattern_id, odd.direction) for odd in told} == {(2, "up")}
    assert told[0].window_to - told[0].window_from > timedelta(seconds=10)


def test_a_pattern_that_stops_is_told_while_the_others_go_on(learned: RateSource) -> None:
    told = hear(learned, noisy([30.0, 0.0, 0.2], QUARTER, seed=2))

    assert [(odd.pattern_id, odd.direction) for odd in told] == [(2, "down")]
    assert (told[0].count, told[0].timestamp < told[0].window_from) == (0, True)


def test_what_comes_like_clockwork_is_missed_after_few_beats() -> None:
    source = RateSource.begun(BEGIN)
    others = noisy([30.0, 5.0], BINS_AN_HOUR)
    assert hear(source, [[busy, chance, 5] for busy, chance in others]) == []

    [odd] = hear(source, [[30, 1, 1]])

    assert (odd.pattern_id, odd.direction, odd.count) == (3, "down", 1)
    assert odd.low > 1
    assert hear(source, [[30, 5, 5]] * 30) == []


def test_a_single_beat_that_lacks_is_nothing() -> None:
    source = RateSource.begun(BEGIN)
    hear(source, [[busy, 5] for [busy] in noisy([30.0], BINS_AN_HOUR)])

    assert hear(source, [[30, 3], [30, 5], [30, 4]]) == []


def test_a_silent_source_is_told_once_and_then_left_alone(learned: RateSource) -> None:
    told = learned.close(learned.next + 5 * BINS_AN_HOUR, rules=RULES)
    again = learned.close(learned.next + 50 * BINS_AN_HOUR, rules=RULES)

    assert [(odd.pattern_id, odd.direction) for odd in told] == [(WHOLE, "down")]
    assert (again, learned.is_asleep()) == ([], True)


def test_a_source_that_comes_back_is_judged_as_before(learned: RateSource) -> None:
    learned.close(learned.next + 5 * BINS_AN_HOUR, rules=RULES)
    back = learned.next + 10 * BINS_AN_HOUR
    learned.take(frame(noisy([30.0, 6.0, 0.2], QUARTER, seed=3), begin=back))

    assert learned.close(back + QUARTER, rules=RULES) == []
    assert learned.next == back + QUARTER


def test_where_everything_grows_alike_the_source_is_told_and_no_pattern() -> None:
    source = RateSource.begun(BEGIN)
    hear(source, noisy([10.0] * 40, BINS_AN_HOUR))

    told = hear(source, noisy([60.0] * 40, 6, seed=2))

    assert [(odd.pattern_id, odd.direction) for odd in told] == [(WHOLE, "up")]


def test_of_many_surges_at_once_few_are_told_and_the_others_counted() -> None:
    source = RateSource.begun(BEGIN)
    hear(source, noisy([500.0, *[2.0] * 30], BINS_AN_HOUR))

    told = hear(source, [[500, *[40] * 30]])

    assert len(told) == MOST_AT_ONCE
    assert {odd.others for odd in told} == {30 + (told[0].pattern_id == WHOLE) - MOST_AT_ONCE}


def test_what_goes_on_is_told_once(learned: RateSource) -> None:
    told = hear(learned, noisy([30.0, 60.0, 0.2], QUARTER, seed=2))

    assert [odd.pattern_id for odd in told].count(2) == 1


def test_a_surge_does_not_hide_the_next(learned: RateSource) -> None:
    hear(learned, noisy([30.0, 60.0, 0.2], 30, seed=2))
    assert hear(learned, noisy([30.0, 6.0, 0.2], QUARTER, seed=3)) == []

    [odd] = hear(learned, [[30, 60, 0]])

    assert (odd.pattern_id, odd.expected < 15) == (2, True)


def test_nothing_is_said_in_the_warm_up() -> None:
    source = RateSource.begun(BEGIN)

    assert hear(source, [*noisy([30.0, 6.0], 40), [30, 600]]) == []


def test_a_job_that_comes_every_night_is_usual_from_the_third_on() -> None:
    season = Season.nothing(2)
    night = BEGIN + 12 * BINS_AN_HOUR
    surprises = np.array([[0.0, 0.0], [80.0, 0.0]])

    usual = []
    for day in range(3):
        usual.append(bool(is_usual(surprises[:, UP], before=season.usual(night + day * BINS_A_DAY)[:, UP])[1]))
        season.learn(surprises, number=night + day * BINS_A_DAY)

    assert usual == [False, False, True]
    assert not is_usual(surprises[:, UP], before=season.usual(night + 12 * BINS_AN_HOUR)[:, UP])[1]


def test_working_days_and_weekends_are_remembered_apart() -> None:
    season = Season.nothing(1)
    monday = next(day for day in range(2_000, 2_007) if datetime.fromtimestamp(day * 86_400, tz=UTC).weekday() == 0)
    for day in range(5):
        season.learn(np.array([[50.0, 0.0]]), number=(monday + day) * BINS_A_DAY)

    assert season.usual((monday + 7) * BINS_A_DAY)[0, UP] > 0
    assert season.usual((monday + 5) * BINS_A_DAY + 12 * BINS_AN_HOUR)[0, UP] == 0


def test_false_alarms_that_keep_coming_raise_the_threshold() -> None:
    budget = Budget(BEGIN)
    thresholds = []
    for hour in range(20 * 24):
        number = BEGIN + hour * BINS_AN_HOUR
        threshold = budget.threshold(number, rules=RULES, rows=10)
        thresholds.append(threshold)
        if hour % 6 == 0:
            budget.note(
                number,
                rarest=30.0,
                threshold=threshold,
                told=int(threshold <= 30 and budget.left(number, rules=RULES) > 0),
            )

    assert thresholds[0] == np.inf
    assert thresholds[1] == pytest.approx(lowest(RULES, rows=10))
    assert thresholds[-1] > 30


def test_what_is_known_is_the_same_after_packing(learned: RateSource) -> None:
    recent, season = pack(learned)

    again = unpack(recent, season)

    assert again is not None
    counts = [*noisy([30.0, 6.0, 0.2], 20, seed=5), [30, 60, 0]]
    before, after = hear(learned, counts), hear(again, counts)
    assert [(odd.pattern_id, odd.count, odd.submission) for odd in before] == [
        (odd.pattern_id, odd.count, odd.submission) for odd in after
    ]
    assert (len(before), before[0].submission) == (1, b"\1" * 15 + b"\0")


def test_a_flood_of_different_patterns_stays_small_and_pushes_nothing_out(learned: RateSource) -> None:
    patterns = np.arange(10_000) + 100
    flood = frame([[1]], begin=learned.next).join(pl.DataFrame({"flood": patterns}), how="cross")
    learned.take(flood.with_columns(pl.col("flood").alias("pattern_id")).drop("flood"))
    learned.close(learned.next + 1, rules=RULES)

    recent, season = pack(learned)

    assert len(learned.series.patterns) == MOST_PATTERNS + 1
    assert {1, 2, 3} <= set(learned.series.patterns.tolist())
    assert len(recent) + len(season or b"") < 100_000
    assert learned.series.open[0, -1] == 10_000


def test_patterns_that_came_once_make_room_for_others_after_an_hour(learned: RateSource) -> None:
    learned.take(frame([[0] * 10 + [1] * 300], begin=learned.next))
    learned.close(learned.next + 1, rules=RULES)
    hear(learned, noisy([30.0, 6.0, 0.2], BINS_AN_HOUR + 1, seed=4))

    learned.take(frame([[0] * 500 + [1]], begin=learned.next))

    assert 501 in learned.series.patterns
    assert {1, 2, 3} <= set(learned.series.patterns.tolist())


def test_a_bin_is_held_open_for_as_long_as_a_source_comes_late(learned: RateSource) -> None:
    begin = learned.next
    learned.take(frame([[30, 60, 0]], begin=begin, lag=300))

    early = learned.close(begin + 29, rules=RULES)
    on_time = learned.close(begin + 31, rules=RULES)

    assert early == []
    assert [odd.pattern_id for odd in on_time] == [2]


def test_what_comes_too_late_is_counted_apart(learned: RateSource) -> None:
    learned.take(frame([[7]], begin=learned.next - 5))

    assert learned.late == 7


def test_entries_far_from_their_arrival_are_not_counted() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    times = [now, now + timedelta(seconds=3), now - timedelta(hours=5)]
    entries = pl.LazyFrame(
        {
            "source_id": [1, 1, 1],
            "pattern_id": [2, 2, 2],
            "index": [0, 1, 2],
            "timestamp": times,
            "received_at": [now + timedelta(seconds=4)] * 3,
            "submission": [b"a" * 16] * 3,
        }
    )

    [row] = joined([counted(entries).collect()]).to_dicts()

    assert (row["count"], row["lag"], row["index"]) == (2, 4, 1)
