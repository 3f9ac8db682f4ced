"""Thresholds that keep a promise: what a history of incidents makes of "at most N alarms a day"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddline.scoring.calibration.drift import find_drift
from oddline.scoring.calibration.incidents import MOST_A_DAY, Day, History, Incidents
from oddline.scoring.calibration.model import FLOOR, Asked, Cap, Incident, Standing
from oddline.scoring.calibration.threshold import calibrate, settled
from oddline.scoring.calibration.warm_up import grant
from oddline.scoring.evaluation.calibration import measure

NOW = 14 * 24
"""The hour after two whole days of weeks, counted from 0."""

Had = dict[int, list[float]]
"""Scores of the incidents of each hour."""


def day_of(number: int, had: Had, *, alarm_from: float = 2.0) -> Day:
    """A day with entries in each hour."""
    pairs = [(hour, score) for hour, scores in had.items() for score in scores]
    hours = [number * 24 + hour for hour, _ in pairs]
    scores = [score for _, score in pairs]
    found = Incidents.of(hours, range(len(pairs)), scores, [score >= alarm_from for score in scores])
    return Day.nothing(number).with_more((1 << 24) - 1, found)


def history_of(*days: Had, alarm_from: float = 2.0) -> History:
    return History.of([day_of(number, had, alarm_from=alarm_from) for number, had in enumerate(days)])


def calibrated(history: History, *, asked: float, lowest: float = FLOOR, counted: int = NOW, now: int = NOW) -> float:
    threshold = calibrate(history, asked=Asked(asked, lowest), started=0, counted=counted, now=now)
    assert threshold is not None
    return threshold


def random_days(count: int, *, a_day: int, seed: int = 1) -> list[Had]:
    chance = np.random.default_rng(seed)
    return [{hour: list(0.1 + 0.9 * chance.random(a_day // 24)) for hour in range(24)} for _ in range(count)]


def reached(days: list[Had], threshold: float) -> float:
    """How many incidents a day reach a threshold."""
    return sum(score >= threshold for had in days for scores in had.values() for score in scores) / len(days)


def test_where_fewer_happen_than_are_allowed_the_threshold_is_as_low_as_it_may_be() -> None:
    history = history_of(*[{3: [0.9], 7: [0.2]}] * 14)

    assert calibrated(history, asked=5) == FLOOR
    assert calibrated(history, asked=5, lowest=0.44) == 0.44


@pytest.mark.parametrize("asked", [1, 5, 20, 100])
def test_so_many_as_were_asked_for_reach_the_threshold(asked: int) -> None:
    days = random_days(14, a_day=240)

    threshold = calibrated(history_of(*days), asked=asked)

    assert 0.75 * asked <= reached(days, threshold) <= 1.15 * asked


def test_after_a_single_day_the_one_to_come_is_counted_as_one_more() -> None:
    history = history_of({1: [0.3, 0.5, 0.7, 0.9]})

    thresholds = [calibrated(history, asked=asked, now=24) for asked in (1, 2, 3)]

    assert thresholds == pytest.approx([0.9, 0.7, 0.5], abs=1e-5)
    assert thresholds[0] > np.float32(0.9)


def test_too_little_to_go_by_gives_no_threshold() -> None:
    one_day, few_hours = history_of({1: [0.3]}), History.of([Day.nothing(13).with_more(0b111, Incidents.joined([]))])

    assert calibrate(one_day, asked=Asked(0.5, FLOOR), started=0, counted=24, now=24) is None
    assert calibrate(few_hours, asked=Asked(5, FLOOR), started=NOW - 3, counted=NOW - 3, now=NOW) is None


def test_of_equal_scores_all_are_alarms_or_none() -> None:
    history = history_of(*[{hour: [0.5] for hour in range(10)}] * 14)

    assert calibrated(history, asked=5) > 0.5
    assert calibrated(history, asked=11) == FLOOR


def test_no_threshold_is_above_the_highest_score_that_there_can_be() -> None:
    history = history_of(*[{hour: [1.0] for hour in range(10)}] * 14)

    assert calibrated(history, asked=1) == 1.0


def test_a_day_of_storm_moves_the_threshold_no_more_than_a_busy_one() -> None:
    calm = random_days(14, a_day=240)
    chance = np.random.default_rng(2)
    storm = {hour: list(0.5 + 0.5 * chance.random(20)) for hour in range(24)}
    busy = {hour: [0.99] for hour in range(20)}

    after_storm = calibrated(history_of(*calm[:13], storm), asked=5)

    assert after_storm == pytest.approx(calibrated(history_of(*calm[:13], busy), asked=5), abs=0.01)
    assert reached(calm, after_storm) >= 0.5 * 5


def test_too_many_alarms_are_saved_for_and_too_few_hardly_made_up_for() -> None:
    days = random_days(14, a_day=240)
    right = calibrated(history_of(*days), asked=5)
    histories = [history_of(*days, alarm_from=alarm_from) for alarm_from in (right - 0.02, right, right + 0.02)]

    many, some, few = (reached(days, calibrated(history, asked=5, counted=0)) for history in histories)

    assert many < some <= few <= 1.3 * 5


def test_alarms_given_under_another_promise_count_for_nothing() -> None:
    days = random_days(14, a_day=240)

    one, other = (calibrated(history_of(*days, alarm_from=alarm_from), asked=5) for alarm_from in (0.5, 1.0))

    assert one == other


def test_the_hour_in_progress_and_what_is_older_than_two_weeks_are_left_out() -> None:
    days: list[Had] = [{hour: [0.95] for hour in range(24)}, *random_days(14, a_day=240), {0: [0.99] * 50}]

    inside, outside = history_of({}, *days[1:-1], {}), history_of(*days)

    assert calibrated(outside, asked=5, now=15 * 24) == calibrated(inside, asked=5, now=15 * 24)


def test_days_without_any_entry_leave_no_room_for_alarms() -> None:
    days = [day_of(number, had) for number, had in enumerate(random_days(14, a_day=240))]

    silent = calibrated(History.of(days[12:]), asked=5)
    calm = calibrated(History.of([day_of(number, {}) for number in range(12)] + days[12:]), asked=5)

    assert calm < silent


def test_what_a_person_has_judged_is_left_out() -> None:
    days = [day_of(number, {1: [0.9], 2: [0.8], 3: [0.3]}) for number in range(14)]

    without = History.of(days, without={0})

    assert calibrated(without, asked=1.5) < calibrated(History.of(days), asked=1.5)
    assert set(without.incidents.patterns.tolist()) == {1, 2}


def test_a_change_that_nobody_sees_is_none() -> None:
    assert settled(0.5004, before=0.5) == 0.5
    assert settled(0.502, before=0.5) == 0.502
    assert settled(0.5004, before=None) == 0.5004
    assert settled(None, before=0.5) is None


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(0, 1, width=32), st.booleans()), max_size=30),
    st.randoms(use_true_random=False),
)
def test_a_day_is_the_same_in_whatever_order_and_parts_its_incidents_come(
    found: list[tuple[int, int, float, bool]], chance: object
) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    at_once = Day.nothing(0).with_more(0, Incidents.of(*zip(*found, strict=True)) if found else Incidents.joined([]))

    one_by_one = Day.nothing(0)
    for incident in shuffled:
        one_by_one = one_by_one.with_more(0, Incidents.of(*zip(incident, strict=True)))

    assert one_by_one.incidents.same_as(at_once.incidents)
    assert len(at_once.incidents) == len({(hour, pattern) for hour, pattern, _, _ in found})


def test_of_a_day_the_highest_scores_are_kept() -> None:
    scores = np.random.default_rng(1).random(2 * MOST_A_DAY).tolist()

    day = Day.nothing(0)
    for part in (scores[::2], scores[1::2]):
        day = day.with_more(
            1, Incidents.of([0] * len(part), [hash(score) for score in part], part, [False] * len(part))
        )

    assert day.incidents.scores.tolist() == pytest.approx(sorted(scores, reverse=True)[:MOST_A_DAY])


def test_what_was_cut_off_changes_no_threshold() -> None:
    whole = random_days(14, a_day=2400)
    cut = [{hour: [score for score in scores if score > 0.6] for hour, scores in had.items()} for had in whole]

    for asked in (1, 20, 100):
        assert calibrated(history_of(*whole), asked=asked) == calibrated(history_of(*cut), asked=asked)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.dictionaries(st.integers(0, 20), st.floats(0.5, 1, width=32), min_size=1, max_size=8)
        ),
        max_size=40,
    ),
    st.integers(0, 6),
    st.integers(1, 40),
)
def test_in_no_hours_in_a_row_are_there_more_alarms_than_the_cap(
    claims: list[tuple[int, dict[int, float]]], cap: int, hours: int
) -> None:
    held: frozenset[Incident] = frozenset()
    alarms: set[Incident] = set()

    for hour, wanted in sorted(claims, key=lambda claim: claim[0]):
        granted, held = grant(wanted, held=held, hour=hour, cap=Cap(cap, hours))
        alarms |= {Incident(pattern, hour) for pattern in granted}

    assert all(sum(first <= one.hour < first + hours for one in alarms) <= cap for first in range(61))


def test_the_highest_scores_are_granted_first() -> None:
    granted, _ = grant({1: 0.5, 2: 0.9, 3: 0.7}, held=(), hour=0, cap=Cap(2, 24))

    assert granted == {2, 3}


def test_what_was_granted_is_granted_again_at_no_cost() -> None:
    cap = Cap(2, 24)
    _, held = grant({1: 0.5}, held=(), hour=0, cap=cap)

    again, still_held = grant({1: 0.5, 2: 0.9}, held=held, hour=0, cap=cap)
    full, _ = grant({1: 0.9, 3: 0.9}, held=still_held, hour=0, cap=cap)
    later, _ = grant({1: 0.9}, held=still_held, hour=1, cap=cap)

    assert (again, full, later) == ({1, 2}, {1}, frozenset())


def test_less_than_one_alarm_a_day_is_one_in_several_days() -> None:
    assert [Cap.of(number) for number in (20, 2.9, 1, 0.5, 0.3)] == [
        Cap(20, 24),
        Cap(2, 24),
        Cap(1, 24),
        Cap(1, 48),
        Cap(1, 80),
    ]


def test_a_fixed_threshold_goes_before_a_calibrated_one_and_that_before_the_model_s() -> None:
    def in_force(fixed: float | None, calibrated: float | None) -> tuple[float, int, Cap | None]:
        standing = Standing(fixed=fixed, alarms_per_day=2.5, calibrated=calibrated, version=7)
        found = standing.in_force(default_threshold=0.44)
        return found.threshold, found.calibration_version, found.cap

    assert in_force(0.9, 0.5) == (0.9, 0, None)
    assert in_force(None, 0.5) == (0.5, 7, None)
    assert in_force(None, None) == (0.44, 0, Cap(2, 24))


def test_days_that_are_alike_show_no_drift() -> None:
    history = history_of(*random_days(14, a_day=96))

    assert find_drift(history, started=0, now=NOW) is None


def test_higher_scores_are_a_drift() -> None:
    days = random_days(14, a_day=96)
    higher = {hour: [min(score + 0.4, 1.0) for score in scores] for hour, scores in days[13].items()}

    assert find_drift(history_of(*days[:13], higher), started=0, now=NOW) == "scores"


@pytest.mark.parametrize("a_day", [24, 288])
def test_a_number_unlike_that_of_any_day_before_is_a_drift(a_day: int) -> None:
    days = random_days(13, a_day=96)

    assert find_drift(history_of(*days, *random_days(1, a_day=a_day, seed=2)), started=0, now=NOW) == "number"


def test_what_was_cut_off_on_the_days_before_is_no_drift() -> None:
    now = NOW - 12
    days = random_days(14, a_day=2400)
    days[13] = {hour: scores for hour, scores in days[13].items() if hour < 2}

    assert find_drift(history_of(*days), started=0, now=now) is None


def test_a_young_source_drifts_nowhere() -> None:
    history = history_of({1: [0.3] * 10}, {1: [0.9] * 90})

    assert find_drift(history, started=0, now=48) is None


def test_the_promise_is_kept_in_a_simulated_month() -> None:
    [row] = measure(seeds=(4,), asked=(20,))

    assert 0.85 <= row["realised"] <= 1.15
    assert (row["warm_up_over_cap"], row["sources"] >= 8) == (0, True)
