"""Where commands print: as wide as the terminal, and wide enough for whole tables where there is none."""

import sys

from rich.console import Console

PIPED_WIDTH = 240


def new_console() -> Console:
    """A console on standard output that leaves numbers and paths in their plain colour."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
