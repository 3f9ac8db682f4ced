"""The command `tail` goes on where it was, whatever the API does, and shows nothing that could harm a terminal."""

from itertools import islice
from typing import Any

import httpx
import pytest

from oddline.cli.connecting import NotTaken
from oddline.cli.tail import IDLE_S, LONGEST_PAUSE_S, as_line, follow

ENTRY: dict[str, Any] = {
    "timestamp": "2026-11-05T08:15:30.123000Z",
    "severity": "ERROR",
    "anomaly_score": 0.9731,
    "is_anomaly": True,
    "source": "checkout",
    "message": "lost \x1b[2J42 records",
    "explanation": None,
}


class Api:
    """Answers one after the other as told; keeps with which cursor it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = iter(answers)
        self.asked: list[str | None] = []
        self.told: list[str] = []
        self.paused: list[float] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params.get("after"))
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx.Response(answer, json={"detail": "so it is"})
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, json=answer)

    def follow(self, count: int, **options: Any) -> list[str]:
        with httpx.Client(base_url="http://test", transport=httpx.MockTransport(self.handle)) as client:
            entries = follow(client, {}, told=self.told.append, pause=self.paused.append, **options)
            return [entry["message"] for entry in islice(entries, count)]


def page(following: str, *messages: str, caught_up: bool = True) -> dict[str, Any]:
    return {"entries": [{"message": one} for one in messages], "next": following, "caught_up": caught_up}


def test_each_answer_is_asked_for_behind_the_one_before() -> None:
    api = Api(page("a", "1", caught_up=False), page("b", "2"), page("c"), page("d", "3"))

    assert api.follow(3, begin="60") == ["1", "2", "3"]
    assert api.asked == ["60", "a", "b", "c"]
    assert api.paused == [IDLE_S, IDLE_S]


def test_while_the_api_is_away_it_is_asked_again_from_the_same_place() -> None:
    api = Api(page("a", "1"), *[httpx.ConnectError("refused")] * 6, 503, 429, page("b", "2"))

    assert api.follow(2) == ["1", "2"]
    assert api.asked == [None, *["a"] * 9]
    assert max(api.paused) == LONGEST_PAUSE_S
    assert len(api.told) == 2


def test_a_cursor_that_is_gone_begins_anew_and_says_so() -> None:
    api = Api(page("a", "1"), 410, page("b", "2"))

    assert api.follow(2) == ["1", "2"]
    assert api.asked == [None, "a", None]
    assert "so it is" in api.told[0]


def test_a_refusal_ends_it() -> None:
    with pytest.raises(NotTaken):
        Api(403).follow(1)


@pytest.mark.parametrize("status", [200, 302])
def test_what_another_program_answers_ends_it_and_is_shown(status: int) -> None:
    with pytest.raises(NotTaken, match=f"{status} <html>sign in</html>"):
        Api(httpx.Response(status, text="<html>sign in</html>")).follow(1)


def test_a_line_is_shown_clean_with_its_odd_tokens_in_colour() -> None:
    odd = ENTRY | {"explanation": {"tokens": [["lost ", 0.1], ["\x1b[2J42", 5.0], [" records", 0.0]]}}

    lines = [as_line(ENTRY, is_coloured=False), as_line(odd, is_coloured=False), as_line(odd, is_coloured=True)]

    assert lines[0] == lines[1] == "2026-11-05T08:15:30.123Z ERROR 0.97! checkout  lost \ufffd[2J42 records"
    assert "\x1b[31m\x1b[1m\ufffd[2J42\x1b[0m" in lines[2]
