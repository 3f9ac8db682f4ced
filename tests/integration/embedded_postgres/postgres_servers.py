"""What the tests of the embedded PostgreSQL do with a server: fill it, look at its processes, run it elsewhere."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg

from oddline.local.postgres import PostgresServer
from oddline.local.processes import Account

SUPERVISOR = """
import os, sys, time
from pathlib import Path
from oddline.local.postgres import PostgresServer
folder, interpreter, *account = sys.argv[1:]
if account:
    os.setgroups([])
    os.setgid(int(account[1]))
    os.setuid(int(account[0]))
sys.executable = interpreter
server = PostgresServer(Path(folder))
server.start()
print(server.owner_url, flush=True)
time.sleep(600)
"""


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder for a server that every user may pass; unlike those of pytest, which are root's alone."""
    with tempfile.TemporaryDirectory(prefix="oddline-test-") as parent:
        Path(parent).chmod(0o755)
        yield Path(parent) / "postgres"


def query(url: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    """The rows of a statement that commits by itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def put(url: str, value: int) -> None:
    """Commit a value."""
    query(url, "CREATE TABLE IF NOT EXISTS kept (value int)")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def kept(url: str) -> list[int]:
    """The values that were put."""
    return [value for (value,) in query(url, "SELECT value FROM kept ORDER BY value")]


def port_of(server: PostgresServer) -> int:
    """The port in the server's URL."""
    return int(str(psycopg.conninfo.conninfo_to_dict(server.owner_url)["port"]))


def postmaster(folder: Path) -> psutil.Process:
    """The server's first process."""
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def works_in(data: Path) -> list[psutil.Process]:
    """The server processes that work in the data folder.

    Ask `info` of them, not themselves: the server's helpers come and go.
    """
    return [
        process
        for process in psutil.process_iter(["cwd", "name", "uids"])
        if process.info["cwd"] == str(data.resolve()) and process.info["name"] == "postgres"
    ]


@contextmanager
def run_supervisor(
    folder: Path, *, account: Account | None = None, interpreter: str = sys.executable
) -> Iterator[subprocess.Popen[str]]:
    """Another process that starts the server, as `account`; killed in the end at the latest.

    `interpreter` is one that the account can run, for what the process starts in its turn.
    """
    numbers = [str(account.uid), str(account.gid)] if account else []
    argv = [sys.executable, "-c", SUPERVISOR, str(folder), interpreter, *numbers]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def url_once_started(supervisor: subprocess.Popen[str]) -> str:
    """The owner's URL, when the server of `run_supervisor` has started."""
    assert supervisor.stdout is not None
    return supervisor.stdout.readline().strip()
