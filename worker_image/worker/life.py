"""Tell the database that this worker lives, from its main process, so that health can count workers."""

import logging
import threading
from datetime import datetime, timedelta

from oddline.database import Database
from oddline.errors import DatabaseUnavailable
from oddline.tasks import Clock, see_worker

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=10)


class SignOfLife:
    """A thread that writes the worker's name and the time every few seconds.

    Each sign has a connection of its own: one that stayed open would be inherited by the children that are forked later.
    """

    def __init__(self, url: str, *, name: str, clock: Clock) -> None:
        self._url = url
        self._name = name
        self._clock = clock
        self._started_at = clock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sign-of-life", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for a sign that is being written."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._sign(self._clock())
            except DatabaseUnavailable as error:
                log.warning("no sign of life could be given: %s", error)
            if self._ended.wait(EVERY.total_seconds()):
                return

    def _sign(self, now: datetime) -> None:
        database = Database(self._url, size=1)
        try:
            with database.transaction() as tx:
                see_worker(tx, self._name, started_at=self._started_at, now=now)
        finally:
            database.close()
