"""The most memory that `oddline score` takes on a file of 2 GB."""

import os
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

from bench import raw_lines
from bench.score_command import ODDLINE

FILE_BYTES = 2 * 1024**3
_BLOCK_LINES = 200_000


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`score_2gb_peak_mb`: the peak of the resident set, as the kernel counts it for the ended process."""
    file = work / "lines.log"
    size = _write(file, size=20 * 1024**2 if quick else FILE_BYTES)
    command = subprocess.Popen([ODDLINE, "score", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(command.pid, 0)
    command.returncode = os.waitstatus_to_exitcode(status)
    if command.returncode:
        raise RuntimeError(f"oddline score ended with {command.returncode}")
    return {
        "score_2gb_peak_mb": round(usage.ru_maxrss / 1024, 1),
        "score_memory": {"file_mb": round(size / 1024**2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 1)},
    }


def _write(file: Path, *, size: int) -> int:
    """Write blocks of lines until the file has `size` bytes."""
    lines = raw_lines.openstack_lines()
    written = 0
    with file.open("w", encoding="utf-8") as out:
        while written < size:
            written += out.write("".join(f"{line}\n" for line in islice(lines, _BLOCK_LINES)))
    return file.stat().st_size
