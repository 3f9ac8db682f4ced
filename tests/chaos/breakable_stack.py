"""A local stack that can be broken anywhere: proxies before its servers, places to break at, its insides to look at."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from signal import Signals
from typing import Any

import httpx
import psutil
import psycopg
from breakable_up import POSTGRES_PORT, VALKEY_PORT, at_port
from points import order
from proxy import Proxy
from running_stack import RunningStack, wait_until

from oddline.database import Database
from oddline.identity import Scope, create_key, ensure_project
from oddline.local.state import ServerState
from oddline.settings import DEFAULT_MODEL
from oddline.submissions import new_id
from oddline.tasks import Publisher, TaskSpec, enqueue, utc_now

HERE = Path(__file__).parent
BUCKET = "chaos"
BODY_OBJECT_BYTES = 16 * 1024
REACHED_S = 60.0
PARTS = ("api", "worker", "schedules", "valkey/process", "postgres/process")


class BreakableStack(RunningStack):
    """`oddline up` with two projects, its objects in S3.

    Args:
        home: its folder.
        aws_url: a server that stands in for AWS.
        env: settings beyond those of every stack.
    """

    up = (str(HERE / "breakable_up.py"), "up")

    def __init__(self, home: Path, *, aws_url: str, env: Mapping[str, str] | None = None) -> None:
        self.valkey = Proxy(lambda: self._port_of("valkey"))
        self.postgres = Proxy(lambda: self._port_of("postgres"))
        self.objects = Proxy(lambda: int(aws_url.rpartition(":")[2]))
        self.model = home.parent / "model"
        shutil.copytree(DEFAULT_MODEL, self.model)
        self.keys: list[str] = []
        self.ahead = timedelta()  # of its clock
        self.level_mb: int | None = None  # of memory, once it has worked undisturbed
        settings = {
            POSTGRES_PORT: str(self.postgres.port),
            VALKEY_PORT: str(self.valkey.port),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "ODDLINE_AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.objects.port}",
            "ODDLINE_OBJECTS_URL": f"s3://{BUCKET}/{home.parent.name}",
            "ODDLINE_BODY_OBJECT_BYTES": str(BODY_OBJECT_BYTES),
            "ODDLINE_MODEL_FOLDER": str(self.model),
            "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
        }
        _make_bucket(aws_url)
        super().__init__(home, env=settings | dict(env or {}))

    def start(self, *, demo: bool = False) -> None:
        """Start it, and make a second project's key."""
        super().start(demo=demo)
        with self.database() as db:
            now = utc_now()
            other = ensure_project(db, "other", new_id=new_id(), now=now)
            key = create_key(db, project=other, name="chaos", key_id=new_id(), now=now, scopes=list(Scope))
        self.keys = [self.stack.api_key, key.key]

    def remove(self) -> None:
        """End it, delete its state, and close the proxies."""
        if self.home.exists():
            super().remove()
        for proxy in (self.valkey, self.postgres, self.objects):
            proxy.close()

    def healthy(self) -> bool:
        """Whether the API says so."""
        assert self._process is None or self._process.poll() is None, self.said()[-2_000:]
        try:
            told = httpx.get(f"{self.stack.url}/api/v1/monitoring/health", timeout=5, trust_env=False)
            return bool(told.json().get("status") == "healthy")
        except Exception:
            return False

    def database_url(self, side: str = "worker") -> str:
        """The database's own address, past the proxy."""
        return at_port(self.stack.database_urls[side], self._port_of("postgres"))

    def redis_url(self) -> str:
        """Valkey's own address, past the proxy."""
        return at_port(self.stack.redis_url, self._port_of("valkey"))

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database as the worker sees it, past the proxy."""
        db = Database(self.database_url(), size=2, application="chaos")
        try:
            yield db
        finally:
            db.close()

    def ask(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The rows of a statement, asked as the worker, past the proxy.

        Raises:
            psycopg.OperationalError: PostgreSQL does not answer.
        """
        with psycopg.connect(self.database_url(), connect_timeout=5, application_name="chaos") as connection:
            return connection.execute(statement, parameters).fetchall()

    def order(self, point: str, signal: Signals = Signals.SIGKILL) -> Path:
        """Have the next process that reaches `point` send itself `signal`."""
        return order(self.home, point, signal)

    def wait_for(self, taken: Path) -> int:
        """Wait until an order was obeyed; by which process."""
        wait_until(lambda: taken.exists() and taken.read_text(), seconds=REACHED_S, what=f"{taken.stem} is reached")
        return int(taken.read_text())

    def enqueue(self, spec: TaskSpec, *, messages: int = 1) -> Any:
        """Put a task into the ledger and publish it; its id."""
        task_id = new_id()
        with self.database() as db, db.transaction() as tx:
            enqueue(tx, spec, spec.payload(), task_id=task_id, project=None, now=utc_now())
        publisher = Publisher(self.redis_url(), timeout_s=2, pause_s=0)
        for _ in range(messages):
            publisher.wake(spec, task_id=task_id)
        publisher.close()
        return task_id

    def memory_mb(self) -> dict[str, int]:
        """The memory that each part holds, with its children; of all parts, once they run."""
        wait_until(lambda: all(map(self.runs, PARTS)), seconds=REACHED_S, what="all parts run")
        held = {}
        for part in PARTS:
            leader = self.process(part)
            held[part.partition("/")[0]] = sum(map(_held, [leader, *leader.children(recursive=True)])) // 2**20
        return held

    def runs(self, part: str) -> bool:
        """Whether a part is there; a worker has children then."""
        try:
            process = self.process(part)
            return part != "worker" or bool(process.children())
        except (psutil.NoSuchProcess, AssertionError):  # the supervisor starts it again
            return False

    def connections(self) -> dict[str, int]:
        """How many connections to the database each program holds."""
        asked = "SELECT application_name, count(*) FROM pg_stat_activity WHERE usename LIKE 'oddline%' GROUP BY 1"
        return {name: count for name, count in self.ask(asked) if name not in {"chaos", ""}}

    def _port_of(self, server: str) -> int:
        return ServerState.load(self.home / server / "server.json").port


def _make_bucket(aws_url: str) -> None:
    import boto3

    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=aws_url, **credentials).create_bucket(Bucket=BUCKET)


def _held(process: psutil.Process) -> int:
    """The memory of a process, with its part of what it shares with others: PostgreSQL's buffers count once."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
