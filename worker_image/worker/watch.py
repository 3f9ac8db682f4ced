"""A thread in each worker process that gives signs of life, and finds dead neighbours and lost wake-ups."""

import logging
import os
import random
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from oddline import submissions, tasks
from oddline.errors import DatabaseUnavailable
from oddline.submissions import SCORE_WAITING
from oddline.tasks import TaskContext, WorkerClass
from worker_image.worker.proof import Proof
from worker_image.worker.pulse import Pulse
from worker_image.worker.steering import Steering

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=5)  # so that recovery takes seconds where reconcile, the last resort, takes a minute


class Watch:
    """Looks every few seconds, from start to stop.

    It runs in the children and not in the worker's main process: a thread there could hold a lock while that forks.
    """

    def __init__(
        self,
        context: TaskContext,
        *,
        host: str,
        worker: str,
        classes: Collection[WorkerClass] = (),
        started_at: datetime | None = None,
        follow_limits: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        self.pulse = Pulse(context.settings.home)
        self._steering = Steering(context, worker=worker, pulse=self.pulse, follow_limits=follow_limits)
        self._proof = Proof(self.pulse, publisher=context.publisher, worker=worker)
        self._context = context
        self._classes = classes
        self._host = host
        self._worker = worker
        self._started_at = started_at or context.clock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for a look that is going on."""
        self._ended.set()
        self._thread.join()

    def look(self, *, now: datetime) -> None:
        """Show that the worker lives, let go of what dead neighbours held, wake somebody if anything waits, and obey.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer.
        """
        with self._context.db.transaction() as tx:
            tasks.see_worker(tx, self._worker, classes=self._classes, started_at=self._started_at, now=now)
            self._steering.look(tx, now=now)
            held = {*submissions.holders(tx, host=self._host), *tasks.holders(tx, host=self._host)}
            dead = sorted(worker for worker in held if not _is_alive(worker))
            if dead:
                log.warning("these workers died with work in hand: %s", ", ".join(dead))
                submissions.end_leases(tx, dead, now=now)
                tasks.end_leases(tx, dead, now=now)
            submissions.release_expired(tx, now=now)
            waiting = submissions.waiting(tx, now=now)
            overdue = tasks.is_overdue(tx, now=now)
        released = self._steering.obey()
        if waiting:
            self._context.publisher.wake(SCORE_WAITING)
        if dead or released:
            tasks.publish_due(self._context.db, self._context.publisher, catalogue=self._context.catalogue, now=now)
        elif overdue:
            tasks.publish_overdue(self._context.db, self._context.publisher, catalogue=self._context.catalogue, now=now)

    def _run(self) -> None:
        while True:
            try:
                self._seek_and_look()
            except Exception:  # whatever it is, the worker is to go on giving signs of life
                log.exception("the watch failed, and looks again")
            # Not all at the same moment.
            if self._ended.wait(EVERY.total_seconds() * random.uniform(0.8, 1.2)):
                return

    def _seek_and_look(self) -> None:
        try:
            self._proof.seek()
        except OSError as error:
            log.warning("the watch cannot note that the worker works: %s", error)
        try:
            self.look(now=self._context.clock())
        except DatabaseUnavailable as error:
            log.warning("the watch cannot reach the database: %s", error)


def _is_alive(worker: str) -> bool:
    """Whether the process that a worker's name (host:pid) tells of runs on this host."""
    try:
        os.kill(int(worker.rpartition(":")[2]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
