"""What the routes of a function stand on, opened at its first request: a cold start pays for what it uses."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from oddline.database import Database
from oddline.metrics import OFF, Metrics, open_metrics
from oddline.objects import ObjectStore, open_objects
from oddline.settings import Settings, Side, load_settings
from oddline.tasks import Clock, Publisher, utc_now


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes use. One per process, shared by its threads."""

    settings: Settings
    db: Database
    publisher: Publisher
    objects: ObjectStore
    clock: Clock = utc_now
    metrics: Metrics = OFF


class Opener:
    """Opens the parts once, whichever thread asks first."""

    def __init__(self, open_: Callable[[], Parts]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._parts: Parts | None = None

    def __call__(self) -> Parts:
        """The parts.

        Raises:
            NotConfigured: a setting that they need is not set.
        """
        with self._lock:
            if self._parts is None:
                self._parts = self._open()
            return self._parts


def open_parts(side: Side) -> Parts:
    """The parts of a function that connects to the database as `side`, from the process's settings.

    Raises:
        NotConfigured: a setting that they need is not set.
    """
    settings = load_settings()
    return Parts(
        settings=settings,
        db=Database(settings.database_url_for(side), size=settings.database_pool_size, application=f"oddline-{side}"),
        publisher=Publisher(settings.redis_url, timeout_s=settings.publish_timeout, pause_s=settings.publish_pause),
        objects=open_objects(settings),
        metrics=open_metrics(settings),
    )


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    opener: Callable[[], Parts] = request.app.state.parts
    return opener()
