"""Put a wake-up on Redis, in Celery's message form, and never wait long for a Redis that is not there."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from oddline.errors import NotConfigured, SecretUnavailable
from oddline.tasks.model import TaskSpec
from oddline.tracing import note, passed_on, span

if TYPE_CHECKING:
    from kombu import Queue

log = logging.getLogger(__name__)

T = TypeVar("T")
LONGEST_COUNTDOWN = timedelta(seconds=60)  # a message with a longer one would sit unacknowledged in a worker


class Publisher:
    """Publishes tasks by name. Safe to share between threads.

    A message only wakes a worker up: what there is to do stands in PostgreSQL. So a publish that fails is left to
    `reconcile`, and after it none is tried for `pause_s` seconds.

    Args:
        redis_url: the broker, or what tells it: asked again for each connection.
        timeout_s: seconds for connecting and for writing.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        redis_url: str | Callable[[], str],
        *,
        timeout_s: float = 0.2,
        pause_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = redis_url if callable(redis_url) else lambda: redis_url
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._clock = clock
        self._closed_until = float("-inf")
        self._lock = threading.Lock()
        self._producer: Any = None

    def wake(
        self,
        spec: TaskSpec,
        *,
        task_id: uuid.UUID | None = None,
        countdown: timedelta | None = None,
        queue: "Queue | None" = None,
    ) -> bool:
        """Publish `spec` once; `task_id` is its row in the ledger, `queue` another than its own.

        Returns whether Redis took it.

        Raises:
            ValueError: `countdown` is over `LONGEST_COUNTDOWN`: such waits belong into the ledger.
        """
        if countdown and countdown > LONGEST_COUNTDOWN:
            raise ValueError(f"a countdown of {countdown} belongs into the ledger's not_before")

        def send() -> bool:
            with span("enqueue"):
                note("task", spec.name)
                self._send(spec, task_id, countdown, queue)
            return True

        return self._reach(f"publish {spec.name}", send) is not None

    def count(self, queue: str) -> int | None:
        """How many messages wait in a queue, those that workers have taken not among them; None without Redis."""
        return self._reach(f"count the messages of {queue}", lambda: int(self._open().channel.count(queue)))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._producer is not None:
                self._producer.connection.close()
                self._producer = None

    def _reach(self, purpose: str, act: Callable[[], T]) -> T | None:
        """What `act` returns; None where Redis cannot be reached, or could not be just now."""
        from oddline.tasks.broker import UNREACHABLE

        with self._lock:
            if self._clock() < self._closed_until:
                return None
            try:
                return act()
            except (*UNREACHABLE, SecretUnavailable, NotConfigured) as error:
                # Once in `pause_s` at the most. Its kind alone: what it says may quote the address with its password.
                log.warning("cannot %s: %s", purpose, type(error).__name__)
                self._producer = None
                self._closed_until = self._clock() + self._pause_s
                return None

    def _open(self) -> Any:
        if self._producer is None:
            from oddline.tasks.broker import open_producer

            self._producer = open_producer(self._url(), timeout_s=self._timeout_s)
        return self._producer

    def _send(
        self, spec: TaskSpec, task_id: uuid.UUID | None, countdown: timedelta | None, queue: "Queue | None"
    ) -> None:
        self._open().publish(
            ([] if task_id is None else [str(task_id)], {}, {}),
            serializer="json",
            exchange="",
            routing_key=queue.name if queue else str(spec.queue),
            declare=[queue] if queue else None,
            retry=False,
            **_protocol_2(spec, countdown),
        )


class Held(Publisher):
    """Keeps wake-ups back until what they wake for is committed: a worker that came before would find nothing."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._kept: list[tuple[TaskSpec, Mapping[str, Any]]] = []

    def wake(self, spec: TaskSpec, **given: Any) -> bool:
        """Publish it later; as `Publisher.wake`, and always True."""
        self._kept.append((spec, given))
        return True

    def count(self, queue: str) -> int | None:
        """As `Publisher.count`: what is kept back waits nowhere yet."""
        return self._publisher.count(queue)

    def let_go(self) -> None:
        """Publish what was kept back."""
        for spec, given in self._kept:
            self._publisher.wake(spec, **given)

    def close(self) -> None:
        """Nothing is to be closed here."""


def _protocol_2(spec: TaskSpec, countdown: timedelta | None) -> Mapping[str, Any]:
    """Headers and properties of a task message (Celery documentation, "Message Protocol", version 2)."""
    message_id = str(uuid.uuid4())
    return {
        "correlation_id": message_id,
        "headers": {
            "lang": "py",
            "task": spec.name,
            "id": message_id,
            "root_id": message_id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": (datetime.now(UTC) + countdown).isoformat() if countdown else None,
            "expires": None,
            "timelimit": [None, None],
            "ignore_result": True,
            "argsrepr": "",
            "kwargsrepr": "",
            "origin": "oddline",
            **passed_on(),
        },
    }
