"""Print what workers tell of themselves as it happens: Celery's events, which they send while somebody listens."""

import json
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.events import EventReceiver
from kombu import Connection

from oddline.catalogue import CATALOGUE
from oddline.settings import load_settings
from worker_image.worker.configuration import configure

ASKED_AGAIN_AFTER_S = 10.0  # for workers that came later, and since others who stop listening stop all events
REMEMBERED = 10_000  # tasks whose name is known: only the first event of each says it


class Listener(EventReceiver):  # type: ignore[misc]  # Celery has no type information
    """Prints events, one a line, and sees to it that workers send them."""

    def __init__(self, app: Celery, connection: Connection, *, as_json: bool) -> None:
        super().__init__(connection, handlers={"*": self._print}, app=app)
        self._as_json = as_json
        self._names: dict[str, str] = {}
        self._asked_at = float("-inf")

    def on_iteration(self) -> None:
        """Ask all workers for events of tasks, from time to time."""
        if time.monotonic() - self._asked_at > ASKED_AGAIN_AFTER_S:
            self._asked_at = time.monotonic()
            self.app.control.enable_events(connection=self.connection)

    def _print(self, event: dict[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(event, default=str), flush=True)  # noqa: T201  # that is what it is for
        elif event["type"] != "worker-heartbeat":
            print(self._line(event), flush=True)  # noqa: T201

    def _line(self, event: dict[str, Any]) -> str:
        task = event.get("uuid", "")
        if "name" in event:
            self._names[task] = event["name"]
            while len(self._names) > REMEMBERED:
                self._names.pop(next(iter(self._names)))
        took = f"{event['runtime']:.3f} s" if event.get("runtime") is not None else ""
        at = datetime.fromtimestamp(event["timestamp"], UTC)
        told = [f"{at:%H:%M:%S.%f}"[:-3], event["hostname"], event["type"], self._names.get(task, ""), took]
        return "  ".join(one for one in told if one)


def listen(*, as_json: bool) -> None:
    """Print events until a signal asks to stop."""
    app = Celery("oddline", set_as_current=False)
    app.conf.update(configure(load_settings(), CATALOGUE))
    with app.connection_for_read() as connection:
        try:
            Listener(app, connection, as_json=as_json).capture(wakeup=False)
        except KeyboardInterrupt:
            app.control.disable_events(connection=connection)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell that starts us in the background has it ignored
    listen(as_json="--json" in sys.argv[1:])
