"""Where commands print: as wide as the terminal, and wide enough for whole tables where there is none."""

import sys

from rich.console import Console

PIPED_WIDTH = 240

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]  # the forms in which one is typed


def counted(number: int, one: str, many: str) -> str:
    """A number of things by their name."""
    return f"{number:,} {one if number == 1 else many}"


def new_console() -> Console:
    """A console on standard output that takes text as it is: names and errors may hold anything."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
