"""A worker as a process of its own, with one child, as the supervisor starts it."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from oddline.local.processes import Child, log_tail, spawn

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Worker:
    """A worker that runs, and where its output goes."""

    child: Child
    log_file: Path

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until the worker has brought something about."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.child.running(), log_tail(self.log_file, lines=60)
            assert time.monotonic() < deadline, log_tail(self.log_file, lines=60)
            time.sleep(LOOK_EVERY_S)


StartWorker = Callable[..., AbstractContextManager[Worker]]


@contextmanager
def running_worker(
    app: str, *, home: Path, database_url: str, redis_url: str, queues: str = "", **settings: str
) -> Iterator[Worker]:
    """Run the worker of a Celery app for as long as the block lasts; of all queues where none are named."""
    env = dict(os.environ) | {
        "ODDLINE_HOME": str(home),
        "ODDLINE_OBJECTS_URL": str(home / "objects"),
        "ODDLINE_DATABASE_URL_WORKER": database_url,
        "ODDLINE_REDIS_URL": redis_url,
        "ODDLINE_WORKER_CONCURRENCY": "1",
        "ODDLINE_LEASE": "PT1S",
        "ODDLINE_SOFT_SHUTDOWN_TIMEOUT": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS / "integration")]),
        "REMAP_SIGTERM": "SIGQUIT",
        **settings,
    }
    options = "worker --without-gossip --without-mingle --without-heartbeat --task-events --loglevel INFO"
    served = ["--queues", queues] if queues else []
    log_file = home / "worker.log"
    child = spawn(
        [sys.executable, "-m", "celery", "--app", app, *options.split(), *served],
        record=home / "worker.json",
        log_file=log_file,
        death_signal=Signals.SIGTERM,
        env=env,
        cwd=home,
    )
    try:
        yield Worker(child, log_file)
    finally:
        child.end(Signals.SIGTERM, patience_s=10)
