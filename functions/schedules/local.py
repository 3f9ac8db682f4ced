"""Run the schedules on one machine: `python -m functions.schedules.local`."""

import logging
import signal
import threading

from functions.schedules.app import HANDLERS
from oddline.catalogue import CATALOGUE
from oddline.local.schedule_runner import run
from oddline.settings import load_settings


def main() -> None:
    """Fire the schedules until a signal asks to stop."""
    logging.basicConfig(level=load_settings().log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    schedules = {spec.name: schedule.expression for spec, schedule in CATALOGUE.scheduled()}
    run(schedules, HANDLERS, stopped=stopped)


if __name__ == "__main__":
    main()
