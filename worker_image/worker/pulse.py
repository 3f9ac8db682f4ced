"""Whether this container's worker does tasks, told by a file: read every half minute, so it needs no library."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "worker-did-a-task"
LATEST_S = 120.0  # an idle worker proves itself every 10 to 20 s; the rest is for finding Redis again after it was away


class Pulse:
    """The last time that the worker is known to have done a task, or to be doing one within its limit.

    All processes of the worker share the file; each has a pulse of its own, since it runs one task at a time.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / FILE
        self._busy_until = float("-inf")
        self.done = 0  # tasks of this process, those that failed, too

    def beat(self) -> None:
        """Note that it works."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.touch()

    @contextmanager
    def task(self, *, limit_s: float) -> Iterator[None]:
        """While the block runs, for at most `limit_s`, this process is busy; its end is a task done."""
        self._busy_until = time.monotonic() + limit_s
        try:
            yield
        finally:
            self._busy_until = float("-inf")
            self.done += 1
            self.beat()

    @property
    def is_busy(self) -> bool:
        """Whether this process is at a task that is still within its limit."""
        return time.monotonic() < self._busy_until

    def age_s(self) -> float:
        """Seconds since the last beat of any process; infinite when there was none."""
        try:
            return time.time() - self._file.stat().st_mtime
        except FileNotFoundError:
            return float("inf")
