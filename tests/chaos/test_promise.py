"""The table of docs/reliability.md and the faults that are tried are the same."""

import re
from pathlib import Path

import test_side_by_side
from faults import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def as_words(text: str) -> str:
    return re.sub(r"\W+", " ", text.replace("_", " ")).strip()


def test_every_row_of_the_promise_has_a_test_and_every_test_a_row() -> None:
    table = PAGE.read_text().partition("| --- |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]

    others = [name.removeprefix("test_") for name in vars(test_side_by_side) if name.startswith("test_")]

    assert sorted(map(as_words, rows)) == sorted(map(as_words, [*(fault.name for fault in FAULTS), *others]))
