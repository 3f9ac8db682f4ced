"""Oddline's worker, whose pool never ends: `celery --app hanging_worker worker`."""

import time
from typing import Any

from celery.concurrency.prefork import TaskPool

from worker_image.worker import ending
from worker_image.worker.app import app

__all__ = ["app"]


def hang(*_: Any) -> None:
    while True:
        time.sleep(60)


ending.GRACE_S = 1.0  # type: ignore[misc]
TaskPool.on_stop = hang
