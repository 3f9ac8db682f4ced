"""What large entries come to unpacked is counted, and pieces and row groups stay within a bound."""

from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scored_frames import scored_frame

from oddline.chunks.codec import ROW_GROUP_ROWS, to_parquet
from oddline.chunks.footer import row_group_extents
from oddline.chunks.sizes import MOST_GROUP_BYTES, decoded_bytes, slices

BOUND = 2_000


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 5_000), max_size=30))
def test_pieces_are_all_of_it_in_order_and_only_a_single_entry_is_over_the_bound(lengths: list[int]) -> None:
    frame = scored_frame(len(lengths), message=["x" * length for length in lengths])

    pieces = list(slices(frame, most=BOUND))

    assert_frame_equal(pl.concat(pieces), frame)
    assert all(decoded_bytes(piece) <= BOUND or piece.height == 1 for piece in pieces)
    neighbours = pairwise(pieces)
    assert all(decoded_bytes(one) + decoded_bytes(other[:1]) > BOUND for one, other in neighbours)


def test_characters_beyond_ascii_count_as_the_bytes_that_they_take() -> None:
    plain, wide = scored_frame(1, message="aa", attributes="{}"), scored_frame(1, message="éé", attributes="{}")

    assert decoded_bytes(wide) - decoded_bytes(plain) == 2


def test_row_groups_of_large_entries_are_small_and_of_usual_ones_are_not() -> None:
    usual = scored_frame(ROW_GROUP_ROWS + 1)
    large = scored_frame(200, message=[f"{number}" + "a" * (250_000 if number > 150 else 10) for number in range(200)])

    assert [group.rows for group in row_group_extents(to_parquet(usual, level=1))] == [ROW_GROUP_ROWS, 1]
    start = 0
    for group in row_group_extents(to_parquet(large, level=1)):
        assert decoded_bytes(large[start : start + group.rows]) <= MOST_GROUP_BYTES
        start += group.rows
    assert start == 200
