"""Signs of life as events, for Flower and `oddline workers events`, that never keep a worker from ending."""

from typing import Any

from celery.worker import heartbeat


class Heart(heartbeat.Heart):  # type: ignore[misc]  # Celery has no type information
    """Celery's own, but for beats that are tried once.

    Celery tries each without end while Redis is away, and holds the lock that the last event of a worker needs: such a
    worker would never end. What is not sent is sent once Redis is back.
    """

    def _send(self, event: str, retry: bool = False) -> Any:  # noqa: ARG002  # Celery's signature
        return super()._send(event, retry=False)


def beat_once() -> None:
    """Have the workers of this process use it; Celery has no setting for it."""
    heartbeat.Heart = Heart
