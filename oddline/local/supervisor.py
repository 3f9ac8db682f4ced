"""Run the whole of Oddline on one machine: start each part, start it again when it dies, stop all of it together."""

import fcntl
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Protocol

from oddline.database import ROLES
from oddline.database.migrate import migrate
from oddline.errors import AlreadyRunning, OddlineError
from oddline.local.postgres import PostgresServer
from oddline.local.processes import Child, end_leftover, spawn
from oddline.local.stack import Stack
from oddline.local.state import ServerState
from oddline.local.valkey import ValkeyServer
from oddline.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0  # before a part that died is started again; doubled each time
STEADY_S = 30.0  # a part that ran this long begins with the first pause again
STOP_PATIENCE_S = 20.0
LOCAL_SOFT_SHUTDOWN_S = 8.0  # at Ctrl-C nobody waits half a minute; what is cut off is scored after the next start


class Server(Protocol):
    """PostgreSQL or Valkey."""

    def start(self) -> None:
        """Start it and wait until it answers."""

    def stop(self) -> None:
        """Stop it and wait until it has ended."""

    def running(self) -> bool:
        """Whether it runs."""


class Program:
    """One of our own programs, started and watched like a server."""

    def __init__(self, name: str, argv: list[str], *, home: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._argv = argv
        self._home = home
        self._env = env
        self._record = home / f"{name}.json"
        self._child: Child | None = None

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self._home / f"{self.name}.log"

    def running(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.running()

    def ended_as_asked(self) -> bool:
        """Whether it has ended by itself and well: as a worker does at `oddline workers restart`."""
        return self._child is not None and self._child.exit_code == 0

    def start(self) -> None:
        """Start it, after ending what an earlier run left of it."""
        self.stop()
        self._child = spawn(
            self._argv,
            record=self._record,
            log_file=self.log_file,
            death_signal=Signals.SIGTERM,
            env=self._env,
            cwd=Path.cwd(),
        )

    def stop(self) -> None:
        """Ask it to end, and see to it that it has."""
        if self._child is not None:
            self._child.end(Signals.SIGTERM, patience_s=STOP_PATIENCE_S)
            self._child = None
        end_leftover(self._record, stop_signal=Signals.SIGTERM, patience_s=STOP_PATIENCE_S)


@dataclass(slots=True)
class Watched:
    """A part and how its restarts went."""

    name: str
    part: Server
    pause_s: float = FIRST_PAUSE_S
    started_at: float = field(default_factory=time.monotonic)
    start_after: float | None = None


class Supervisor:
    """All parts of one home folder, to be used from the main thread: they end with the thread that started them."""

    api_app = "functions.asgi:app"
    """What uvicorn serves; tests put one in its place that can be broken."""
    worker_app = "worker_image.worker.app"
    """What Celery runs."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None] = log.info, with_flower: bool = False) -> None:
        self._settings = settings
        self._home = settings.home.absolute()
        self._say = say
        self._with_flower = with_flower
        self._postgres = PostgresServer(self._home / "postgres", version=settings.postgres_version)
        self._valkey = ValkeyServer(self._home / "valkey")
        self._watched: list[Watched] = []
        self._told_addresses = ("", "")

    @contextmanager
    def running(self) -> Iterator[Stack]:
        """Everything started, for as long as the block lasts.

        Raises:
            AlreadyRunning: another supervisor has this home folder.
            StackFailed: a part did not start.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self._home / "lock"):
            try:
                yield self._start()
            finally:
                self._stop()

    def forget(self) -> None:
        """Delete the home folder of a stack that does not run, and what its servers keep outside of it."""
        self._postgres.remove()
        self._valkey.remove()
        if self._home.exists():
            shutil.rmtree(self._home)

    def watch(self, *, until: Callable[[], bool]) -> None:
        """Start again what dies, until `until` says that it is enough."""
        while not until():
            for watched in self._watched:
                self._look_at(watched, now=time.monotonic())
            time.sleep(LOOK_EVERY_S)

    def _start(self) -> Stack:
        if not self._settings.redis_url:
            self._say("starting Valkey")
            self._add("valkey", self._valkey)
        if not self._settings.database_url:
            self._say("starting PostgreSQL")
            self._add("postgres", self._postgres)
        return self._start_programs()

    def _start_programs(self) -> Stack:
        self._told_addresses = owner_url, redis_url = self._addresses()
        passwords = ServerState.load_or_make(self._home / "roles.json", roles=ROLES).passwords
        self._say("migrating the database")
        migrate(owner_url, passwords=passwords)
        stack = Stack.prepare(
            self._settings,
            owner_url=owner_url,
            passwords=passwords,
            redis_url=redis_url,
            with_flower=self._with_flower,
        )
        if self._settings.port and stack.port != self._settings.port:
            self._say(f"port {self._settings.port} is not free; the API gets {stack.port}")
        self._say("starting the API, a worker and the schedules")
        for program in self._programs(stack):
            self._add(program.name, program)
        return stack

    def _programs(self, stack: Stack) -> list[Program]:
        env = dict(os.environ) | stack.environment() | {"PYTHONUNBUFFERED": "1", "REMAP_SIGTERM": "SIGQUIT"}
        env["ODDLINE_SOFT_SHUTDOWN_TIMEOUT"] = str(LOCAL_SOFT_SHUTDOWN_S)
        worker = f"--app {self.worker_app} worker --without-gossip --without-mingle --without-heartbeat --task-events"
        api = f"{self.api_app} --host {self._settings.host} --port {stack.port} --no-access-log"
        commands = {
            "api": ["-m", "uvicorn", *api.split(), "--log-level", "warning"],
            "worker": ["-m", "celery", *worker.split(), "--loglevel", self._settings.log_level],
            "schedules": ["-m", "functions.schedules.local"],
        }
        if stack.flower_url:
            commands["flower"] = ["-m", "worker_image.flower", stack.flower_url.rpartition(":")[2]]
        return [
            Program(name, [sys.executable, *arguments], home=self._home, env=env)
            for name, arguments in commands.items()
        ]

    def _add(self, name: str, part: Server) -> None:
        part.start()
        self._watched.append(Watched(name=name, part=part))

    def _look_at(self, watched: Watched, *, now: float) -> None:
        if watched.part.running():
            if now - watched.started_at > STEADY_S:
                watched.pause_s = FIRST_PAUSE_S
            return
        if watched.start_after is None:
            self._say(f"{watched.name} {_end_of(watched.part)}; starting it again")
            watched.start_after = now + watched.pause_s
            watched.pause_s = min(watched.pause_s * 2, LONGEST_PAUSE_S)
        elif now >= watched.start_after:
            watched.start_after = None
            watched.started_at = now
            try:
                watched.part.start()
            except (OddlineError, OSError) as error:
                log.warning("%s did not start: %s", watched.name, error)
            else:
                self._follow_addresses()

    def _follow_addresses(self) -> None:
        """Start our programs anew when a server came back on another port, since its own was taken meanwhile."""
        if self._addresses() == self._told_addresses:
            return
        for watched in [one for one in self._watched if isinstance(one.part, Program)]:
            watched.part.stop()
            self._watched.remove(watched)
        self._start_programs()

    def _addresses(self) -> tuple[str, str]:
        """Of PostgreSQL (as its owner) and Redis."""
        return (
            self._settings.database_url or self._postgres.owner_url,
            self._settings.redis_url or self._valkey.url,
        )

    def _stop(self) -> None:
        for watched in reversed(self._watched):
            self._say(f"stopping {watched.name}")
            watched.part.stop()
        self._watched.clear()


def _end_of(part: Server) -> str:
    return "ended as it was asked to" if isinstance(part, Program) and part.ended_as_asked() else "died"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the home folder: the kernel lets go of it however we end."""
    with lock.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning("the local stack of this folder runs already: `oddline status` tells where") from error
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield
