"""Let whoever cancels a task end it while it runs: by an error in its thread, as Ctrl-C would be one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

CANCEL_NOTICED = timedelta(seconds=2)  # at the latest, by the heartbeat of whoever runs it

_SIGNAL = signal.SIGUSR2  # SIGUSR1 is Celery's own, for the soft time limit

T = TypeVar("T")


class TaskCancelled(KeyboardInterrupt):
    """Somebody has cancelled the task that runs.

    No `except Exception` holds it up, and what cleans up after Ctrl-C cleans up after it: psycopg, for one, cancels the
    statement that is under way.
    """


class Interruption:
    """Ends what the main thread runs, asked for by another thread."""

    def __init__(self) -> None:
        self._running = False

    def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, also where it is interrupted when it has returned.

        Raises:
            TaskCancelled: it was interrupted before.
        """
        returned: list[T] = []
        try:
            try:
                self._running = True
                returned.append(work())
            finally:
                self._running = False
        except TaskCancelled:
            if not returned:
                raise
        return returned[0]

    def ask(self) -> None:
        """Interrupt the main thread, whatever it waits for."""
        signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)

    def take(self, *_: Any) -> None:
        """Answer the signal; one that comes before or after the work is for nobody."""
        if self._running:
            raise TaskCancelled("somebody has cancelled it")


class Uninterruptible(Interruption):
    """For a thread to which no signal can be sent: it notices when it reports its progress."""

    def ask(self) -> None:
        """Do nothing."""


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """While the block runs, the thread can be interrupted, where it is the process's main one."""
    if threading.current_thread() is not threading.main_thread():
        yield Uninterruptible()
        return
    interruption = Interruption()
    before = signal.signal(_SIGNAL, interruption.take)
    try:
        yield interruption
    finally:
        signal.signal(_SIGNAL, before)
