"""How scored entries are split into chunks, and what the rows of the chunks say of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_frames import NOON, scored_frame

from oddline.chunks import HISTOGRAM_BINS, BornChunk, build
from oddline.chunks.codec import decode
from oddline.chunks.sizes import MOST_BORN_BYTES
from oddline.submissions import entry_id, new_id

DAY = timedelta(days=1)


def chunks_of(frame: pl.DataFrame) -> list[BornChunk]:
    return build(frame, project=uuid4(), now=NOON, new_id=new_id)


def test_no_entries_make_no_chunk() -> None:
    assert chunks_of(scored_frame(0)) == []


def test_entries_of_one_day_make_one_chunk() -> None:
    frame = scored_frame(10)

    (chunk,) = chunks_of(frame)

    assert (chunk.entries, chunk.late, chunk.arrival_day) == (10, False, NOON.date())
    assert (chunk.lowest_time, chunk.highest_time) == (NOON, NOON + timedelta(seconds=9))


def test_a_chunk_names_its_lowest_and_highest_entry() -> None:
    frame = pl.concat([scored_frame(3, index=[5, 2, 9]), scored_frame(2, index=[7, 1])])
    ids = sorted(entry_id_of(row) for row in frame.iter_rows(named=True))

    (chunk,) = chunks_of(frame)

    assert (chunk.lowest_id, chunk.highest_id) == (ids[0], ids[-1])


def test_midnight_splits_a_chunk() -> None:
    midnight = NOON.replace(hour=0) + DAY
    times = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=1)]

    chunks = chunks_of(scored_frame(3, timestamp=times))

    assert sorted(chunk.entries for chunk in chunks) == [1, 2]
    assert not any(chunk.late for chunk in chunks)


def test_arrival_days_never_share_a_chunk() -> None:
    chunks = chunks_of(scored_frame(2, timestamp=NOON, received_at=[NOON, NOON + DAY]))

    assert {chunk.arrival_day for chunk in chunks} == {NOON.date(), (NOON + DAY).date()}


def test_entries_more_than_a_day_from_their_arrival_stand_in_one_late_chunk() -> None:
    times = [NOON - DAY, NOON - DAY - timedelta(microseconds=1), NOON - 300 * DAY]

    chunks = chunks_of(scored_frame(3, timestamp=times))

    late = [chunk for chunk in chunks if chunk.late]
    assert [chunk.entries for chunk in late] == [2]
    assert (late[0].lowest_time, late[0].highest_time) == (times[2], times[1])
    assert [chunk.entries for chunk in chunks if not chunk.late] == [1]


def test_the_row_counts_patterns_by_source() -> None:
    frame = scored_frame(5, source_id=[2, 1, 2, 2, 1], pattern_id=[7, 7, 7, 8, 7])

    (chunk,) = chunks_of(frame)

    triples = zip(chunk.pattern_ids, chunk.pattern_sources, chunk.pattern_counts, strict=True)
    assert set(triples) == {(7, 1, 2), (7, 2, 2), (8, 2, 1)}


def test_the_row_has_a_histogram_of_scores_for_each_source() -> None:
    frame = scored_frame(4, source_id=[9, 4, 9, 9], score=[0.0, 0.51, 0.999, 1.0])

    (chunk,) = chunks_of(frame)

    assert chunk.source_ids == (4, 9)
    of_4, of_9 = chunk.histograms[:HISTOGRAM_BINS], chunk.histograms[HISTOGRAM_BINS:]
    assert {place: count for place, count in enumerate(of_4) if count} == {10: 1}
    assert {place: count for place, count in enumerate(of_9) if count} == {0: 1, 19: 2}


def test_the_row_says_which_severities_scores_and_anomalies_there_are() -> None:
    frame = scored_frame(3, severity_number=[0, 9, 24], score=[0.5, 0.75, 0.25], is_anomaly=[True, True, False])

    (chunk,) = chunks_of(frame)

    assert chunk.severities == 1 | 1 << 9 | 1 << 24
    assert (chunk.highest_score, chunk.anomalies) == (0.75, 2)


@settings(deadline=None)  # of a machine that does other things too
@given(
    times=st.lists(st.tuples(st.integers(0, 4 * 24), st.integers(0, 2 * 24)), min_size=1, max_size=30),
)
def test_every_entry_is_in_the_one_chunk_that_says_so(times: list[tuple[int, int]]) -> None:
    received = [NOON + timedelta(hours=arrival) for _, arrival in times]
    timestamps = [NOON - 2 * DAY + timedelta(hours=hours) for hours, _ in times]

    chunks = chunks_of(frame := scored_frame(len(times), timestamp=timestamps, received_at=received))

    assert_each_is_in_one(chunks, frame)


def test_large_entries_are_in_chunks_that_can_be_opened_at_once() -> None:
    long = ["a" * 250_000 + str(number) for number in range(150)]

    chunks = chunks_of(frame := scored_frame(151, message=[*long, "short"]))

    assert len(chunks) == 3
    assert all(chunk.decoded_bytes <= MOST_BORN_BYTES for chunk in chunks)
    assert sum(chunk.decoded_bytes for chunk in chunks) == pytest.approx(150 * 250_000, rel=0.01)
    assert_each_is_in_one(chunks, frame)


def assert_each_is_in_one(chunks: list[BornChunk], frame: pl.DataFrame) -> None:
    def is_in(chunk: BornChunk, row: dict[str, Any]) -> bool:
        return chunk.holds(entry_id_of(row), timestamp=row["timestamp"], received_at=row["received_at"])

    placed = [
        (entry_id_of(row), is_in(chunk, row))
        for chunk in chunks
        for row in decode(chunk.blob, form=chunk.format).iter_rows(named=True)
    ]
    assert len({identifier for identifier, _ in placed}) == len(placed) == frame.height
    assert all(holds for _, holds in placed)
    for row in frame.iter_rows(named=True):
        assert sum(is_in(chunk, row) for chunk in chunks) == 1


def entry_id_of(row: dict[str, Any]) -> UUID:
    return entry_id(UUID(bytes=row["submission"]), row["index"])


def test_a_chunk_says_of_each_pair_its_highest_score_and_its_anomalies() -> None:
    frame = scored_frame(
        5,
        pattern_id=[2, 1, 1, 1, 2],
        source_id=[1, 1, 2, 1, 1],
        score=[0.5, 0.25, 0.75, 1.0, 0.125],
        is_anomaly=[False, False, False, True, False],
    )

    (chunk,) = chunks_of(frame)

    pairs = zip(
        chunk.pattern_ids,
        chunk.pattern_sources,
        chunk.pattern_counts,
        chunk.pattern_scores,
        chunk.pattern_anomalies,
        strict=True,
    )
    assert list(pairs) == [(1, 1, 2, 1.0, 1), (1, 2, 1, 0.75, 0), (2, 1, 2, 0.5, 0)]
    assert (chunk.model_version, chunk.analyzed_at) == ("general-6", NOON)
