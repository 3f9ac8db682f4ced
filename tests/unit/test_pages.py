"""Pages end early rather than outgrow what Lambda lets through."""

import json

import orjson
import pytest

from functions.http.pages import LARGEST_ANSWER, fitting, wire_size

LAMBDA_LIMIT = 6_000_000  # bytes of an answer with everything around it
ENTRY_LIMIT = 256 * 1024  # bytes of a message


@pytest.mark.parametrize("character", ["a", '"', "\\", "\n", "\x01", "é", "日", "🙂"])
def test_a_page_of_the_largest_entries_fits_through_lambda(character: str) -> None:
    message = character * (ENTRY_LIMIT // len(character.encode()))

    fitted = fitting({"message": message} for _ in range(100))

    body = orjson.dumps({"entries": fitted, "next": "x" * 500}).decode()
    answer = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
    assert 1 < len(fitted) < 100
    assert len(json.dumps(answer)) < LAMBDA_LIMIT


def test_what_fits_is_kept_whole_and_in_order() -> None:
    views = [{"message": str(number)} for number in range(1_000)]

    assert fitting(iter(views)) == views


def test_a_page_is_never_empty() -> None:
    large = {"message": "a" * LARGEST_ANSWER}

    assert fitting([large, large]) == [large]
    assert wire_size(large) > LARGEST_ANSWER
