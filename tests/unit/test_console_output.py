"""What commands print of others' texts is shown as it is, but for what could harm a terminal."""

import json
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from answering_server import Response, answering
from rich.table import Table
from rich.text import Text

from oddline.cli import app as command_line
from oddline.cli import connections, verify
from oddline.cli.console import new_console
from oddline.cli.odd_lines import as_text
from oddline.entries import DayCount
from oddline.errors import NotFound

HARMFUL = "[red]a\x1b[2J\x1b]0;title\x9bb"
HARMLESS = "[red]a\ufffd[2J\ufffd]0;title\ufffdb"


def test_a_console_shows_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "note", box=None)
    table.add_row("ordinary", "two\nlines")
    table.add_row(HARMFUL, HARMFUL)

    new_console().print(table)
    new_console().print(HARMFUL, style="red")
    new_console().print(Text(HARMFUL))
    new_console(stderr=True).print(HARMFUL)

    shown = capsys.readouterr()
    assert [character for character in shown.out + shown.err if ord(character) < 32 and character != "\n"] == []
    assert "\x9b" not in shown.out + shown.err
    assert shown.out.count(HARMLESS) == 4
    assert HARMLESS in shown.err
    assert [line.split()[-1] for line in shown.out.splitlines()[1:3]] == ["two", "lines"]


def test_the_name_of_a_file_with_odd_lines_is_shown_clean() -> None:
    odd: Any = SimpleNamespace(file=HARMFUL, line=7, score=0.9, pattern=SimpleNamespace(count=1), tokens=[("x", 0.1)])

    (shown,) = as_text([odd], is_coloured=False, has_files=True)

    assert f"{HARMLESS}:7" in shown


def test_an_error_that_quotes_others_is_told_clean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(**_: Any) -> None:
        raise NotFound(f"there is no source {HARMFUL}")

    monkeypatch.setattr(command_line, "app", failing)

    with pytest.raises(SystemExit):
        command_line.run()

    assert HARMLESS in capsys.readouterr().err


def test_what_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    names = dict.fromkeys(("id", "name", "type", "source", "state"), "[red]")
    found = {"connections": [{**names, "entries": 1, "last_entry_at": None, "last_error": "[/red]"}]}

    with answering(lambda _: Response(200, json.dumps(found).encode())) as server:
        connections.list_(url=server.url, key="a key")

    assert capsys.readouterr().out.splitlines()[1].split() == ["[red]"] * 5 + ["1", "[/red]"]


def test_a_day_of_which_something_is_missing_is_said_to_be_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    day = DayCount(UUID(int=0), "shop", date(2026, 11, 5), 10, 10, 0, 0, 0, in_chunks=9)

    verify._tell([day], [], as_json=False)

    assert capsys.readouterr().out.splitlines()[1].split()[-1] == "wrong"
