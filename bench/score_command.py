"""`oddline score` on large files of full raw lines, beside Drain3 only parsing the same lines.

The command's time is that of its whole process, with start and reading; Drain3's is that of the parsing alone, in
memory, and of the first lines only, since it gets no faster. Its masks are those of its own sample configuration.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bench import raw_lines
from oddline.scoring.evaluation.speed import ODDLINE, drain3_seconds

LINES = 1_000_000
DRAIN3_LINES = 200_000


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """Lines per second of both on both logs."""
    lines, drain3_lines = (20_000, 5_000) if quick else (LINES, DRAIN3_LINES)
    results: dict[str, Any] = {}
    for name, source in _logs():
        file = work / "lines.log"
        raw_lines.write(file, source(), count=lines)
        results[f"score_{name}lines_per_s"] = round(lines / _score(file))
        parsed = list(islice(source(), drain3_lines))
        results[f"drain3_{name}lines_per_s"] = round(drain3_lines / drain3_seconds(parsed))
        file.unlink()
    return results | {"score_command": {"lines": lines, "drain3_lines": drain3_lines, **raw_lines.material()}}


def _logs() -> Sequence[tuple[str, Callable[[], Iterator[str]]]]:
    return ("", raw_lines.bgl_lines), ("openstack_", raw_lines.openstack_lines)


def _score(file: Path) -> float:
    """Seconds of the whole command."""
    began = time.perf_counter()
    subprocess.run([ODDLINE, "score", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
