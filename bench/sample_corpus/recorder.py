"""Merges the lines of all programs into one stream, in the order in which they were printed."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

SourceOf = Callable[[str], str]

# Tab stays: programs indent with it, and the source before it is cut at the first one only.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(9), *range(10, 32), 127)}


class Recorder:
    """Writes each line as `seconds<TAB>source<TAB>line` to a spool file; `lines` counts them."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._lock = threading.Lock()
        self.lines = 0

    def record(self, line: str, *, source: str) -> None:
        r"""Take one line as printed just now; blank lines are left out, control characters written as \\xNN."""
        if not line.strip():
            return
        with self._lock:
            self._file.write(f"{time.time():.3f}\t{source}\t{line.translate(_CONTROL)}\n")
            self.lines += 1

    def follow(self, stream: IO[bytes], *, source_of: SourceOf) -> None:
        """Record the lines of a pipe in a thread of its own until the pipe closes."""

        def read() -> None:
            for raw in stream:
                line = raw.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
                self.record(line, source=source_of(line))

        threading.Thread(target=read, daemon=True).start()

    def close(self) -> None:
        """Write what is left; lines that come later are lost."""
        with self._lock:
            self._file.close()
