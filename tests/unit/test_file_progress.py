"""How far uploads are is drawn on a terminal, and nowhere else."""

from io import StringIO

import pytest
from rich.console import Console

from oddline.cli.file_progress import FileProgress
from oddline.cli.uploading import Sent


@pytest.mark.parametrize("is_terminal", [True, False])
def test_parts_bytes_and_what_is_processed_are_drawn_on_a_terminal_alone(is_terminal: bool) -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=is_terminal, width=120)

    with FileProgress(console) as progress:
        bar = progress.begin("app.log")
        progress.sent(bar, Sent(bytes=8_000_000, size=16_000_000, part=1, parts=2))
        progress._bars.refresh()
        progress.processed(bar, 0.25)
        progress._bars.refresh()

    drawn = screen.getvalue()
    told = [part in drawn for part in ("app.log", "part 1 of 2", "8.0/16.0 MB", "processed 25.0 %")]
    assert told == [is_terminal] * 4
    assert is_terminal or not drawn


def test_the_name_of_a_file_is_no_markup() -> None:
    screen = StringIO()

    with FileProgress(Console(file=screen, force_terminal=True, width=120)) as progress:
        progress.begin("[/var]app.log")
        progress._bars.refresh()

    assert "[/var]app.log" in screen.getvalue()
