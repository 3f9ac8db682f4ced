"""Draw docs/score.svg, what `oddline score` shows of the sample log on a terminal: `python -m bench.score_picture`."""

import os
import pty
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from oddline.sample import read_corpus, read_windows

ODDLINE = Path(sys.executable).with_name("oddline")
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "score.svg"
WIDTH = 130  # characters
COMMAND = ["oddline", "score", "sample.log", "--baseline", "calm.log", "--top", "14"]
FONT_FROM_ELSEWHERE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Run the command on the sample, its calm beginning being the baseline, and draw what it printed."""
    first_fault = min(window.start_line for window in read_windows())
    with tempfile.TemporaryDirectory() as folder:
        calm, sample = Path(folder, "calm.log"), Path(folder, "sample.log")
        with calm.open("w", encoding="utf-8") as before, sample.open("w", encoding="utf-8") as after:
            for line in read_corpus():
                (before if line.number < first_fault else after).write(f"{line.text}\n")
        shown, summary = run(Path(folder))
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, highlight=False)
    console.print(Text.assemble(("$ ", "green"), " ".join(COMMAND)))
    for line in shown.splitlines():
        text = Text.from_ansi(line)
        text.truncate(WIDTH, overflow="ellipsis")
        console.print(text)
    console.print(summary.strip(), style="dim")
    svg = console.export_svg(title="oddline score", unique_id="score")
    # A picture that loads nothing: it is drawn in the reader's own font.
    PICTURE.write_text(FONT_FROM_ELSEWHERE.sub("", svg), encoding="utf-8")


def run(folder: Path) -> tuple[str, str]:
    """What the command prints on a terminal, and what on standard error, which is none: so there is no progress bar."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [ODDLINE, *COMMAND[1:]], cwd=folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        pieces = []
        try:
            while piece := os.read(ours, 65_536):
                pieces.append(piece)
        except OSError:  # Linux's way to say that the other side has closed
            os.close(ours)
        assert process.stderr is not None
        said = process.stderr.read()
    if process.returncode:
        raise SystemExit(said)
    return b"".join(pieces).decode(), said


if __name__ == "__main__":
    main()
