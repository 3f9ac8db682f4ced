"""The real services that tests talk to: PostgreSQL 16 and 18 and Valkey, started once and stopped at the end."""

import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from oddline.database import ROLES, Database
from oddline.database.migrate import migrate
from oddline.identity import ensure_project
from oddline.local.postgres import PostgresServer
from oddline.local.valkey import ValkeyServer
from oddline.settings import Side
from oddline.submissions import new_id

Urls = dict[Side, str]

# A tenth of the processor time that a database on a disk costs to make and to drop, and most tests have one.
MEMORY = Path("/dev/shm")
MEMORY_PREFIX = "oddline-tests-"
MEMORY_BYTES = 2 * 1024**3  # free, or the disk has to do: four servers at most, of some 300 MB each

# Before any settings are read: what is about people is stored encrypted or not at all.
os.environ.setdefault("ODDLINE_ENCRYPTION_KEYS", secrets.token_hex(16))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full-length`: faults come often and last a minute, where otherwise a cut of it has to do.

    `--chaos-seed` and `--chaos-rounds`: of the faults' random moments, where otherwise each run draws its own; of each
    fault, where otherwise there are as many as its length asks for. `--chaos-table`: where its table goes as JSON;
    `--shippers-table`: where that of the shippers goes.

    `--packages`: Lambda's runtime client runs what `sam build` made, where otherwise it runs the source.
    """
    parser.addoption("--full-length", action="store_true", help="faults at full length (make chaos)")
    parser.addoption("--chaos-seed", type=int)
    parser.addoption("--chaos-rounds", type=int)
    parser.addoption("--chaos-table", type=Path, metavar="FILE")
    parser.addoption("--shippers-table", type=Path, metavar="FILE")
    parser.addoption("--packages", type=Path, metavar="FOLDER", help="built by sam (make check-aws-runtime)")


class Cluster:
    """One PostgreSQL server, with a migrated database that each test gets a copy of."""

    TEMPLATE = "oddline"

    def __init__(self, folder: Path, *, version: int, in_memory: bool) -> None:
        # On a disk the two checkpoints of the one, in memory the log of the other takes most of the time.
        self._strategy = sql.SQL("FILE_COPY" if in_memory else "WAL_LOG")
        self.server = PostgresServer(folder, version=version)  # type: ignore[arg-type]  # 16 or 18: the marker's values
        self.server.start()
        with psycopg.connect(self.server.superuser_url, autocommit=True) as connection:
            # Nobody pulls the plug, and databases come and go faster than they could be vacuumed.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("ALTER SYSTEM SET max_wal_size = '256MB'")
            connection.execute("SELECT pg_reload_conf()")
        self.passwords = {role: secrets.token_hex(8) for role in ROLES}
        migrate(self.server.owner_url, passwords=self.passwords)

    def create(self) -> Urls:
        """A fresh database; the URL of each side."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                    sql.Identifier(name), sql.Identifier(self.TEMPLATE), self._strategy
                )
            )
            # What the migration took from everybody on the template is not copied with it.
            connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        urls: Urls = {"owner": self._url(name)}
        for side in ("ingest", "console", "search", "worker"):
            role = f"oddline_{side}"
            address = self._url(name).rpartition("@")[2]
            urls[side] = f"postgresql://{role}:{self.passwords[role]}@{address}"  # type: ignore[index]
        return urls

    def drop(self, urls: Urls) -> None:
        """Remove a database that `create` made, whoever is still connected."""
        name = urls["owner"].rpartition("/")[2]
        # The owner may not end a connection of another role, and that of a process that just ended may still be there.
        with psycopg.connect(self.server.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _url(self, database: str) -> str:
        return f"{self.server.owner_url.rpartition('/')[0]}/{database}"


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= MEMORY_BYTES


def _forget_killed_runs() -> None:
    """Give back the memory of runs that ended without doing so: their servers ended with them."""
    for folder in MEMORY.glob(f"{MEMORY_PREFIX}*-*"):
        if not Path("/proc", folder.name.removeprefix(MEMORY_PREFIX).partition("-")[0]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests marked `both_postgres` on 16 and on 18."""
    if metafunc.definition.get_closest_marker("both_postgres"):
        metafunc.parametrize("postgres_version", [16, 18], indirect=True)


@pytest.fixture
def postgres_version(request: pytest.FixtureRequest) -> int:
    """18, unless the test is marked `both_postgres`."""
    return int(getattr(request, "param", 18))


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Cluster]]:
    """The cluster of a version, started when it is first asked for."""
    started: dict[int, Cluster] = {}
    with ExitStack() as folders:
        _forget_killed_runs()
        in_memory = _has_room(MEMORY)

        def get(version: int) -> Cluster:
            if version not in started:
                folder = tmp_path_factory.mktemp(f"postgres{version}")
                if in_memory:
                    prefix = f"{MEMORY_PREFIX}{os.getpid()}-"
                    folder = Path(folders.enter_context(TemporaryDirectory(prefix=prefix, dir=MEMORY)))
                    folder.chmod(0o755)  # PostgreSQL may run as another user
                started[version] = Cluster(folder, version=version, in_memory=in_memory)
            return started[version]

        yield get
        for cluster in started.values():
            cluster.server.stop()
            cluster.server.remove()


@pytest.fixture
def database_urls(clusters: Callable[[int], Cluster], postgres_version: int) -> Iterator[Urls]:
    """The URLs of a fresh, migrated database, one for each side."""
    cluster = clusters(postgres_version)
    urls = cluster.create()
    yield urls
    cluster.drop(urls)


@pytest.fixture
def db(database_urls: Urls) -> Iterator[Callable[[Side], Database]]:
    """A `Database` as the given side sees it."""
    opened: dict[Side, Database] = {}

    def connect(side: Side) -> Database:
        if side not in opened:
            opened[side] = Database(database_urls[side], size=8, prepare=side == "worker")
        return opened[side]

    yield connect
    for database in opened.values():
        database.close()


@pytest.fixture
def project(db: Callable[[Side], Database]) -> UUID:
    """A fresh project's id."""
    return ensure_project(db("worker"), "first", new_id=new_id(), now=datetime.now(UTC))


@pytest.fixture
def other_project(db: Callable[[Side], Database]) -> UUID:
    """Another project's id."""
    return ensure_project(db("worker"), "second", new_id=new_id(), now=datetime.now(UTC))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A Valkey for the whole run."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """The URL of an emptied Valkey."""
    import redis

    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine at which every connection is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The address of a server that stands in for AWS."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
