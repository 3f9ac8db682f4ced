"""Of a line's pieces those stand out that make it odd, whatever the line's own level."""

import pytest

from oddline.patterns import Weight, cut_pieces, weigh

LINE = [("disk", 0.1), (" ", 0.0), ("full", 4.0), (" on ", -2.0), ("sda", 2.0)]


def odd(pieces: list[tuple[str, float]]) -> list[str]:
    return [piece for piece, weight in weigh(pieces) if weight]


def test_the_pieces_joined_are_the_line() -> None:
    assert "".join(piece for piece, _ in weigh(LINE)) == "disk full on sda"


def test_a_piece_far_above_the_lines_mean_stands_out_more_than_one_less_far() -> None:
    assert weigh(LINE) == [
        ("disk ", Weight.PLAIN),
        ("full", Weight.ODDEST),
        (" on ", Weight.PLAIN),
        ("sda", Weight.ODD),
    ]


def test_a_piece_little_above_the_mean_does_not_stand_out() -> None:
    assert odd([("a", 1.1), ("b", 5.0), ("c", -3.0), ("d", -3.0)]) == ["b"]


def test_where_every_share_lowers_the_severity_the_least_reassuring_stands_out() -> None:
    assert odd([("all", -3.0), (" ", 0.0), ("is", -3.0), (" ", 0.0), ("well", -1.0)]) == ["well"]


def test_whitespace_never_stands_out_and_is_not_part_of_the_mean() -> None:
    assert odd([("a", 0.0), (" \t", 9.0), ("b", 1.0)]) == ["b"]


def test_neighbours_of_one_weight_are_one_piece() -> None:
    assert weigh([("failed", 2.0), (":", 2.0), (" ", 0.0), ("ok", 0.0)]) == [
        ("failed:", Weight.ODDEST),
        (" ok", Weight.PLAIN),
    ]


def test_the_same_word_twice_is_marked_where_it_counts() -> None:
    assert weigh([("retry ", 0.0), ("after ", 0.0), ("retry", 1.0)]) == [
        ("retry after ", Weight.PLAIN),
        ("retry", Weight.ODDEST),
    ]


@pytest.mark.parametrize("pieces", [[], [("   ", 1.0)], [("alone", 3.0)], [("same", 1.0), ("same", 1.0)]])
def test_nothing_stands_out_where_nothing_differs(pieces: list[tuple[str, float]]) -> None:
    assert odd(pieces) == []


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        (0, []),
        (3, [("abc", 1)]),
        (5, [("abc", 1), ("de", 2)]),
        (99, [("abc", 1), ("def", 2)]),
    ],
)
def test_pieces_are_cut_to_a_length_with_what_they_bear(length: int, kept: list[tuple[str, int]]) -> None:
    assert cut_pieces([("abc", 1), ("def", 2)], length=length) == kept
