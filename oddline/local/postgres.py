"""The PostgreSQL server of the local stack, made of the binaries in a wheel: one folder, one port on loopback."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from signal import Signals

import psutil

from oddline.errors import AlreadyRunning, StackFailed
from oddline.local.postgres_place import Version, account_for, is_elsewhere, place_binaries, place_data
from oddline.local.processes import (
    Account,
    Child,
    end_leftover,
    is_alive,
    kill_all,
    launcher,
    log_tail,
    spawn,
    wait_until,
)
from oddline.local.state import LOOPBACK, ServerState

SUPERUSER = "postgres"
OWNER = "oddline_owner"
DATABASE = "oddline"

# After a kill -9 it first replays up to max_wal_size of its log, on a slow disk too.
START_PATIENCE_S = 300.0
STOP_PATIENCE_S = 30.0

FAST_SHUTDOWN = Signals.SIGINT
"""Transactions are rolled back, clients are cut off, and the next start has nothing to replay."""

IMMEDIATE_SHUTDOWN = Signals.SIGQUIT
"""As a crash, for data that nobody wants any more."""

LOCALE: dict[Version, tuple[str, ...]] = {
    16: ("--locale=C.UTF-8",),
    18: ("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
}
"""The same order and the same letters on every machine; from 18 on without asking the system's library."""

ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
"""All of it: variables such as PGDATA or PGOPTIONS of whoever starts us must not reach the server."""

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may have 107 bytes only, and a folder's more
    "max_connections": "60",
    "shared_buffers": "192MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",  # our statements are short: compiling them takes longer than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "idle_in_transaction_session_timeout": "60s",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u@%d ",
}


class PostgresServer:
    """A server whose state survives in `folder`; one process at a time may start it.

    It has the database `oddline`, owned by the role `oddline_owner` (no superuser), and the extension `vector` in
    it and in every database made later.
    """

    def __init__(self, folder: Path, *, version: Version = 18) -> None:
        self._folder = folder.absolute()
        self._version = version
        self._child: Child | None = None
        self._link = self._folder / "data"
        self._record = self._folder / "process.json"
        self._log_file = self._folder / "server.log"
        self._state_file = self._folder / "server.json"

    @property
    def owner_url(self) -> str:
        """Connects to `oddline` as its owner; the port may be another one after a start."""
        return self._url(OWNER, DATABASE)

    @property
    def superuser_url(self) -> str:
        """Connects to `postgres` as the superuser."""
        return self._url(SUPERUSER, "postgres")

    def running(self) -> bool:
        """Whether the server that this object started runs."""
        return self._child is not None and self._child.running()

    def start(self) -> None:
        """Start the server, after making its data (first start) or recovering it, and wait until it takes connections.

        It ends with the thread that calls this: see `processes.spawn`.

        Raises:
            AlreadyRunning: another process that still runs started it.
            StackFailed: it did not start; the message holds the end of its log.
        """
        if self.running():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        account = account_for(self._link)
        self.stop()
        data = place_data(self._link, account=account)
        binaries = place_binaries(self._version, near=data.parent, account=account)
        _forget_killed_server(data)
        if not data.exists():
            passwords = ServerState.load_or_make(self._state_file, roles=(SUPERUSER, OWNER)).passwords
            _make_cluster(data, version=self._version, binaries=binaries, account=account, passwords=passwords)
        _check_version(data, version=self._version)
        state = ServerState.load(self._state_file).with_free_port(self._state_file)
        self._launch(data, binaries=binaries, account=account, port=state.port)

    def stop(self) -> None:
        """Shut the server down, whoever left it running, and wait until it has ended; do nothing if none runs.

        Raises:
            AlreadyRunning: another process that still runs started it.
        """
        self._end(FAST_SHUTDOWN)

    def remove(self) -> None:
        """Stop the server and delete its folder with all data, also what lies outside of it."""
        self._end(IMMEDIATE_SHUTDOWN)
        data = self._link.resolve()
        for folder in (data.parent if is_elsewhere(data) else data, self._folder):
            if folder.exists():
                shutil.rmtree(folder)

    def _end(self, stop_signal: Signals) -> None:
        if self._child is not None:
            self._child.end(stop_signal, patience_s=STOP_PATIENCE_S)
            self._child = None
        end_leftover(self._record, stop_signal=stop_signal, patience_s=STOP_PATIENCE_S)

    def _url(self, role: str, database: str) -> str:
        state = ServerState.load(self._state_file)
        return f"postgresql://{role}:{state.passwords[role]}@{LOOPBACK}:{state.port}/{database}"

    def _launch(self, data: Path, *, binaries: Path, account: Account | None, port: int) -> None:
        settings = {**SETTINGS, "port": str(port)}
        child = self._child = spawn(
            [str(binaries / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())],
            record=self._record,
            log_file=self._log_file,
            death_signal=FAST_SHUTDOWN,
            env=ENVIRONMENT,
            cwd=data.parent,
            account=account,
        )
        wait_until(lambda: _is_ready(data) or not child.running(), patience_s=START_PATIENCE_S)
        if not (child.running() and _is_ready(data)):
            self.stop()
            raise StackFailed(f"PostgreSQL {self._version} did not start in {data}:\n{log_tail(self._log_file)}")


def _is_ready(data: Path) -> bool:
    """Whether the server says so in the eighth line of its pid file, as `pg_ctl --wait` asks."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _forget_killed_server(data: Path) -> None:
    """End the backends that outlive a killed server, whose shared memory they hold, and remove its pid file.

    The pid in it may be another program's by now, which the next server would take for a server.

    Raises:
        AlreadyRunning: the server lives, and this folder has no record of it.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    server = int(pid_file.read_text().split(maxsplit=1)[0])
    if server in {process.pid for process in _working_in(data)}:
        raise AlreadyRunning(f"PostgreSQL {server} works in {data} and was not started from here", pid=server)
    kill_all(lambda: _working_in(data))
    pid_file.unlink(missing_ok=True)


def _working_in(data: Path) -> Iterator[psutil.Process]:
    """The server processes of a data folder: each has a session of its own, and no environment to know it by."""
    for process in psutil.process_iter():
        try:
            here = process.cwd() == str(data) and process.name() == "postgres"
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # ended meanwhile, or another user's, so not ours
            continue
        if here and is_alive(process):
            yield process


def _making(new: Path) -> Iterator[psutil.Process]:
    """The processes that were told to make a data folder: initdb, which works elsewhere, and those that it starts."""
    for process in psutil.process_iter():
        try:
            told = str(new) in process.cmdline() and process.pid != os.getpid()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if told and is_alive(process):
            yield process


def _check_version(data: Path, *, version: Version) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != str(version):
        raise StackFailed(f"{data} is of PostgreSQL {made_by}, and {version} cannot read it: ODDLINE_POSTGRES_VERSION")


def _make_cluster(
    data: Path, *, version: Version, binaries: Path, account: Account | None, passwords: dict[str, str]
) -> None:
    """Make the data under another name and rename it when it is complete, so that a crash leaves nothing halfway."""
    new = data.with_name("data.new")
    kill_all(lambda: chain(_making(new), _working_in(new)))  # what a killed first start left over
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    if account is not None:
        os.chown(new, account.uid, account.gid)
    trust = ("--auth-local=reject", "--auth-host=scram-sha-256", f"--username={SUPERUSER}")
    initdb = (str(binaries / "initdb"), "-D", str(new), "--data-checksums", "--encoding=UTF8", *LOCALE[version], *trust)
    _run(initdb, statements=(), cwd=data.parent, account=account)
    # A server without a port, so that at no time is there one without passwords.
    single = (str(binaries / "postgres"), "--single", "-D", str(new), "-c", "exit_on_error=on", "template1")
    _run(single, statements=_first_statements(passwords), cwd=data.parent, account=account)
    new.rename(data)


def _first_statements(passwords: dict[str, str]) -> Sequence[str]:
    """What the superuser says first; made by `secrets.token_urlsafe`, no password holds a quote."""
    return (
        f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords[SUPERUSER]}'",
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD '{passwords[OWNER]}'",
        "CREATE EXTENSION vector",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    )


def _run(argv: Sequence[str], *, statements: Sequence[str], cwd: Path, account: Account | None) -> None:
    done = subprocess.run(
        [*launcher(death_signal=Signals.SIGKILL, account=account), *argv],
        check=False,
        input="".join(f"{statement};\n" for statement in statements),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
        cwd=cwd,
    )
    if done.returncode != 0:
        raise StackFailed(f"{Path(argv[0]).name} failed in {cwd}:\n{done.stdout}")
