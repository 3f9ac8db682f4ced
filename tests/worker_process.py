"""A worker as a process of its own, started as the supervisor does it."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from oddline.local.processes import Child, log_tail, spawn

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Worker:
    """A worker that runs, and where it logs."""

    child: Child
    log_file: Path

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until the worker has brought something about."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.child.running(), log_tail(self.log_file, lines=60)
            assert time.monotonic() < deadline, log_tail(self.log_file, lines=60)
            time.sleep(LOOK_EVERY_S)


@contextmanager
def running_worker(app: str, *, variables: Mapping[str, str], folder: Path) -> Iterator[Worker]:
    """A worker with one child, for as long as the block lasts; `folder` holds its log."""
    options = "worker --without-gossip --without-mingle --without-heartbeat --loglevel INFO"
    log_file = folder / "worker.log"
    child = spawn(
        [sys.executable, "-m", "celery", "--app", app, *options.split()],
        record=folder / "worker.json",
        log_file=log_file,
        death_signal=Signals.SIGTERM,
        env=dict(os.environ)
        | {
            "ODDLINE_HOME": str(folder),
            "ODDLINE_WORKER_CONCURRENCY": "1",
            "ODDLINE_LEASE": "PT1S",
            "ODDLINE_SOFT_SHUTDOWN_TIMEOUT": "1",
            "REMAP_SIGTERM": "SIGQUIT",
        }
        | variables,
        cwd=folder,
    )
    try:
        yield Worker(child, log_file)
    finally:
        child.end(Signals.SIGTERM, patience_s=10)
