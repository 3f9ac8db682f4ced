"""The simulated day keeps what must be kept, and agrees with queueing theory where that has an answer."""

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.day import Day
from bench.fleet import Fleet, Line, Load, Minute, Work
from bench.scale import SCENARIOS, simulate, summary
from bench.scale_picture import draw, heading, row
from oddline.cost import read_measured

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
MINUTE_S, HOUR_S = 60.0, 3_600.0

# A claim is one batch and takes a second; the database takes no part.
PLAIN = Work(
    lines=1_000,
    claim_batches=1,
    claim_s=0.0,
    batch_s=1.0,
    claim_database_s=0.0,
    batch_database_s=0.0,
    claim_writes=1.0,
    post_database_s=1e-9,
    post_s=1e-9,
    reader_s=1e-9,
)
ONE_BY_ONE = Fleet(processes=1, stretch_s=0.0, most=1, database_cores=10_000.0)
MEASURED = Work.of(read_measured())


@cache
def simulated(number: int) -> list[Minute]:
    """The minutes of a scenario; those of 10 TB take half a minute."""
    return simulate(SCENARIOS[number]).minutes


def erlang_c(servers: int, load: float) -> float:
    """The share that must wait in M/M/c (Erlang, 1917)."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(0.5, 200.0),
    spike=st.floats(1.0, 30.0),
    most=st.integers(1, 30),
    cores=st.floats(0.05, 20.0),
    busy=st.none() | st.floats(0.3, 0.9),
    seed=st.integers(0, 2**32),
)
def test_what_came_is_served_or_still_there_and_the_bounds_hold(
    rate: float, spike: float, most: int, cores: float, busy: float | None, seed: int
) -> None:
    fleet = Fleet(most=most, database_cores=cores, busy=busy)
    load = Load(rate, spike=spike, begins_s=20 * MINUTE_S, ends_s=30 * MINUTE_S)

    day = Day(MEASURED, fleet, load, seed=seed).run(HOUR_S + 1)

    assert day.offered == day.served + day.in_service + day.waiting.size + day.door.size
    assert len(day.minutes) == 60
    for minute in day.minutes:
        assert fleet.fewest <= minute.tasks <= most
        assert minute.oldest_s >= 0
        assert minute.waiting + minute.at_door <= day.offered
        assert -1e-9 <= minute.database_share <= 1 + 1e-9


def test_an_equal_seed_gives_an_equal_day_and_another_seed_another() -> None:
    days = [Day(MEASURED, Fleet(), Load(20.0), seed=seed).run(HOUR_S).minutes for seed in (1, 1, 2)]

    assert days[0] == days[1]
    assert days[0] != days[2]


def test_with_one_task_waiting_is_that_of_m_d_1() -> None:
    # Pollaczek and Khinchine: the mean wait of M/D/1 is ρ / 2(1 - ρ) services.
    day = Day(PLAIN, ONE_BY_ONE, Load(0.8, grain_s=None), seed=3).run(200_000.0)

    assert day.waited_s / day.claims == pytest.approx(0.8 / (2 * 0.2), rel=0.05)


def test_with_several_tasks_waiting_is_about_half_of_m_m_c() -> None:
    # Cosmetatos (1975): M/D/c waits half as long as M/M/c, and a little more.
    servers, load = 4, 3.2
    fleet = replace(ONE_BY_ONE, fewest=servers, most=servers)

    day = Day(PLAIN, fleet, Load(load, grain_s=None), seed=4).run(50_000.0)

    m_m_c = erlang_c(servers, load) / (servers - load)
    correction = 1 + (1 - load / servers) * (servers - 1) * (math.sqrt(4 + 5 * servers) - 2) / (16 * load)
    assert day.waited_s / day.claims == pytest.approx(m_m_c / 2 * correction, rel=0.05)


def test_as_many_wait_as_come_in_the_time_that_one_waits() -> None:
    # Little's law, L = λ W = (N / T) × (all that was waited / N), over the minutes that were looked at.
    seconds = 200_000.0

    day = Day(PLAIN, ONE_BY_ONE, Load(0.9, grain_s=None), seed=5).run(seconds)

    waiting = sum(minute.waiting for minute in day.minutes) / len(day.minutes)
    assert waiting == pytest.approx(day.waited_s / seconds, rel=0.05)


def test_a_task_more_comes_only_after_three_minutes_and_its_start() -> None:
    # A task does one of the ten batches that come each second, so the target is passed in the first minute.
    fleet = replace(ONE_BY_ONE, backlog_lines=1_000.0, most=50)

    day = Day(PLAIN, fleet, Load(10.0), seed=1).run(10 * MINUTE_S)

    assert [minute.tasks for minute in day.minutes[:4]] == [1, 1, 1, 1]
    assert day.minutes[4].tasks > 1


def test_tasks_leave_one_cooldown_apart_and_never_below_the_fewest() -> None:
    spike = Load(1.0, spike=100.0, begins_s=0.0, ends_s=10 * MINUTE_S)
    fleet = replace(ONE_BY_ONE, fewest=2, most=20)

    tasks = [minute.tasks for minute in Day(PLAIN, fleet, spike, seed=1).run(6 * HOUR_S).minutes]

    falls = [number for number, (before, after) in enumerate(pairwise(tasks)) if after < before]
    assert max(tasks) == 20
    assert tasks[-1] == 2
    assert all(later - earlier >= 5 for earlier, later in pairwise(falls))


def test_what_the_database_cannot_take_stays_at_the_door_until_it_can() -> None:
    # Half a core for submissions of 10 ms: 50 a second, of which 98 % are for them.
    work = replace(PLAIN, batch_s=0.001, post_database_s=0.01)
    load = Load(20.0, spike=10.0, begins_s=10 * MINUTE_S, ends_s=20 * MINUTE_S)

    day = Day(work, Fleet(most=5, database_cores=0.5), load, seed=1).run(2 * HOUR_S)

    # 200 a second come for ten minutes and 49 are taken.
    assert max(minute.at_door for minute in day.minutes) == pytest.approx(151 * 600, rel=0.05)
    assert day.minutes[8].at_door == 0
    assert day.minutes[-1].at_door == 0


def test_workers_slow_down_to_what_the_database_can_do() -> None:
    work = replace(PLAIN, batch_s=0.1, batch_database_s=0.1)

    day = Day(work, replace(ONE_BY_ONE, fewest=10, most=10, database_cores=2.0), Load(100.0), seed=1).run(HOUR_S)

    # Ten tasks would do 100 a second; two cores of the database do 20.
    assert day.served / HOUR_S == pytest.approx(20.0, rel=0.1)


def test_a_line_gives_what_came_first_and_remembers_when() -> None:
    line = Line()
    line.put(3, came_s=1.0)
    line.put(2, came_s=2.0)

    assert line.take(4) == [(1.0, 3), (2.0, 1)]
    assert (line.size, line.oldest) == (1, 2.0)


def test_the_work_of_claims_goes_through_both_measured_points() -> None:
    measured = read_measured()
    alone, backlog, many = measured.steps["score_alone"], measured.steps["score"], measured.backlog_batches

    cpu_s = MEASURED.claim_s - MEASURED.claim_database_s
    behind = sum(measured.steps[name].database_cpu_s for name in ("fold", "detect", "compact"))

    assert cpu_s + MEASURED.batch_s - (MEASURED.batch_database_s - behind) == pytest.approx(alone.cpu_s)
    assert MEASURED.claim_database_s / many + MEASURED.batch_database_s - behind == pytest.approx(
        backlog.database_cpu_s
    )


def test_the_page_holds_what_the_simulation_says() -> None:
    page = PAGE.read_text(encoding="utf-8")

    told = [row(SCENARIOS[number], simulated(number)) for number in (0, 1, 2, 3)]

    assert heading() in page
    for line in told:
        assert line in page, "run `python -m bench.scale_picture` and put its table into docs/scale.md"


def test_tracking_processors_too_keeps_the_fleet_steady() -> None:
    by_backlog, deployed = (summary(simulated(number)) for number in (1, 2))

    assert by_backlog["calm_tasks"] is not None
    assert deployed["calm_tasks"] is not None
    assert deployed["calm_tasks"] < by_backlog["calm_tasks"] / 2


def test_the_picture_is_the_same_for_the_same_days(tmp_path: Path) -> None:
    days = {SCENARIOS[0]: simulated(0)}

    for name in ("one.svg", "two.svg"):
        draw(days, file=tmp_path / name)

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
