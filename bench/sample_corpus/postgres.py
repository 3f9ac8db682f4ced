"""PostgreSQL of the site: made, configured talkatively, filled, and reached as its administrator."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder

BIN = Path("/usr/lib/postgresql/18/bin")
DATA = Path("/var/lib/postgresql/18/main")
ADDRESS = ("10.20.0.5", 5432)
ARCHIVES = tuple(f"archive_{year}" for year in range(2016, 2026))

_CONFIG = """
listen_addresses = '10.20.0.5'
unix_socket_directories = '/run/postgresql'
shared_buffers = 16MB
max_connections = 40
work_mem = 512kB
checkpoint_timeout = 30s
autovacuum_naptime = 10s
deadlock_timeout = 500ms
wal_level = replica
log_timezone = UTC
log_line_prefix = '%m [%p] %q%u@%d/%a '
log_connections = on
log_disconnections = on
log_lock_waits = on
log_checkpoints = on
log_autovacuum_min_duration = 0
log_temp_files = 0
log_statement = mod
log_min_duration_statement = 300
log_min_duration_sample = 0
log_statement_sample_rate = 0.12
"""
_ACCESS = """
local all postgres peer
host all all 10.20.0.0/16 scram-sha-256
"""
_SCHEMA = """
CREATE ROLE shop LOGIN PASSWORD 'shop-pass';
CREATE ROLE reporting LOGIN PASSWORD 'report-pass';
ALTER ROLE shop SET statement_timeout = '2500ms';
CREATE TABLESPACE auditspace LOCATION '/srv/sample/audit';
"""
_TABLES = """
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, stock int NOT NULL);
INSERT INTO products SELECT n, 'product ' || md5(n::text), (n * 7919) % 400 FROM generate_series(1, 2000) n;
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id int NOT NULL, product_id int NOT NULL REFERENCES products,
    pieces int NOT NULL CHECK (pieces > 0), total numeric(12, 2) NOT NULL, token text NOT NULL UNIQUE,
    placed_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE carts (customer_id int PRIMARY KEY, touched_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
INSERT INTO accounts SELECT n, 1000 FROM generate_series(1, 200) n;
CREATE TABLE audit (id bigserial, note text, at timestamptz DEFAULT now()) TABLESPACE auditspace;
CREATE TABLE visits (id int, page text, seen int);
INSERT INTO visits SELECT n, md5(n::text), n % 97 FROM generate_series(1, 20000) n;
"""


def make(recorder: Recorder) -> Program:
    """The server as a program; `create` has made its data."""
    return Program(
        "postgres",
        [f"{BIN}/postgres", "-D", f"{DATA}"],
        recorder,
        user="postgres",
        address=ADDRESS,
        stop_signal=signal.SIGINT,  # fast shutdown
        ready=_answers,
    )


def create() -> None:
    """Make the data directory and its configuration."""
    for folder in (DATA, Path("/run/postgresql")):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, "postgres", "postgres")
    DATA.parent.parent.chmod(0o755)
    _initdb = [f"{BIN}/initdb", "-D", f"{DATA}", "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust"]
    subprocess.run(_initdb, user="postgres", group="postgres", check=True, stdout=subprocess.DEVNULL, cwd="/")
    with (DATA / "postgresql.conf").open("a", encoding="utf-8") as config:
        config.write(_CONFIG)
    (DATA / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")


def fill() -> None:
    """Make roles, tables and rows in the running server."""
    with admin("postgres") as connection:
        for statement in _SCHEMA.strip().split(";\n"):
            connection.execute(statement.rstrip(";"))
        connection.execute("CREATE DATABASE shop OWNER shop")
    with admin() as connection:
        connection.execute(_TABLES)
        for archive in ARCHIVES:
            connection.execute(
                f"CREATE TABLE {archive} AS SELECT n AS id, md5(n::text) AS row FROM generate_series(1, 5000) n"
            )
        connection.execute("VACUUM ANALYZE")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO shop, reporting")
        connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO shop")


def admin(database: str = "shop") -> psycopg.Connection[tuple[Any, ...]]:
    """A connection of the administrator over the local socket, committing each statement.

    Peer authentication wants the operating system's user, so the effective user changes while it connects.
    """
    os.seteuid(_postgres_uid())
    try:
        return psycopg.connect(
            f"host=/run/postgresql user=postgres dbname={database} application_name=psql", autocommit=True
        )
    finally:
        os.seteuid(0)


def connect(
    user: str = "shop", *, password: str = "shop-pass", application: str = "shop-batch"
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection over the network as one of the site's roles."""
    return psycopg.connect(
        host=ADDRESS[0],
        user=user,
        password=password,
        dbname="shop",
        application_name=application,
        connect_timeout=3,
        autocommit=True,
    )


def attempt(statement: str, *, times: int = 1, timeout: str = "20s") -> None:
    """Run a statement that is expected to fail as the shop's batch job."""
    with connect() as connection:
        connection.execute(f"SET statement_timeout = '{timeout}'")
        for _ in range(times):
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement)


def _answers() -> bool:
    """Whether recovery is over; it listens before that."""
    try:
        admin("postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def file_of(table: str) -> Path:
    """The first file of a table's rows."""
    with admin() as connection:
        row = connection.execute("SELECT pg_relation_filepath(%s::regclass)", [table]).fetchone()
    assert row
    return DATA / str(row[0])


def _postgres_uid() -> int:
    return pwd.getpwnam("postgres").pw_uid
