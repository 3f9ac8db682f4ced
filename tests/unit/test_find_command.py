"""The command `find` shows each pattern with why it was found, and nothing that could harm a terminal."""

import json
from typing import Any

import pytest
from answering_server import Response, answering

from oddline.cli.connecting import NotTaken
from oddline.cli.find import find

HIT: dict[str, Any] = {
    "pattern": "Buffer I/O error on dev <str>\x1b[2J",
    "why": {
        "similarity": 0.6113,
        "similarity_rank": 1,
        "words": ["error"],
        "words_rank": 2,
        "parameters": ["sda"],
        "parameters_rank": 1,
    },
    "count": 4_711,
    "last_seen": "2026-11-05T08:15:30.123000Z",
    "sources": [{"source": "storage"}],
    "entries": [{"timestamp": "2026-11-05T08:15:30.123000Z", "source": "storage", "message": "I/O error on dev sda"}],
}


def test_it_shows_why_each_pattern_was_found_and_its_entries(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"hits": [HIT], "waiting": 3, "complete": False, "cost": {}}

    with answering(lambda _: Response(200, json.dumps(answer).encode())) as server:
        find("disk failure on sda", source=["storage"], url=server.url, key="a key")

    shown = capsys.readouterr().out
    assert "means 0.61, says error, with sda" in shown
    assert "4,711 entries of storage, last 2026-11-05T08:15" in shown
    assert "    2026-11-05T08:15:30 storage: I/O error on dev sda" in shown
    assert "3 patterns are too new" in shown
    assert "time was up" in shown
    assert "\x1b" not in shown
    assert "q=disk+failure+on+sda" in server.requests[0].path
    assert "source=storage" in server.requests[0].path


@pytest.mark.parametrize("status", [200, 302])
def test_what_another_program_answers_is_shown_instead(status: int) -> None:
    with (
        answering(lambda _: Response(status, b"<html>sign in</html>")) as server,
        pytest.raises(NotTaken, match=f"{status} <html>sign in</html>"),
    ):
        find("disk failure on sda", url=server.url, key="a key")


def test_names_of_sources_and_what_was_looked_for_are_shown_clean(capsys: pytest.CaptureFixture[str]) -> None:
    harmful = "storage\x1b[2J"
    why = HIT["why"] | {"words": [harmful], "parameters": [harmful]}
    hit = HIT | {"why": why, "sources": [{"source": harmful}], "entries": [HIT["entries"][0] | {"source": harmful}]}
    answer = {"hits": [hit], "waiting": 0, "complete": True, "cost": {}}

    with answering(lambda _: Response(200, json.dumps(answer).encode())) as server:
        find("disk failure on sda", url=server.url, key="a key")

    shown = capsys.readouterr().out
    assert shown.count("storage\ufffd[2J") == 4
    assert "\x1b" not in shown


def test_an_entry_of_several_lines_is_one_line_with_its_ends_marked(capsys: pytest.CaptureFixture[str]) -> None:
    hit = HIT | {"entries": [HIT["entries"][0] | {"message": "Traceback\n  in main"}]}
    answer = {"hits": [hit], "waiting": 0, "complete": True, "cost": {}}

    with answering(lambda _: Response(200, json.dumps(answer).encode())) as server:
        find("disk failure on sda", url=server.url, key="a key")

    assert "Traceback⏎  in main" in capsys.readouterr().out
