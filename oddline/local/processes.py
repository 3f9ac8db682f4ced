"""Keeps child processes: they end with the one who started them, and what was left over is found and ended."""

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from typing import Self
from uuid import uuid4

import psutil

from oddline.errors import AlreadyRunning, StackFailed
from oddline.local.state import write_private

# Names the record of a process in the environment that its descendants inherit.
MARK = "ODDLINE_PROCESS"

# The kernel counts a start from the boot, and the time of the boot moves a little when the clock is set.
SAME_START_S = 2.0

LOG_LIMIT_BYTES = 20_000_000
POLL_S = 0.02
KILL_PATIENCE_S = 10.0

_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Account:
    """The user and group that a program runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Identity:
    """A process beyond its pid, which may be given to another one later."""

    pid: int
    started: float
    """Seconds since 1970."""

    @classmethod
    def of(cls, process: psutil.Process) -> Self:
        """The identity of a process that is there."""
        return cls(pid=process.pid, started=process.create_time())

    def find(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SAME_START_S
        except psutil.NoSuchProcess:
            return None
        return process if same and is_alive(process) else None


@dataclass(frozen=True)
class Record:
    """A file that tells a later start what may have been left over."""

    process: Identity
    parent: Identity
    mark: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What `path` holds; None where there is nothing."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(
            process=Identity(**fields["process"]),
            parent=Identity(**fields["parent"]),
            mark=fields["mark"],
        )


class Child:
    """A running child process, made by `spawn`."""

    def __init__(self, process: subprocess.Popen[bytes], *, mark: str, record: Path) -> None:
        self._process = process
        self._mark = mark
        self._record = record

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its session and process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; after that its exit code, or minus the signal that ended it."""
        return self._process.poll()

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.exit_code is None

    def end(self, stop_signal: Signals, *, patience_s: float) -> None:
        """Send it `stop_signal`, kill it if it has not ended after `patience_s`, then kill what it leaves behind."""
        self._process.send_signal(stop_signal)
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        kill_all(lambda: _marked(self._mark))
        self._record.unlink(missing_ok=True)


def spawn(
    argv: Sequence[str],
    *,
    record: Path,
    log_file: Path,
    death_signal: Signals,
    env: Mapping[str, str],
    cwd: Path,
    account: Account | None = None,
) -> Child:
    """Start a program in a session of its own, its output appended to `log_file`.

    Linux sends it `death_signal` when the thread that calls this ends, however that ends: so call it from a thread
    that lives as long as the child is to. `record` lets `end_leftover` find what even that does not reach.

    `argv[0]` is a path; no shell and no `PATH` is asked. `env` is all of its environment.

    Raises:
        OSError: the log or the record cannot be written.
    """
    mark = uuid4().hex
    _make_room(log_file)
    with log_file.open("ab") as log:
        log_file.chmod(0o600)  # what is logged may quote what is stored
        process = subprocess.Popen(
            [*launcher(death_signal=death_signal, account=account), *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**env, MARK: mark},
            cwd=cwd,
            start_new_session=True,
        )
    child, parent = Identity.of(psutil.Process(process.pid)), Identity.of(psutil.Process())
    try:
        write_private(record, json.dumps(asdict(Record(process=child, parent=parent, mark=mark))))
    except OSError:
        process.kill()
        process.wait()
        raise
    return Child(process, mark=mark, record=record)


def launcher(*, death_signal: Signals, account: Account | None) -> list[str]:
    """What to put before a program's arguments so that it runs as `account` (None: as we do) and ends with us."""
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    numbers = (os.getpid(), int(death_signal), uid, gid)
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, numbers)]


def end_leftover(record: Path, *, stop_signal: Signals, patience_s: float) -> None:
    """End what an earlier run left over, as `Child.end` does; a process that only has the same pid is left alone.

    Raises:
        AlreadyRunning: it is no leftover: another process started it and still runs.
    """
    kept = Record.read(record)
    if kept is None:
        return
    leader = kept.process.find()
    if leader is not None:
        if kept.parent.pid != os.getpid() and kept.parent.find() is not None:
            raise AlreadyRunning(f"process {kept.parent.pid} runs what {record} records", pid=kept.parent.pid)
        with suppress(psutil.NoSuchProcess):  # it may end by itself just now
            leader.send_signal(stop_signal)
        wait_until(lambda: not is_alive(leader), patience_s=patience_s)
        kill_all(lambda: filter(is_alive, [leader]))
    kill_all(lambda: _marked(kept.mark))
    record.unlink(missing_ok=True)


def kill_all(find: Callable[[], Iterator[psutil.Process]]) -> None:
    """Kill the processes that `find` yields until it yields none: one may start another while it is looked for.

    Raises:
        StackFailed: some are still there after 10 seconds.
    """

    def none_left() -> bool:
        found = list(find())
        for process in found:
            with suppress(psutil.NoSuchProcess):  # it ended between the look and the kill
                process.kill()
        return not found

    if not wait_until(none_left, patience_s=KILL_PATIENCE_S):
        raise StackFailed(f"processes outlive SIGKILL: {[process.pid for process in find()]}")


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended and that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], *, patience_s: float) -> bool:
    """Whether `condition` came true within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def package_folder(name: str) -> Path:
    """Where an installed package lies; it is not imported, which may do what nobody asked for.

    Raises:
        StackFailed: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise StackFailed(f"the package {name} is not installed: oddline[local] brings it")
    return Path(spec.origin).parent


def log_tail(log_file: Path, *, lines: int = 20) -> str:
    """The last lines of a log, to tell why its writer failed."""
    with log_file.open(encoding="utf-8", errors="replace") as log:
        return "".join(deque(log, maxlen=lines))


def _make_room(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > LOG_LIMIT_BYTES:
        log_file.replace(log_file.with_name(log_file.name + ".1"))


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            inherited = process.environ().get(MARK)
        except (
            psutil.NoSuchProcess,
            psutil.AccessDenied,
        ):  # ended meanwhile, or another user's, so not ours
            continue
        if inherited == mark and is_alive(process):
            yield process
