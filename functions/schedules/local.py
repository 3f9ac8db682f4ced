"""Run the schedules on one machine: `python -m functions.schedules.local`."""

import logging
import signal
import threading
from collections.abc import Sequence
from datetime import datetime

from functions.schedules.app import HANDLERS, parts, user_schedule
from oddline.catalogue import CATALOGUE
from oddline.local.schedule_runner import run
from oddline.schedules import due
from oddline.settings import load_settings

MOST_AT_ONCE = 100  # schedules of users that are fired in a second


def main() -> None:
    """Fire the schedules until a signal asks to stop."""
    logging.basicConfig(level=load_settings().log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    schedules = {spec.name: schedule.expression for spec, schedule in CATALOGUE.scheduled()}
    run(schedules, HANDLERS, stopped=stopped, due=_due, user_schedule=user_schedule)


def _due(now: datetime) -> Sequence[str]:
    with parts().db.transaction() as tx:
        return [str(schedule) for schedule in due(tx, before=now, limit=MOST_AT_ONCE)]


if __name__ == "__main__":
    main()
