"""Keep a claim alive while its holder works: liveness is a lease in the ledger, prolonged by a heartbeat."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from oddline.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

BEATS_PER_LEASE = 3  # two may fail before the lease runs out


@contextmanager
def heartbeat(renew: Callable[[], bool], *, lease: timedelta, every: timedelta = timedelta.max) -> Iterator[None]:
    """Call `renew` from a thread, a few times per lease and each `every`, until the block ends or the claim is lost.

    A lost claim stops the beats and nothing else: whoever lost it finds out by compare-and-set when it writes.
    """
    ended = threading.Event()
    pause_s = min(lease / BEATS_PER_LEASE, every).total_seconds()

    def beat() -> None:
        while not ended.wait(pause_s):
            try:
                if not renew():
                    return
            except DatabaseUnavailable as error:
                log.warning("a heartbeat did not reach the database: %s", error)
            except Exception:  # without its beats the claim would be lost for certain
                log.exception("a heartbeat failed, and the next is tried")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
