"""Child processes of the local stack end when they should, and nothing else does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from signal import Signals

import psutil
import pytest

from oddline.errors import AlreadyRunning
from oddline.local.processes import (
    LOG_LIMIT_BYTES,
    Child,
    Identity,
    Record,
    end_leftover,
    is_alive,
    log_tail,
    spawn,
    wait_until,
)

PATIENCE_S = 10.0

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
MOTHER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
SUPERVISOR = """
import sys, time
from pathlib import Path
from signal import Signals
from oddline.local.processes import spawn
folder = Path(sys.argv[1])
program = [sys.executable, "-c", sys.argv[2]]
record, log_file = folder / "record", folder / "log"
spawn(program, record=record, log_file=log_file, death_signal=Signals.SIGTERM, env={}, cwd=folder)
print("ready", flush=True)
time.sleep(600)
"""

Start = Callable[[str], Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a Python program as a child recorded in `tmp_path` and waits until it has printed something."""
    children: list[Child] = []

    def run(program: str) -> Child:
        child = spawn(
            [sys.executable, "-c", program],
            record=tmp_path / "record",
            log_file=tmp_path / "log",
            death_signal=Signals.SIGTERM,
            env={"COLOUR": "red"},
            cwd=tmp_path,
        )
        children.append(child)
        assert wait_until(lambda: log_tail(tmp_path / "log") != "" or not child.running(), patience_s=PATIENCE_S)
        return child

    yield run
    for child in children:
        child.end(Signals.SIGKILL, patience_s=PATIENCE_S)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Runs another process that starts a Python program recorded in `tmp_path`."""
    started: list[subprocess.Popen[str]] = []

    def run(program: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", SUPERVISOR, str(tmp_path), program]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert wait_until(lambda: log_tail(tmp_path / "log") != "", patience_s=PATIENCE_S)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
    end_leftover(tmp_path / "record", stop_signal=Signals.SIGKILL, patience_s=PATIENCE_S)


def recorded(folder: Path) -> Record:
    record = Record.read(folder / "record")
    assert record is not None
    return record


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or not is_alive(psutil.Process(pid))


def test_a_child_sees_only_the_environment_that_it_is_given(start: Start, tmp_path: Path) -> None:
    start("import os; print(sorted(set(os.environ) - {'LC_CTYPE', '__CF_USER_TEXT_ENCODING'}))")

    assert log_tail(tmp_path / "log") == "['COLOUR', 'ODDLINE_PROCESS']\n"


def test_a_child_tells_its_exit_code(start: Start) -> None:
    child = start("raise SystemExit(7)")

    assert wait_until(lambda: not child.running(), patience_s=PATIENCE_S)
    assert child.exit_code == 7


def test_a_child_ends_by_the_signal_it_is_sent(start: Start, tmp_path: Path) -> None:
    child = start(SLEEPER)

    child.end(Signals.SIGTERM, patience_s=PATIENCE_S)

    assert child.exit_code == -signal.SIGTERM
    assert not (tmp_path / "record").exists()


def test_a_child_that_ignores_its_signal_is_killed(start: Start) -> None:
    child = start(DEAF)

    child.end(Signals.SIGTERM, patience_s=0.05)

    assert child.exit_code == -signal.SIGKILL


def test_ending_a_child_ends_its_own_children_even_in_sessions_of_their_own(start: Start, tmp_path: Path) -> None:
    child = start(MOTHER)
    grandchild = int(log_tail(tmp_path / "log"))

    child.end(Signals.SIGTERM, patience_s=PATIENCE_S)

    assert gone(grandchild)


def test_children_of_a_child_that_was_killed_are_ended_too(start: Start, tmp_path: Path) -> None:
    child = start(MOTHER)
    grandchild = int(log_tail(tmp_path / "log"))
    os.kill(child.pid, signal.SIGKILL)

    child.end(Signals.SIGTERM, patience_s=PATIENCE_S)

    assert gone(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_a_child_ends_when_its_parent_is_killed(
    supervisor: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    parent = supervisor(SLEEPER)
    child = recorded(tmp_path).process.pid

    parent.kill()

    assert wait_until(lambda: gone(child), patience_s=PATIENCE_S)


def test_what_outlives_its_killed_parent_is_ended_by_the_next_start(
    supervisor: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    parent = supervisor(DEAF)
    child = recorded(tmp_path).process.pid
    parent.kill()
    parent.wait()

    end_leftover(tmp_path / "record", stop_signal=Signals.SIGTERM, patience_s=0.05)

    assert gone(child)
    assert not (tmp_path / "record").exists()


def test_a_grandchild_whose_parent_and_grandparent_were_killed_is_ended_by_the_next_start(
    supervisor: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    parent = supervisor(MOTHER)
    grandchild = int(log_tail(tmp_path / "log"))
    parent.kill()
    parent.wait()

    end_leftover(tmp_path / "record", stop_signal=Signals.SIGTERM, patience_s=PATIENCE_S)

    assert gone(grandchild)


def test_a_child_of_a_living_process_is_no_leftover(
    supervisor: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    supervisor(SLEEPER)
    child = recorded(tmp_path).process.pid

    with pytest.raises(AlreadyRunning):
        end_leftover(tmp_path / "record", stop_signal=Signals.SIGTERM, patience_s=PATIENCE_S)

    assert not gone(child)


def test_another_process_with_the_recorded_pid_is_left_alone(start: Start, tmp_path: Path) -> None:
    child = start(SLEEPER)
    stranger = Record(
        process=replace(Identity.of(psutil.Process(child.pid)), started=1_000_000_000.0),
        parent=Identity(pid=1, started=1_000_000_000.0),
        mark="another",
    )
    (tmp_path / "record").write_text(json.dumps(asdict(stranger)))

    end_leftover(tmp_path / "record", stop_signal=Signals.SIGKILL, patience_s=PATIENCE_S)

    assert child.running()
    assert not (tmp_path / "record").exists()


def test_without_a_record_nothing_is_left_over(tmp_path: Path) -> None:
    end_leftover(tmp_path / "record", stop_signal=Signals.SIGKILL, patience_s=PATIENCE_S)


def test_a_log_that_has_grown_large_is_set_aside_at_a_start(start: Start, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        log.truncate(LOG_LIMIT_BYTES + 1)

    start(SLEEPER)

    assert log_tail(tmp_path / "log") == "ready\n"
    assert (tmp_path / "log.1").stat().st_size == LOG_LIMIT_BYTES + 1


@pytest.mark.parametrize("name", ["record", "log"])
def test_records_and_logs_are_for_nobody_else_to_read(start: Start, tmp_path: Path, name: str) -> None:
    start(SLEEPER)

    assert (tmp_path / name).stat().st_mode & 0o077 == 0
