"""The local runner as its process: it notices schedules within seconds, and a kill costs no run and doubles none."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import Signals
from uuid import UUID

import pytest
from reading import Databases
from scheduling import runs, scheduled, tasks_of
from worker_process import LOOK_EVERY_S, PATIENCE_S

from oddline.local.processes import Child, log_tail, spawn
from oddline.settings import Side

StartRunner = Callable[[], Child]


@pytest.fixture
def start_runner(database_urls: dict[Side, str], redis_url: str, tmp_path: Path) -> Iterator[StartRunner]:
    """Starts a runner, as the supervisor does."""
    env = dict(os.environ) | {
        "ODDLINE_HOME": str(tmp_path),
        "ODDLINE_DATABASE_URL_WORKER": database_urls["worker"],
        "ODDLINE_REDIS_URL": redis_url,
    }
    started: list[Child] = []

    def start() -> Child:
        child = spawn(
            [sys.executable, "-m", "functions.schedules.local"],
            record=tmp_path / f"runner{len(started)}.json",
            log_file=tmp_path / "runner.log",
            death_signal=Signals.SIGTERM,
            env=env,
            cwd=Path(__file__).resolve().parents[2],
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.end(Signals.SIGTERM, patience_s=10)


def wait_for(condition: Callable[[], bool], *, log_file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, log_tail(log_file)
        time.sleep(LOOK_EVERY_S)


def soon(*, seconds: int) -> str:
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def test_a_runner_notices_new_schedules_and_a_killed_one_leaves_the_rest_to_the_next(
    start_runner: StartRunner, db: Databases, project: UUID, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    log_file = tmp_path / "runner.log"
    runner = start_runner()
    first = scheduled(db, project, now=now, expression=soon(seconds=2))
    wait_for(lambda: bool(runs(db, first)), log_file=log_file)

    runner.end(Signals.SIGKILL, patience_s=10)
    while_away = scheduled(db, project, now=now, expression=soon(seconds=1))
    two_at_once = [start_runner(), start_runner()]
    wait_for(lambda: bool(runs(db, while_away)), log_file=log_file)
    for one in two_at_once:
        one.end(Signals.SIGTERM, patience_s=10)

    assert [outcome for _, outcome, _ in runs(db, first) + runs(db, while_away)] == ["started", "started"]
    assert len(tasks_of(db, project)) == 2
