"""The sample log that ships is what its README says."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from oddline import sample
from oddline.sample import FaultWindow, SampleLine, read_corpus, read_demo, read_windows

FOLDER = Path(sample.__file__).parent


@pytest.fixture(scope="module")
def corpus() -> list[SampleLine]:
    return list(read_corpus())


@pytest.fixture(scope="module")
def windows() -> list[FaultWindow]:
    return read_windows()


def test_corpus_holds_at_least_200_000_lines_outside_of_fault_windows(
    corpus: list[SampleLine], windows: list[FaultWindow]
) -> None:
    in_windows = sum(window.end_line - window.start_line for window in windows)

    assert len(corpus) - in_windows >= 200_000


def test_there_are_at_least_40_windows_of_at_least_8_kinds(windows: list[FaultWindow]) -> None:
    kinds = Counter(window.kind for window in windows)

    assert kinds.total() >= 40
    assert len(kinds) >= 8


def test_windows_follow_each_other_in_time_and_lie_in_the_corpus(
    corpus: list[SampleLine], windows: list[FaultWindow]
) -> None:
    edges = [edge for window in windows for edge in (window.start_line, window.end_line)]
    times = [time for window in windows for time in (window.start, window.end)]

    assert edges == sorted(edges)
    assert times == sorted(times)
    assert edges[-1] <= len(corpus)


def test_every_window_names_odd_lines_within_it(windows: list[FaultWindow]) -> None:
    astray = [
        window
        for window in windows
        if not window.odd_lines
        or not window.start_line <= window.odd_lines[0] <= window.odd_lines[-1] < window.end_line
    ]

    assert astray == []


def test_the_first_30_percent_of_time_and_of_lines_are_without_faults(
    corpus: list[SampleLine], windows: list[FaultWindow]
) -> None:
    first = windows[0]
    length = corpus[-1].at - corpus[0].at

    assert first.start_line >= 0.3 * len(corpus)
    assert first.start - corpus[0].at >= 0.3 * length


def test_lines_are_numbered_and_bear_times_in_order(corpus: list[SampleLine], windows: list[FaultWindow]) -> None:
    window = windows[-1]

    assert [line.number for line in corpus] == list(range(len(corpus)))
    assert all(before.at <= after.at for before, after in itertools.pairwise(corpus))
    assert abs((corpus[window.start_line].at - window.start).total_seconds()) <= 1


def test_lines_come_from_at_least_eight_programs(corpus: list[SampleLine]) -> None:
    sources = Counter(line.source for line in corpus)

    assert sum(count >= 100 for count in sources.values()) >= 8


def test_demo_is_a_cut_of_the_corpus_that_begins_normal_and_has_odd_lines_of_several_kinds(
    corpus: list[SampleLine], windows: list[FaultWindow]
) -> None:
    demo = list(read_demo())

    numbers = {line.number for line in demo}
    assert 20_000 <= len(demo) <= 30_000
    assert all(corpus[line.number] == line for line in demo)
    assert max(line.number for line in demo[:10_000]) < windows[0].start_line
    assert len({window.kind for window in windows if numbers.intersection(window.odd_lines)}) >= 5


def test_what_ships_is_smaller_than_10_mb() -> None:
    size = sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file())

    assert size < 10_000_000


def test_no_line_names_the_machine_on_which_the_corpus_was_made(corpus: list[SampleLine]) -> None:
    foreign = [line for line in corpus if "/.venv/" in line.text or "pyenv" in line.text]

    assert foreign == []
