"""End the worker in time, whatever Celery's own shutdown hangs on."""

import logging
import os
import signal
import threading
from functools import cache, partial
from types import FrameType
from typing import Any, Final

log = logging.getLogger(__name__)

GRACE_S: Final = 10.0  # for what Celery does after the soft shutdown, some tenths of a second


@cache  # Celery tells at each reconnection that the worker is ready
def end_in_time(*, soft_shutdown_s: float) -> None:
    """From the first signal to end on, let this process live for the soft shutdown and GRACE_S, then end it.

    Celery reads what its children have to say before it ends. One that was killed while it wrote has left half a
    message, and nobody writes the rest: that reading never ends (`_flush_outqueue`, within `Pool.join`). Children end
    with their parent, and what was not finished goes to others, as after any kill.

    Call it in the main thread of the main process, once Celery's own handlers are there.
    """
    deadline = threading.Timer(soft_shutdown_s + GRACE_S, _end)
    deadline.daemon = True
    for number in (signal.SIGTERM, signal.SIGQUIT):
        follow = signal.getsignal(number)
        signal.signal(number, partial(_begin, deadline, os.getpid(), follow))


def _begin(deadline: threading.Timer, main: int, follow: Any, number: int, frame: FrameType | None) -> None:
    if os.getpid() == main and deadline.ident is None:  # children have the handler from the fork
        deadline.start()
    follow(number, frame)


def _end() -> None:
    log.error("this worker has not ended in time, and ends now")
    os._exit(1)
