"""Lists are fused by the places in them alone."""

import pytest

from oddline.search.fusing import fuse


def test_what_stands_in_several_lists_goes_before_what_leads_one() -> None:
    fused = fuse([(1.0, [1, 2, 3]), (1.0, [4, 2, 5])])

    assert [one for one, _ in fused] == [2, 1, 4, 3, 5]
    assert fused[0][1] == pytest.approx(2 / 62)


def test_a_list_counts_by_its_weight_and_an_empty_one_not_at_all() -> None:
    fused = fuse([(2.0, [1]), (1.0, [2]), (5.0, [])])

    assert fused == [(1, pytest.approx(2 / 61)), (2, pytest.approx(1 / 61))]
