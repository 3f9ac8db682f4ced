"""Where a Parquet file's row groups lie is read from its footer."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored_frames import scored_frame

from oddline.chunks.codec import to_parquet
from oddline.chunks.footer import footer_offset, row_group_extents
from oddline.errors import CorruptBody


def test_row_groups_follow_each_other_and_end_before_the_footer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.codec.ROW_GROUP_ROWS", 300)
    blob = to_parquet(scored_frame(1_000), level=1)

    extents = row_group_extents(blob)

    assert [extent.rows for extent in extents] == [300, 300, 300, 100]
    bounds = [4] + [edge for extent in extents for edge in (extent.start, extent.end)] + [footer_offset(blob)]
    assert bounds == sorted(bounds)


def test_one_group_holds_few_rows() -> None:
    assert [extent.rows for extent in row_group_extents(to_parquet(scored_frame(100), level=1))] == [100]


@given(st.binary(max_size=200))
def test_a_footer_of_noise_is_refused(noise: bytes) -> None:
    blob = b"PAR1" + noise + b"\x7f" + struct.pack("<I", len(noise) + 1) + b"PAR1"

    with pytest.raises(CorruptBody):
        row_group_extents(blob)


@pytest.mark.parametrize("blob", [b"", b"PAR1", b"PAR1" * 2 + b"PAR0"])
def test_what_does_not_end_like_parquet_is_refused(blob: bytes) -> None:
    with pytest.raises(CorruptBody):
        row_group_extents(blob)
