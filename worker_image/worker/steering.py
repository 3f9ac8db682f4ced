"""Tell how this worker is, and do what operators wish: end to be replaced, keep to other limits, publish again."""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from oddline import fleet
from oddline.database import Transaction
from oddline.tasks import WORKER_SEEN, TaskContext
from worker_image.worker.pulse import Pulse

log = logging.getLogger(__name__)

PROCESS_FORGOTTEN = timedelta(minutes=2)
END_SOFTLY = signal.SIGUSR2


class Steering:
    """One process's part in it; the watch asks at each of its looks.

    Args:
        follow_limits: has the worker keep to these limits.
    """

    def __init__(
        self,
        context: TaskContext,
        *,
        worker: str,
        pulse: Pulse,
        follow_limits: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        self._context = context
        self._worker = worker
        self._pulse = pulse
        self._follow_limits = follow_limits
        self._started_at = context.clock()
        self._held: frozenset[str] = frozenset()
        self._wishes = fleet.Wishes(held=frozenset(), limits={}, restart=False)
        self._is_our_turn = False
        self._has_told = False
        self._main = os.getppid()

    def look(self, tx: Transaction, *, now: datetime) -> None:
        """In the watch's transaction, after the worker's row is there: tell how it is, and read what is wished."""
        fleet.report(
            tx,
            self._context.worker,
            worker=self._worker,
            started_at=self._started_at,
            stats={"rss_bytes": resident_bytes("self"), "tasks_done": self._pulse.done},
            worker_stats=self._main_stats(),
            now=now,
            forgotten=PROCESS_FORGOTTEN,
        )
        self._wishes = fleet.wishes(tx, self._worker)
        self._is_our_turn = self._wishes.restart and fleet.take_turn(tx, self._worker, now=now, seen=WORKER_SEEN)

    def obey(self) -> bool:
        """After the watch's transaction: do what is wished; returns whether a queue was released meanwhile."""
        self._follow_limits(self._wishes.limits)
        released, self._held = self._held - self._wishes.held, self._wishes.held
        if self._is_our_turn:
            if not self._has_told:
                log.warning("an operator wishes a restart: this worker finishes what it does and ends")
            self._has_told = True
            end_main_process(self._main)
        return bool(released)

    def _main_stats(self) -> dict[str, Any]:
        return {
            "pid": os.getppid(),
            "rss_bytes": resident_bytes(str(os.getppid())),
            "concurrency": self._context.settings.worker_concurrency,
        }


def end_main_process(main: int) -> None:
    """Have Celery's main process take nothing new, wait for what runs without a limit, and end; twice is as once."""
    if os.getppid() == main:  # once it is dead, somebody else is the parent
        os.kill(main, END_SOFTLY)


def end_when_told() -> None:
    """In the main process: follow `end_main_process` of its children.

    Celery itself ends so at SIGINT, but at a second one it breaks off what runs. SIGTERM is remapped to a shutdown that
    waits for half a minute only.
    """
    told = False

    def end(*_: object) -> None:
        nonlocal told
        if not told:
            told = True
            os.kill(os.getpid(), signal.SIGINT)

    signal.signal(END_SOFTLY, end)


def resident_bytes(pid: str) -> int | None:
    """Memory of a process, as Linux tells it; None elsewhere, or of one that is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
