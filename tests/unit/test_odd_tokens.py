"""The tokens of a line that stand out are found in it."""

from oddline.notifications.odd_tokens import Weight, weigh


def odd(message: str, tokens: list[tuple[str, float]]) -> list[str]:
    return [piece for piece, weight in weigh(message, tokens) if weight]


def test_the_pieces_joined_are_the_message() -> None:
    message = "Kernel panic: not syncing, kernel 6.1"

    pieces = weigh(message, [("kernel", 1.0), ("panic", 3.0), (":", 0.1), ("syncing", 0.9)])

    assert "".join(piece for piece, _ in pieces) == message


def test_tokens_with_a_large_share_stand_out_more_than_those_with_a_middling_one() -> None:
    tokens = [("disk", 0.1), ("full", 4.0), ("on", -2.0), ("sda", 1.5)]

    pieces = weigh("disk full on sda", tokens)

    assert [piece for piece in pieces if piece[1]] == [("full", Weight.ODDEST), ("sda", Weight.ODD)]


def test_a_token_is_found_whatever_its_case() -> None:
    assert odd("FATAL ERROR", [("fatal", 1.0)]) == ["FATAL"]


def test_a_token_is_not_found_inside_a_longer_word() -> None:
    pieces = weigh("terror error", [("error", 1.0)])

    assert pieces == [("terror ", Weight.PLAIN), ("error", Weight.ODDEST)]


def test_the_same_token_twice_is_marked_where_each_stands() -> None:
    pieces = weigh("retry after retry", [("retry", 0.0), ("after", 0.0), ("retry", 1.0)])

    assert pieces == [("retry after ", Weight.PLAIN), ("retry", Weight.ODDEST)]


def test_a_token_that_is_not_in_the_message_hides_no_other() -> None:
    tokens = [("user", 1.0), ("<ip>", 9.0), ("denied", 2.0)]

    assert odd("user 10.0.0.1 denied", tokens) == ["user", "denied"]


def test_nothing_stands_out_where_no_share_raises_the_severity() -> None:
    assert odd("all is well", [("all", -1.0), ("is", 0.0)]) == []
    assert odd("all is well", []) == []
    assert weigh("", [("x", 1.0)]) == []


def test_a_token_of_signs_is_taken_as_it_is_written() -> None:
    assert odd("what (.*) is this", [("(.*)", 1.0)]) == ["(.*)"]
