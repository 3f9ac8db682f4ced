"""Which entries become rows of their own: few of many, and the oddest of them."""

from datetime import timedelta
from uuid import uuid4

import polars as pl
from scored_frames import NOON, scored_frame

from oddline.chunks import build
from oddline.entries import OddEntry, odd_rows
from oddline.submissions import new_id


def chosen(frame: pl.DataFrame, *, kind: str = "anomaly") -> list[OddEntry]:
    chunks = build(frame, project=uuid4(), now=NOON, new_id=new_id)
    return [one for one in odd_rows(frame, chunks=chunks, explain=lambda _: {}) if one.kind == kind]


def test_a_flood_of_one_pattern_makes_ten_rows_that_stand_for_all() -> None:
    odd = chosen(scored_frame(5_000, is_anomaly=True, score=0.95))

    assert [one.count for one in odd] == [4_991] + [1] * 9
    assert [one.entry["index"] for one in odd] == list(range(10))


def test_the_highest_scores_are_chosen() -> None:
    frame = scored_frame(30, is_anomaly=True, score=[number / 100 for number in range(30)])

    odd = chosen(frame)

    assert [one.entry["index"] for one in odd] == list(range(29, 19, -1))


def test_of_many_odd_patterns_each_has_fewer_rows_and_at_least_one() -> None:
    frame = scored_frame(600, is_anomaly=True, pattern_id=[number % 200 for number in range(600)])

    odd = chosen(frame)

    assert sorted(one.entry["pattern_id"] for one in odd) == list(range(200))
    assert {one.count for one in odd} == {3}


def test_sources_and_patterns_are_counted_apart() -> None:
    frame = scored_frame(60, is_anomaly=True, source_id=[1] * 30 + [2] * 30, pattern_id=[1] * 30 + [1] * 15 + [2] * 15)

    odd = chosen(frame)

    assert sorted((one.entry["source_id"], one.entry["pattern_id"], one.count) for one in odd if one.count > 1) == [
        (1, 1, 21),
        (2, 1, 6),
        (2, 2, 6),
    ]
    assert sum(one.count for one in odd) == 60


def test_what_is_no_anomaly_is_no_row() -> None:
    assert chosen(scored_frame(50)) == []


def test_the_highest_score_of_each_source_and_hour_is_a_peak() -> None:
    half_hours = [NOON + timedelta(minutes=30 * number) for number in range(4)]
    frame = scored_frame(4, timestamp=half_hours, score=[0.1, 0.3, 0.2, 0.05])

    peaks = chosen(frame, kind="peak")

    assert sorted(one.entry["index"] for one in peaks) == [1, 2]


def test_nothing_is_a_peak_where_nothing_has_a_score() -> None:
    assert chosen(scored_frame(4, score=0.0), kind="peak") == []


def test_an_old_file_makes_no_row_an_hour() -> None:
    hours = [NOON - timedelta(hours=number) for number in range(3_000)]

    assert len(chosen(scored_frame(3_000, timestamp=hours), kind="peak")) == 100


def test_each_row_names_the_chunk_that_holds_its_entry() -> None:
    times = [NOON, NOON + timedelta(hours=13), NOON - timedelta(days=400)]
    frame = scored_frame(3, timestamp=times, is_anomaly=True, pattern_id=[1, 2, 3])
    chunks = build(frame, project=uuid4(), now=NOON, new_id=new_id)

    odd = odd_rows(frame, chunks=chunks, explain=lambda _: {})

    where = {chunk.id: chunk for chunk in chunks}
    assert all(
        where[one.chunk_id].lowest_time <= one.entry["timestamp"] <= where[one.chunk_id].highest_time for one in odd
    )
    assert len({one.chunk_id for one in odd}) == 3
