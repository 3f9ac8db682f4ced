"""Windows of entries that have nothing to do with each other: how they are closed, learned from and explained."""

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from io import BytesIO

import polars as pl
import pytest

from oddline.feedback import SequenceVerdict, Verdict
from oddline.scoring.sequences import Profile, Sample
from oddline.scoring.sequences.assembling import MOST_STEPS, OPEN_SCHEMA, Assembled, assemble, unpack_open
from oddline.scoring.sequences.grouping import SESSION, Grouping, Window, grouped, wanted
from oddline.scoring.sequences.profile import ALARMS, THRESHOLD
from oddline.scoring.sequences.training import DAYS_UNTIL_NORMAL, Training
from oddline.scoring.sequences.verdicts import Verdicts, distance, key_of, pack_steps, unpack_steps
from oddline.scoring.sequences.window_explanation import ExplainedWindow
from oddline.submissions import new_id

NOON = datetime.fromisoformat("2026-11-05T12:00:00Z")
BEGIN = str(int(NOON.timestamp()))
GAP = timedelta(minutes=10)
BY_MINUTE = "window:60"
LOGIN, CART, PAY, PACK, SHIP, READ, BYE = range(101, 108)


def interleaved(chance: random.Random, windows: int, *, faulty: Callable[[list[int]], list[int]]) -> list[list[int]]:
    """Windows of a minute in which some twenty orders begin, each step of one some two seconds after the one before."""
    steps, moment = [], 0.0
    while moment < 60 * windows:
        moment += chance.expovariate(20 / 60)
        at = moment
        order = [LOGIN, *[READ] * chance.randint(1, 6), CART, PAY, PACK, SHIP, BYE]
        for step in faulty(order):
            steps.append((at, step))
            at += chance.expovariate(1 / 2)
    filled: list[list[int]] = [[] for _ in range(windows)]
    for at, step in sorted(steps):
        if at < 60 * windows:
            filled[int(at // 60)].append(step)
    return [one for one in filled if one]


@cache
def shop() -> Profile:
    return Profile.fit(Sample.of(interleaved(random.Random(1), 600, faulty=list)), seed=1)


def share_of_odd(seed: int, windows: int, *, faulty: Callable[[list[int]], list[int]]) -> float:
    scores = shop().score(interleaved(random.Random(seed), windows, faulty=faulty))
    return float((scores >= THRESHOLD).mean())


def test_windows_of_interleaved_workflows_are_seldom_odd() -> None:
    assert share_of_odd(2, 2_000, faulty=list) <= 3 * ALARMS


@pytest.mark.parametrize(
    "faulty",
    [
        pytest.param(lambda order: [step for step in order if step != PAY], id="a step is missing"),
        pytest.param(lambda order: [*order[:-1], *[PAY] * 5, BYE], id="a step is repeated"),
        pytest.param(lambda order: order[: order.index(CART) + 1], id="all break off"),
        pytest.param(lambda order: [*order, 999], id="a step was never seen"),
    ],
)
def test_windows_are_odd_in_which_of_every_workflow(faulty: Callable[[list[int]], list[int]]) -> None:
    assert share_of_odd(3, 100, faulty=faulty) >= 0.8


def test_of_a_window_is_told_what_came_too_often_and_what_too_seldom() -> None:
    [window] = interleaved(random.Random(4), 1, faulty=lambda order: [step for step in order if step != PAY])
    flooded = [*window, *[SHIP] * 60]

    explained = ExplainedWindow(shop(), flooded)

    view = explained.view({PAY: "paid <num>"})
    assert [one["pattern"] for one in view["missing"] if one["pattern_id"] == PAY] == ["paid <num>"]
    [extra] = [one for one in view["extra"] if one["pattern_id"] == SHIP]
    assert flooded[extra["place"]] == SHIP
    assert extra["count"] > 40
    assert flooded[explained.place] in {SHIP, *(one["pattern_id"] for one in view["extra"] + view["moved"])}


def test_a_step_out_of_turn_is_told_where_order_is_what_is_odd() -> None:
    turn = [1, 2, 3, 4, 5, 6]
    chance = random.Random(5)
    usual = []
    for _ in range(400):
        begin = chance.randrange(6)
        usual.append((turn * 12)[begin : begin + 48])
    swapped = [*(turn * 8)[:24], 2, 1, *(turn * 8)[26:]]

    explained = ExplainedWindow(Profile.fit(Sample.of(usual), seed=1), swapped)

    [moved] = explained.view({})["moved"]
    assert moved["place"] in {24, 25, 26}
    assert explained.place == moved["place"]


def entries(*rows: tuple[float, float], pattern: int | None = None) -> pl.DataFrame:
    """(second of its timestamp, minute in which it came in) of each entry of the window that begins at noon."""
    return pl.DataFrame(
        {
            "source_id": 1,
            "grouping": BY_MINUTE,
            "session": BEGIN,
            "timestamp": [NOON + timedelta(seconds=second) for second, _ in rows],
            "submission": b"0" * 16,
            "index": [number % 10_000 for number in range(len(rows))],
            "pattern_id": [number + 1 if pattern is None else pattern for number in range(len(rows))],
            "seen_at": [NOON + timedelta(minutes=seen) for _, seen in rows],
        },
        schema=OPEN_SCHEMA,
    )


def at(minute: float, waiting: pl.DataFrame) -> Assembled:
    return assemble(waiting, gap=GAP, now=NOON + timedelta(minutes=minute))


def test_a_window_is_over_when_it_ended_the_gap_ago_and_nothing_of_it_has_come_in_since() -> None:
    waiting = entries((0, 0), (30, 5))

    closed = [len(at(minute, waiting).closed) for minute in (10.9, 14.9, 15)]
    early = [len(at(minute, entries((0, 0))).closed) for minute in (10.9, 11)]

    assert (closed, early) == ([0, 0, 1], [0, 1])


def test_a_judged_window_lets_nothing_in_for_a_day() -> None:
    judged = at(11, entries((0, 0)))

    later = at(60, pl.concat([judged.open, entries((20, 60))]))
    next_day = at(24 * 60 + 12, later.open)

    assert (len(judged.closed), len(judged.open), judged.dropped) == (1, 1, 0)
    assert (later.late, len(later.closed), later.dropped) == (1, 0, 0)
    assert later.open.equals(judged.open)
    assert next_day.open.is_empty()


def test_of_a_window_with_too_many_entries_the_first_are_judged() -> None:
    assembled = at(11, entries(*[(number / 1_000, 0) for number in range(MOST_STEPS + 5)]))

    assert [steps.to_list() for steps in assembled.closed["pattern_id"]] == [list(range(1, MOST_STEPS + 1))]
    assert assembled.dropped == 5


def test_a_window_is_not_cut_where_its_times_leave_a_gap() -> None:
    waiting = entries((0, 0), (3_000, 0)).with_columns(pl.lit("window:3600").alias("grouping"))

    assert at(70, waiting).closed["pattern_id"].to_list() == [[1, 2]]


def test_open_sessions_of_the_version_before_are_read() -> None:
    sink = BytesIO()
    entries((0, 0)).drop("grouping").write_parquet(sink)

    assert unpack_open(sink.getvalue())["grouping"].to_list() == [SESSION]


def test_windows_are_aligned_to_1970_and_begin_at_their_border() -> None:
    moments = [NOON - timedelta(microseconds=1), NOON, NOON + timedelta(seconds=59.9), NOON + timedelta(seconds=60)]
    frame = pl.DataFrame(
        {
            "source_id": 1,
            "timestamp": moments,
            "submission": b"",
            "index": 0,
            "pattern_id": 1,
            "session": "",
            "attributes": "",
            "trace_id": "",
        },
        schema_overrides={"source_id": pl.Int32, "timestamp": pl.Datetime("us", "UTC")},
    )

    rules = [Grouping(1, None, 60)]
    found = grouped(wanted(frame.lazy(), groupings=rules).collect(), groupings=rules)

    begins = [Window.of(*row) for row in found.select("grouping", "session").iter_rows()]
    assert [one.begin for one in begins if one] == [
        NOON - timedelta(minutes=1),
        NOON,
        NOON,
        NOON + timedelta(minutes=1),
    ]
    assert Window.of(SESSION, "a") is None


def test_odd_windows_are_learned_from_once_their_patterns_were_odd_together_on_several_days() -> None:
    training, known = Training(grouping=BY_MINUTE), []
    for day in range(1, DAYS_UNTIL_NORMAL + 1):
        training.add([1] * day + [2], day=date(2026, 11, day), is_odd=True)
        training.add([1] * day + [3], day=date(2026, 11, 1), is_odd=True)
        known.append(training.samples()[0].sessions)

    assert known == [0] * (DAYS_UNTIL_NORMAL - 1) + [DAYS_UNTIL_NORMAL]


def verdict(kind: Verdict, sequence: Sequence[int], *, grouping: str = SESSION) -> SequenceVerdict:
    return SequenceVerdict(id=new_id(), source_id=1, grouping=grouping, steps=pack_steps(sequence), verdict=kind)


def test_what_people_have_said_decides_what_is_learned_from() -> None:
    training = Training(grouping=SESSION)
    for sequence, is_odd in (([1, 2], True), ([1, 3], False), ([1, 4], True)):
        training.add(sequence, day=date(2026, 11, 5), is_odd=is_odd)
    given = [verdict(Verdict.EXPECTED, [1, 2]), verdict(Verdict.CONFIRMED, [1, 3])]

    normal, suspects = training.samples(Verdicts(given, grouping=SESSION))

    assert (set(normal.sequences), set(suspects.sequences)) == ({(1, 2)}, {(1, 3), (1, 4)})


def test_the_nearest_verdict_counts_and_of_equally_near_ones_the_latest() -> None:
    steps = list(range(10))
    swapped = [1, 0, *steps[2:]]
    given = [verdict(kind, steps) for kind in (Verdict.EXPECTED, Verdict.CONFIRMED)] + [
        verdict(Verdict.EXPECTED, swapped)
    ]
    verdicts = Verdicts(given, grouping=SESSION)

    found = {name: verdicts.of(one, is_odd=True) for name, one in (("steps", steps), ("swapped", swapped))}

    assert {name: one.feedback_id for name, one in found.items() if one} == {
        "steps": given[1].id,
        "swapped": given[2].id,
    }


def test_nearly_the_same_is_odd_or_is_not_covered() -> None:
    verdicts = Verdicts([verdict(Verdict.CONFIRMED, [2, 1, 3])], grouping=SESSION)

    assert verdicts.of([1, 2, 3], is_odd=False) is None
    assert verdicts.of([1, 2, 3], is_odd=True) is not None
    assert verdicts.of([2, 1, 3], is_odd=False) is not None


@pytest.mark.parametrize(
    ("one", "other", "grouping", "far"),
    [
        ([1, 2, 3], [1, 2, 3], SESSION, 0),
        ([1, 2, 3], [2, 1, 3], SESSION, 1 / 3),
        ([1, 2, 3, 4, 5], [2, 1, 3, 5, 4], SESSION, None),
        ([1, 2, 3], [1, 2, 3, 3], SESSION, None),
        ([0, 1] * 50 + [2] * 3_000, [1, 0] * 50 + [2] * 3_000, SESSION, 1 / 3_100),
        (list(range(2_000)), list(range(2_000))[::-1], SESSION, None),
        ([1, 2, 1], [1, 1, 2], BY_MINUTE, 0),
        ([1, 1, 2], [1, 2], BY_MINUTE, 1 / 5),
        ([1, 1, 1, 2], [1, 2], BY_MINUTE, None),
        ([1] * 100, [1] * 120, BY_MINUTE, 20 / 220),
        ([1] * 100, [1] * 130, BY_MINUTE, None),
        ([1, 2], [1, 3], BY_MINUTE, None),
    ],
)
def test_how_far_sequences_are_from_each_other(
    one: list[int], other: list[int], grouping: str, far: float | None
) -> None:
    assert distance(one, other, grouping=grouping) == (None if far is None else pytest.approx(far))
    if far is not None:
        keys = {key_of(steps, source_id=1, grouping=grouping) for steps in (one, other)}
        assert len(keys) == 1


def test_steps_are_stored_as_they_are() -> None:
    assert unpack_steps(pack_steps([5, 1, 2**31 - 1])) == (5, 1, 2**31 - 1)
