"""Why an entry got its score, shown on the text that the caller sent."""

import random
from functools import cache

import numpy as np
import pytest

from oddline.patterns import Masker
from oddline.scoring import Encoder
from oddline.scoring.explanation import explain, newest_words, token_shares
from oddline.scoring.novelty import novelty
from oddline.scoring.reading import Pattern

ROUNDED = 5e-5  # each share is told with four decimals

MESSAGES = [
    "user 4711 logged in",
    "kernel panic: out of memory, killed process 17 (java) total-vm:8192kB",
    '10.1.2.3 - - [22/Nov/2026:12:00:00 +0000] "GET /cart/17?x=1 HTTP/1.1" 502 13 "-" "curl/8"',
    "Traceback (most recent call last):\n  File \"/srv/app.py\", line 3, in main\nValueError: 'no' is no number",
    "2026-11-22T12:00:00Z ERROR order 6f1c2b7e-8f3a-4a57-9c51-0f5a6f1c2b7e failed after 12.5 ms",
    "  leading and trailing blanks  ",
    "!!! ??? ---",
    "数据库连接失败 naïve ÉTÉ",
    "<num> <path> [UNK] [CLS] as plain text",
    "x" * 5_000,
    " ".join(f"word{number}" for number in range(500)),
    "\u200b\x1f",
]


@cache
def encoder() -> Encoder:
    return Encoder.load()


def pattern_of(message: str) -> Pattern:
    [text] = Masker().mask_many([message])
    [encoded] = encoder().encode([text])
    return Pattern(
        id=1,
        text=text,
        severity=0.5,
        severity_logit=encoded.severity_logit,
        tokens=encoded.tokens,
        shares=encoded.shares,
        embedding=encoded.embedding,
        views=encoded.views,
    )


def shares_of(message: str) -> list[tuple[str, float]]:
    pattern = pattern_of(message)
    return token_shares(pattern.text, tokens=pattern.tokens, shares=pattern.shares, message=message)


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_the_pieces_make_up_the_message(message: str) -> None:
    pieces = shares_of(message)

    assert "".join(text for text, _ in pieces) == message


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_the_shares_add_up_to_the_severity_logit(message: str) -> None:
    pieces = shares_of(message)

    total = sum(share for _, share in pieces)
    assert total == pytest.approx(pattern_of(message).severity_logit, abs=ROUNDED * len(pieces) + 1e-4)


def test_so_they_do_for_whatever_stands_in_a_message() -> None:
    chance = random.Random(7)
    alphabet = "aZ9 .:/-_=<>[]{}()'\"\\%#@,;\n\té数"

    for _ in range(150):
        message = "x" + "".join(chance.choice(alphabet) for _ in range(chance.randint(0, 60)))
        pieces = shares_of(message)

        assert "".join(text for text, _ in pieces) == message
        total = sum(share for _, share in pieces)
        assert total == pytest.approx(pattern_of(message).severity_logit, abs=ROUNDED * len(pieces) + 1e-4)


def test_a_masked_value_is_shown_as_it_stands_in_the_message() -> None:
    pieces = shares_of("user 4711 logged in")

    assert [text for text, _ in pieces if text.strip()] == ["user", "4711", "logged", "in"]


def test_a_message_in_which_the_tokens_are_not_found_is_one_piece() -> None:
    shares = np.array([0.25, -0.5], dtype=np.float32)

    pieces = token_shares("user <num>", tokens=("disk", "full"), shares=shares, message="user 1")

    assert pieces == [("user 1", -0.25)]


def test_an_explanation_names_the_nearest_known_pattern_and_both_parts_of_the_score() -> None:
    pattern = pattern_of("user 1 logged in")

    explanation = explain(
        pattern,
        message="user 1 logged in",
        severity=0.25,
        novelty=0.75,
        severity_number=0,
        word_novelties=None,
        nearest=(3, "user <num> left"),
    )

    assert explanation["nearest"] == {"pattern_id": 3, "pattern": "user <num> left"}
    assert (explanation["severity"], explanation["novelty"]) == (0.25, 0.75)
    assert explanation["pattern"] == "user <num> logged in"


def test_where_nothing_is_known_no_pattern_is_nearest() -> None:
    explanation = explain(
        pattern_of("a"),
        message="a",
        severity=0.25,
        novelty=1.0,
        severity_number=0,
        word_novelties=np.ones(1, dtype=np.float32),
        nearest=None,
    )

    assert explanation["nearest"] is None


def test_the_shares_of_the_tokens_and_of_what_is_declared_add_up_to_the_severity_logit() -> None:
    message = "user 4711 logged in, quota exceeded"

    told = explain(
        pattern_of(message),
        message=message,
        severity=0.5,
        novelty=1.0,
        severity_number=17,
        word_novelties=None,
        nearest=None,
    )

    assert told["declared"] == 0.75
    shares = sum(share for _, share in told["tokens"]) + told["declared"]
    assert shares == pytest.approx(told["severity_logit"], abs=ROUNDED * len(told["tokens"]))


def test_the_newest_words_are_told_and_their_mean_is_the_novelty() -> None:
    pattern = pattern_of("replica lost its quorum today")
    of_words = np.array([0.1, 0.9, 0.0, 0.8, 0.3], dtype=np.float32)

    assert newest_words(pattern.tokens, of_words) == [("lost", 0.9), ("quorum", 0.8), ("today", 0.3)]
    assert novelty(of_words) == pytest.approx((0.9 + 0.8 + 0.3) / 3)
