"""How a worker proves that it works: it does a task that only itself is given, all the way from Redis to a child."""

import time
from datetime import timedelta

from kombu import Queue as KombuQueue

from oddline.tasks import NoPayload, Publisher, Queue, TaskContext, TaskSpec
from worker_image.worker.pulse import Pulse

DUE_AFTER_S = 10.0  # without any task done
ASKED_AGAIN_AFTER_S = 10.0  # Redis may have lost it
QUEUE_KEPT_S = 600.0  # so that workers that are gone leave nothing in Redis

PROVE_WORKER = TaskSpec(
    name="prove_worker",
    queue=Queue.DEFAULT,  # in name: it goes to the queue of one worker
    idempotency="it does nothing",
    soft_limit=timedelta(seconds=5),
    hard_limit=timedelta(seconds=10),
    ledger=False,
)


def do_nothing(payload: NoPayload, context: TaskContext) -> None:
    """The code of `prove_worker`."""


def own_queue(worker: str) -> KombuQueue:
    """The queue that only this worker takes from."""
    name = f"worker:{worker}"
    return KombuQueue(name, routing_key=name, expires=QUEUE_KEPT_S)


class Proof:
    """Sees to it from time to time that the pulse says what is true."""

    def __init__(self, pulse: Pulse, *, publisher: Publisher, worker: str) -> None:
        self._pulse = pulse
        self._publisher = publisher
        self._queue = own_queue(worker)
        self._asked_at = float("-inf")

    def seek(self) -> None:
        """Count a task that is still within its limit as one done; give an idle worker one to do.

        While Redis takes none, the worker is left in peace: a new one could do no more.
        """
        if self._pulse.is_busy:
            self._pulse.beat()
        elif self._pulse.age_s() > DUE_AFTER_S and time.monotonic() - self._asked_at > ASKED_AGAIN_AFTER_S:
            if self._publisher.wake(PROVE_WORKER, queue=self._queue):
                self._asked_at = time.monotonic()
            else:
                self._pulse.beat()
