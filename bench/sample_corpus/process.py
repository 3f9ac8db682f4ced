"""One program of the site: started, recorded, signalled, and waited for."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psutil

from bench.sample_corpus.recorder import Recorder, SourceOf

STOP_SECONDS = 15.0  # PostgreSQL's fast shutdown writes a checkpoint first
START_SECONDS = 30.0  # crash recovery on a busy machine


@dataclass
class Program:
    """A long-running program whose standard output and error are recorded under `name`.

    `user` runs it as that user; `ready` is asked once its address, if it has one, listens; `source_of` names the source
    line by line where one pipe carries several programs.
    """

    name: str
    argv: Sequence[str]
    recorder: Recorder
    user: str | None = None
    address: tuple[str, int] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    source_of: SourceOf | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    ready: Callable[[], bool] = lambda: True
    _process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready."""
        self._process = subprocess.Popen(
            list(self.argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            cwd=self.cwd,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", **self.env},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.recorder.follow(self._process.stdout, source_of=self.source_of or (lambda _: self.name))
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Return once its address, if it has one, listens and `ready` says yes; TimeoutError when that takes long.

        The list of listening sockets is read, for a connection made to look would leave a line in the log.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            listening = {entry.laddr for entry in psutil.net_connections("tcp") if entry.status == psutil.CONN_LISTEN}
            if self.address in {None, *listening} and self.ready():
                return
            time.sleep(0.1)
        raise TimeoutError(f"{self.name} is not ready")

    @property
    def pid(self) -> int:
        """Process id of the program's first process."""
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for its end; kill it when it does not come in time."""
        assert self._process
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it in good order."""
        if self.running:
            self.signal(self.stop_signal)
        self.wait()

    def kill(self) -> None:
        """End its first process with SIGKILL."""
        self.signal(signal.SIGKILL)
        self.wait()

    def restart(self) -> None:
        """End it in good order and start it again."""
        self.stop()
        self.start()

    def children(self) -> list[int]:
        """Process ids of its direct children, oldest first."""
        found = subprocess.run(
            ["pgrep", "--parent", str(self.pid)], capture_output=True, text=True, check=False
        )  # pgrep exits 1 when there is none
        return sorted(int(word) for word in found.stdout.split())


@contextlib.contextmanager
def limited(
    pids: Iterable[int], *, user: str, nofile: int | None = None, address_space: int | None = None
) -> Iterator[None]:
    """Lower limits of running processes: open files, or bytes of memory.

    Done as the processes' own user, which needs no capability.
    """
    name, low, usual = ("nofile", str(nofile), "1024") if nofile else ("as", str(address_space), "unlimited")
    affected = list(pids)

    def limit(value: str) -> None:
        for pid in affected:
            command = ["prlimit", f"--pid={pid}", f"--{name}={value}:"]
            subprocess.run(command, user=user, group=user, extra_groups=[], check=False)  # it may be gone by now

    limit(low)
    try:
        yield
    finally:
        limit(usual)


def run_once(argv: Sequence[str], *, recorder: Recorder, source: str, env: Mapping[str, str] | None = None) -> int:
    """Run a command to its end (at most 30 s), record what it prints, and return its exit status."""
    done = subprocess.run(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", **(env or {})},
        timeout=30,
        check=False,
    )
    for line in done.stdout.decode("utf-8", errors="backslashreplace").split("\n"):
        recorder.record(line, source=source)
    return done.returncode
