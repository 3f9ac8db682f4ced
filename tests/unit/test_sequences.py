"""Sessions as a whole: what is odd about a sequence, told without labels, and how often that is a false alarm."""

import random
import tracemalloc
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from oddline.scoring.evaluation.sequences import read_usual_split
from oddline.scoring.sequences import Profile, Sample
from oddline.scoring.sequences.alignment import align
from oddline.scoring.sequences.assembling import MOST_STEPS, OPEN_SCHEMA, assemble, pack_open, unpack_open
from oddline.scoring.sequences.explanation import Explained
from oddline.scoring.sequences.grouping import SESSION
from oddline.scoring.sequences.profile import ALARMS, THRESHOLD
from oddline.scoring.sequences.training import (
    DAYS_UNTIL_NORMAL,
    MOST_SEQUENCES,
    MOST_SESSIONS,
    Training,
    pack_profile,
    unpack_profile,
)

HDFS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "hdfs_sessions"
NOON = datetime.fromisoformat("2026-11-05T12:00:00Z")
GAP = timedelta(minutes=10)
LOGIN, CART, PAY, PACK, SHIP, READ, BYE, HELP = range(101, 109)
TEXTS = {CART: "cart opened", PAY: "paid <num>"}


def order(chance: random.Random) -> list[int]:
    """A session of a shop: reads vary in number, help is rare, packing and paying go side by side."""
    side_by_side = [PAY, PACK] if chance.random() < 0.5 else [PACK, PAY]
    help_asked = [HELP] if chance.random() < 0.03 else []
    return [LOGIN, *[READ] * chance.randint(1, 6), CART, *help_asked, *side_by_side, SHIP, BYE]


@cache
def shop() -> Profile:
    chance = random.Random(1)
    return Profile.fit(Sample.of(order(chance) for _ in range(1_000)), seed=1)


def is_odd(*sequence: int) -> bool:
    return bool(shop().score([sequence])[0] >= THRESHOLD)


def test_sessions_of_the_usual_kind_are_seldom_odd() -> None:
    chance = random.Random(2)
    later = [order(chance) for _ in range(10_000)]

    false_alarms = (shop().score(later) >= THRESHOLD).mean()

    assert false_alarms <= 3 * ALARMS


@pytest.mark.parametrize(
    "sequence",
    [
        pytest.param([LOGIN, READ, CART, PACK, SHIP, BYE], id="a step is missing"),
        pytest.param([LOGIN, READ, CART, PAY, PAY, PACK, SHIP, BYE], id="a step came twice"),
        pytest.param([LOGIN, READ, CART, SHIP, PAY, PACK, BYE], id="a step came too early"),
        pytest.param([LOGIN, READ, CART], id="it broke off"),
        pytest.param([LOGIN, READ, CART, PAY, 999, PACK, SHIP, BYE], id="a step was never seen"),
        pytest.param([998, 999], id="nothing of it was ever seen"),
    ],
)
def test_a_session_is_odd_when(sequence: Sequence[int]) -> None:
    assert is_odd(*sequence)


def test_what_varies_anyway_is_not_odd() -> None:
    assert not is_odd(LOGIN, *[READ] * 7, CART, PACK, PAY, SHIP, BYE)


def test_a_missing_step_is_found_in_a_session_of_thousands() -> None:
    chance = random.Random(3)
    turn = [1, 2, 3, 4, 5]
    usual = [[step for _ in range(chance.randint(500, 600)) for step in turn] for _ in range(200)]
    broken = [step for place, step in enumerate(turn * 550) if place != 1_502]

    profile = Profile.fit(Sample.of(usual), seed=1)

    assert profile.score([broken])[0] >= THRESHOLD > profile.score([turn * 550])[0]


def test_sessions_that_were_always_the_same_can_be_learned_from() -> None:
    profile = Profile.fit(Sample.of([[1, 2, 3]] * 200), seed=1)

    same, other = profile.score([[1, 2, 3], [1, 3]])

    assert same < THRESHOLD <= other


def test_a_profile_that_was_stored_judges_as_before() -> None:
    chance = random.Random(4)
    sequences = [order(chance) for _ in range(50)] + [[LOGIN, BYE], [999]]

    restored = unpack_profile(pack_profile(shop()))

    assert np.array_equal(restored.rarity(sequences), shop().rarity(sequences))


def test_judging_many_sessions_at_once_takes_little_memory() -> None:
    chance = random.Random(5)
    sessions = [[chance.randrange(400) for _ in range(5)] for _ in range(20_000)]
    profile = Profile.fit(Sample.of(sessions[:500]), seed=1)

    tracemalloc.start()
    profile.score(sessions)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 64 * 1024 * 1024


@pytest.mark.skipif(not HDFS.is_dir(), reason="NOT MEASURED: the HDFS sessions are not there")
def test_hdfs_is_judged_better_than_by_looking_up_counts() -> None:
    split = read_usual_split(HDFS)

    profile = Profile.fit(split.train, seed=1)
    normal, abnormal = (profile.score(part.sequences) >= THRESHOLD for part in (split.normal, split.abnormal))

    found, false = int(abnormal @ split.abnormal.counts), int(normal @ split.normal.counts)
    assert 2 * found / (found + false + split.abnormal.sessions) >= 0.95


def changes(sequence: Sequence[int], normal: Sequence[int]) -> list[tuple[int, str | None]]:
    return [(step.pattern, step.change) for step in align(sequence, normal)]


def test_a_missing_and_an_extra_step_are_told_where_they_are() -> None:
    aligned = changes([1, 2, 9, 4], [1, 2, 3, 4])

    assert [step for step in aligned if step[1]] in ([(9, "extra"), (3, "missing")], [(3, "missing"), (9, "extra")])
    assert [pattern for pattern, change in aligned if change != "missing"] == [1, 2, 9, 4]


def test_a_step_in_another_place_has_moved() -> None:
    assert changes([1, 3, 4, 2, 5], [1, 2, 3, 4, 5]) == [(1, None), (3, None), (4, None), (2, "moved"), (5, None)]


@pytest.mark.parametrize("seed", range(20))
def test_an_alignment_leads_from_one_to_the_other(seed: int) -> None:
    chance = random.Random(seed)
    one, other = ([chance.randint(1, 4) for _ in range(chance.randint(1, 12))] for _ in range(2))

    aligned = align(one, other)

    assert [step.pattern for step in aligned if step.place is not None] == one
    there = [step.pattern for step in aligned if step.change in (None, "moved", "missing")]
    assert sorted(there) == sorted(other)


def test_long_sequences_that_have_nothing_in_common_are_laid_beside_each_other_in_part() -> None:
    aligned = align([1] * 9_000, [2] * 9_000)

    assert [step.place for step in aligned if step.place is not None] == list(range(9_000))


def test_the_explanation_names_what_is_missing_and_where_the_session_turned() -> None:
    explained = Explained(shop(), [LOGIN, READ, CART, PACK, SHIP, BYE])

    view = explained.view(TEXTS)

    assert [step["pattern"] for step in view["missing"]] == ["paid <num>"]
    assert (view["extra"], view["moved"], view["normal_sessions_as_odd"] < ALARMS) == ([], [], True)
    assert explained.place in {3, 4}


def entries(*rows: tuple[str, float, float], pattern: int = 1, grouping: str = SESSION) -> pl.DataFrame:
    """(session, minute of its timestamp, minute in which it came in) of each entry."""
    return pl.DataFrame(
        {
            "source_id": 1,
            "grouping": grouping,
            "session": [session for session, _, _ in rows],
            "timestamp": [NOON + timedelta(minutes=minute) for _, minute, _ in rows],
            "submission": b"0" * 16,
            "index": range(len(rows)),
            "pattern_id": [pattern + number for number in range(len(rows))],
            "seen_at": [NOON + timedelta(minutes=seen) for _, _, seen in rows],
        },
        schema=OPEN_SCHEMA,
    )


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def test_a_session_is_over_when_nothing_of_it_has_come_in_for_the_gap() -> None:
    waiting = entries(("a", 0, 0), ("b", 0, 0), ("a", 5, 5))

    assembled = assemble(waiting, gap=GAP, now=at(12))

    assert assembled.closed["session"].to_list() == ["b"]
    assert assembled.open["session"].to_list() == ["a", "a"]


def test_entries_stand_in_the_order_of_their_times_however_they_came() -> None:
    waiting = entries(("a", 3, 0), ("a", 1, 1), ("a", 2, 2))

    assembled = assemble(waiting, gap=GAP, now=at(12))

    assert assembled.closed["pattern_id"].to_list() == [[2, 3, 1]]


def test_a_session_whose_times_leave_a_gap_is_cut_there() -> None:
    waiting = entries(("a", 0, 0), ("a", 1, 0), ("a", 60, 0))

    assembled = assemble(waiting, gap=GAP, now=at(10))

    assert assembled.closed["pattern_id"].to_list() == [[1, 2], [3]]


def test_a_session_that_never_ends_is_closed_at_its_longest() -> None:
    waiting = entries(*[("a", number / 1_000, 0) for number in range(MOST_STEPS + 5)])

    assembled = assemble(waiting, gap=GAP, now=at(1))

    assert [len(steps) for steps in assembled.closed["pattern_id"]] == [MOST_STEPS, 5]


def test_what_has_been_open_for_a_day_is_dropped() -> None:
    waiting = entries(("a", 0, 0), ("a", 24 * 60, 24 * 60))

    assembled = assemble(waiting, gap=GAP, now=at(24 * 60 + 1))

    assert (assembled.dropped, len(assembled.open), len(assembled.closed)) == (1, 1, 0)


def test_open_sessions_are_stored_and_read_as_they_are() -> None:
    waiting = entries(("a", 0, 0), ("b", 0, 0))

    assert unpack_open(pack_open(waiting)).equals(waiting)
    assert assemble(unpack_open(None), gap=GAP, now=NOON).closed.is_empty()


def test_an_odd_sequence_is_learned_from_once_it_was_seen_on_several_days() -> None:
    training, learned = Training(grouping=SESSION), []
    for day in range(1, DAYS_UNTIL_NORMAL + 1):
        for _ in range(50):
            training.add([1, 2], day=date(2026, 11, day), is_odd=True)
        learned.append(Training.unpack(training.pack(), grouping=SESSION).samples()[0].sessions)

    assert learned == [0] * (DAYS_UNTIL_NORMAL - 1) + [50 * DAYS_UNTIL_NORMAL]


def test_what_is_learned_from_stays_small_and_keeps_its_shares() -> None:
    training = Training(grouping=SESSION)
    for number in range(MOST_SEQUENCES + 1_000):
        training.add([number], day=date(2026, 11, 5), is_odd=False)
        training.add([-1, -2], day=date(2026, 11, 5), is_odd=False)

    training.thin(chance=np.random.default_rng(1))
    sample, _ = training.samples()

    shares = dict(zip(sample.sequences, sample.counts, strict=True))
    assert len(sample.sequences) <= MOST_SEQUENCES
    assert 0.45 < shares[-1, -2] / sample.sessions < 0.55


def test_a_flood_of_odd_sequences_pushes_out_nothing_normal() -> None:
    training, chance = Training(grouping=SESSION), np.random.default_rng(1)
    for number in range(1_000):
        training.add([1, number % 10], day=date(2026, 11, 1), is_odd=False)

    for number in range(100_000):
        training.add([2, number % 10], day=date(2026, 11, 2), is_odd=True)
    training.thin(chance=chance)

    normal, suspects = training.samples()
    assert normal.sessions == 1_000
    assert 0 < suspects.sessions <= MOST_SESSIONS
