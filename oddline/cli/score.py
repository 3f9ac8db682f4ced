"""`oddline score`: point at the odd lines of files, with no service and no set-up."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from oddline.cli.lines import STDIN, Input, LineReader, expected_bytes, look_at
from oddline.cli.odd_lines import as_json, as_text
from oddline.errors import InvalidParameter

if TYPE_CHECKING:
    from oddline.scoring import Block, OddLine, OfflineScorer

EXIT_FOUND: Final = 3
EXIT_INTERRUPTED: Final = 130
WARM_UP_SHARE: Final = 0.05  # Of the bytes to read,
WARM_UP_LINES: Final = 1_000  # or where nobody knows how many lines there are.

Report = Callable[[int], None]
"""Told after each block how many bytes were read so far."""
Render = Callable[[Sequence["OddLine"]], Iterator[str]]


def score(
    *,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Files, also gzip, xz or zstd; '-' or none: stdin.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many odd lines to show, oddest first.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Show odd lines as they come, in their order.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Lowest score that is odd. [default: the model's own]")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Its lines are known, so there is no warm-up.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Name of the source in --json. [default: the file]")] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 3 if a line was odd.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours, as with NO_COLOR.")] = False,
) -> None:
    """Point at the odd lines of files, or of standard input.

    Each pattern is shown once, with its count, at its first line. What was seen before is not odd: until the warm-up is
    over (the first 5 %, of standard input the first 1,000 lines) a line is judged by what it says alone.
    """
    inputs = [look_at(path) for path in files or [_stdin()]]
    baselines = [look_at(path) for path in baseline or []]

    from oddline.scoring import Encoder, OfflineScorer
    from oddline.settings import load_settings

    settings = load_settings()
    encoder = Encoder.load(settings.model_folder, threads=settings.threads)
    scorer = OfflineScorer(encoder, threshold=threshold)
    for block in _blocks(baselines, warm_up=None):
        scorer.learn(block)

    if no_color:
        os.environ["NO_COLOR"] = "1"  # The progress bar heeds it too.
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    render: Render = partial(as_text, is_coloured=is_coloured, has_files=len(inputs) > 1)
    if json:
        render = partial(as_json, source=source, model=encoder.version)
    warm_up = None if baselines else WarmUp(inputs)
    is_complete = _run(scorer, inputs, warm_up=warm_up, top=None if follow else top, render=render)
    if not is_complete:
        raise typer.Exit(EXIT_INTERRUPTED)
    if fail and scorer.odd_patterns:
        raise typer.Exit(EXIT_FOUND)


class WarmUp:
    """What is left of the warm-up: a share of the bytes, or a number of lines where the bytes are not known."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        expected = None if any(one.is_packed for one in inputs) else expected_bytes(inputs)
        self._bytes_left = None if expected is None else round(expected * WARM_UP_SHARE)
        self._lines_left = WARM_UP_LINES

    def take(self, lines: int, *, size: int) -> int:
        """How many of the next lines, `size` bytes long together, belong to it."""
        if self._bytes_left is None:
            taken = min(lines, self._lines_left)
            self._lines_left -= taken
            return taken
        taken = min(lines, round(lines * self._bytes_left / size))
        self._bytes_left = max(0, self._bytes_left - size)
        return taken


def _run(
    scorer: "OfflineScorer", inputs: Sequence[Input], *, warm_up: WarmUp | None, top: int | None, render: Render
) -> bool:
    """Read and show, the `top` oddest at the end or (None) each as it comes; False when Ctrl-C cut it short."""
    from oddline.scoring import Oddest

    follow = top is None
    oddest = Oddest(top=top or 1)
    is_complete = True
    started = time.perf_counter()
    has_bar = sys.stderr.isatty() and not (follow and sys.stdout.isatty())
    try:
        with _progress(expected_bytes(inputs), scorer=scorer, is_shown=has_bar) as report:
            for block in _blocks(inputs, warm_up=warm_up, report=report):
                found = scorer.judge(block)
                if follow:
                    _show(render(found))
                for odd in found:
                    oddest.push(odd)
    except KeyboardInterrupt:  # What was found until then is worth seeing: that is how one leaves a pipe without end.
        is_complete = False
    if not follow:
        _show(render(oddest.sorted()))
    print(_summary(scorer, seconds=time.perf_counter() - started, top=top), file=sys.stderr)
    return is_complete


def _blocks(inputs: Sequence[Input], *, warm_up: WarmUp | None, report: Report | None = None) -> Iterator["Block"]:
    """The lines of all inputs, cut where the warm-up ends."""
    from oddline.scoring import Block

    bytes_before = 0
    for one in inputs:
        reader, first = LineReader(one), 1
        for lines, size in reader.blocks():
            warm = warm_up.take(len(lines), size=size) if warm_up else 0
            if warm:
                yield Block(file=one.name, first_line=first, lines=lines[:warm], is_warm_up=True)
            if warm < len(lines):
                yield Block(file=one.name, first_line=first + warm, lines=lines[warm:])
            first += len(lines)
            if report:
                report(bytes_before + reader.bytes_read)
        bytes_before += reader.bytes_read


@contextmanager
def _progress(expected: int | None, *, scorer: "OfflineScorer", is_shown: bool) -> Iterator[Report | None]:
    """A bar with rate and time left on stderr while the files are read."""
    if not is_shown:
        yield None
        return

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]:,.0f} lines/s")
    columns = (BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=expected, rate=0)
        started = time.perf_counter()

        def report(bytes_read: int) -> None:
            bar.update(task, completed=bytes_read, rate=scorer.lines / (time.perf_counter() - started))

        yield report


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
    # Now, and not when the process ends: a reader may wait for it, or have gone.
    sys.stdout.flush()


def _stdin() -> str:
    if sys.stdin.isatty():
        raise InvalidParameter("name a file, or pipe lines in ('-' reads from the terminal)")
    return STDIN


def _summary(scorer: "OfflineScorer", *, seconds: float, top: int | None) -> str:
    odd = "nothing odd"
    if scorer.odd_patterns:
        odd = f"{scorer.odd_patterns:,} of them odd (on {scorer.odd_lines:,} lines)"
        if top is not None and scorer.odd_patterns > top:
            odd += f", the {top:,} oddest shown"
    speed = f"{seconds:.1f} s, {scorer.lines / seconds:,.0f} lines/s"
    return f"{scorer.lines:,} lines, {scorer.patterns:,} patterns, {odd}; {speed}"
