"""Where commands print: as wide as the terminal, and wide enough for whole tables where there is none."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from oddline.cli.odd_lines import clean

PIPED_WIDTH = 240

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]  # the forms in which one is typed


def counted(number: int, one: str, many: str) -> str:
    """A number of things by their name."""
    return f"{number:,} {one if number == 1 else many}"


class _CleanConsole(Console):
    """Shows no text that would move a terminal's cursor, or worse; what Rich itself tells the terminal passes."""

    def render_str(self, text: str, **options: Any) -> Text:
        # Before it is measured, so that a table has room for all of it.
        return super().render_str(_clean(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_clean(segment.text), segment.style)


def new_console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is, and shows it clean: names and errors may hold anything."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return _CleanConsole(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def _clean(text: str) -> str:
    return "\n".join(map(clean, text.split("\n")))
