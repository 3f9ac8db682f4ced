"""The sample log that ships with Oddline: real programs' lines, with windows in which a known fault was caused."""

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FaultWindow", "SampleLine", "read_corpus", "read_demo", "read_windows"]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One line as its program printed it.

    `number` counts from 0 in the corpus, also for a line of the demo; `at` is when it was printed, exact to the second.
    """

    number: int
    at: datetime
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """A stretch of the corpus in which one fault was caused and healed.

    The lines are `start_line` to `end_line - 1`; `odd_lines` are the numbers of those that the fault caused, the
    others between them are normal.
    """

    kind: str
    program: str
    description: str
    start_line: int
    end_line: int
    start: datetime
    end: datetime
    odd_lines: tuple[int, ...]


def read_corpus() -> Iterator[SampleLine]:
    """Every line of the corpus in the order in which the lines were printed."""
    index = _index()
    yield from _read("corpus.log.xz", ranges=[(0, index["lines"])])


def read_demo() -> Iterator[SampleLine]:
    """The cut of the corpus for a first look: a normal stretch, then faults of different kinds."""
    yield from _read("demo.log.xz", ranges=_index()["demo"])


def read_windows() -> list[FaultWindow]:
    """The fault windows in order of time."""
    return [
        FaultWindow(
            kind=window["kind"],
            program=window["program"],
            description=window["description"],
            start_line=window["start_line"],
            end_line=window["end_line"],
            start=datetime.fromisoformat(window["start"]),
            end=datetime.fromisoformat(window["end"]),
            odd_lines=tuple(window["odd_lines"]),
        )
        for window in _index()["windows"]
    ]


def _read(name: str, *, ranges: list[tuple[int, int]]) -> Iterator[SampleLine]:
    seconds = _seconds(ranges)
    with lzma.open(_FOLDER / name, "rt", encoding="utf-8", newline="\n") as file:
        for (number, at), line in zip(seconds, file, strict=True):
            source, text = line.rstrip("\n").split("\t", 1)
            yield SampleLine(number, at, source, text)


def _seconds(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, datetime]]:
    """The line numbers of the ranges, each with the second in which the line was printed."""
    index = _index()
    firsts, start = index["line_at_second"], datetime.fromisoformat(index["start"])
    second, at = 0, start
    for first, end in ranges:
        for number in range(first, end):
            while second + 1 < len(firsts) and firsts[second + 1] <= number:
                second += 1
                at = start + timedelta(seconds=second)
            yield number, at


@cache
def _index() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_FOLDER / "windows.json").read_text(encoding="utf-8"))
    return loaded
