"""The embedded PostgreSQL keeps what it was given, through kills, and gives it to nobody else."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from postgres_servers import (
    kept,
    open_folder,
    port_of,
    postmaster,
    put,
    query,
    run_supervisor,
    url_once_started,
    works_in,
)

from oddline.errors import AlreadyRunning, StackFailed
from oddline.local.postgres import PostgresServer
from oddline.local.processes import wait_until
from oddline.local.state import LOOPBACK

PATIENCE_S = 15.0


@pytest.fixture(scope="module")
def kept_folder() -> Iterator[Path]:
    """The folder of a server that several tests start, kill and start again, since making one takes half a second."""
    with open_folder() as path:
        yield path
        PostgresServer(path).remove()


@pytest.fixture
def started(kept_folder: Path) -> Iterator[PostgresServer]:
    """The server in `kept_folder`, started."""
    server = PostgresServer(kept_folder)
    server.start()
    query(server.owner_url, "DROP TABLE IF EXISTS kept")
    yield server
    server.stop()


@pytest.mark.parametrize("version", [16, 18])
def test_the_owner_is_no_superuser_but_may_make_roles_and_databases_with_vectors(folder: Path, version: Any) -> None:
    server = PostgresServer(folder, version=version)
    server.start()
    try:
        query(server.owner_url, "CREATE ROLE reader")
        query(server.owner_url, "CREATE DATABASE fresh")
        fresh = server.owner_url.removesuffix("/oddline") + "/fresh"
        query(fresh, "CREATE EXTENSION IF NOT EXISTS vector")

        assert query(fresh, "SELECT '[3,4]'::vector <-> '[0,0]'") == [(5.0,)]
        assert query(server.owner_url, "SHOW is_superuser") == [("off",)]
        assert query(server.superuser_url, "SHOW is_superuser") == [("on",)]
        assert query(server.owner_url, "SHOW server_version_num")[0][0].startswith(str(version))
    finally:
        server.remove()


def test_data_are_checked_durable_and_unicode(started: PostgresServer) -> None:
    settings = [
        query(started.owner_url, f"SHOW {name}")[0][0]
        for name in ("data_checksums", "fsync", "synchronous_commit", "server_encoding", "timezone", "jit")
    ]

    assert settings == ["on", "on", "on", "UTF8", "UTC", "off"]
    assert query(started.owner_url, "SELECT upper('é')") == [("É",)]


def test_a_wrong_password_is_refused(started: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        query(f"postgresql://oddline_owner:wrong@{LOOPBACK}:{port_of(started)}/oddline", "SELECT 1")


def test_the_passwords_stand_in_one_file_that_nobody_else_may_read(started: PostgresServer, kept_folder: Path) -> None:
    passwords = [
        str(psycopg.conninfo.conninfo_to_dict(url)["password"]) for url in (started.owner_url, started.superuser_url)
    ]

    holders = [
        path
        for path in kept_folder.rglob("*")
        if path.is_file() and any(password.encode() in path.read_bytes() for password in passwords)
    ]

    assert [path.name for path in holders] == ["server.json"]
    assert holders[0].stat().st_mode & 0o077 == 0


def test_a_second_start_has_the_same_address_and_data(started: PostgresServer) -> None:
    url = started.owner_url
    put(url, 1)

    started.stop()
    started.start()

    assert started.owner_url == url
    assert kept(url) == [1]


def test_stopping_leaves_no_process_and_may_be_done_twice(started: PostgresServer, kept_folder: Path) -> None:
    started.stop()
    started.stop()

    assert not started.running()
    assert works_in(kept_folder / "data") == []


def test_removing_leaves_nothing(server: PostgresServer, folder: Path) -> None:
    server.start()
    data = (folder / "data").resolve()

    server.remove()

    assert not folder.exists()
    assert not data.parent.exists()


def test_committed_data_outlive_a_killed_server(started: PostgresServer, kept_folder: Path) -> None:
    put(started.owner_url, 1)
    postmaster(kept_folder).kill()
    assert wait_until(lambda: not started.running(), patience_s=PATIENCE_S)

    started.start()

    assert kept(started.owner_url) == [1]


def test_a_backend_that_outlives_its_killed_server_does_not_keep_the_next_one_out(
    started: PostgresServer, kept_folder: Path
) -> None:
    with psycopg.connect(started.owner_url) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()
        postmaster(kept_folder).kill()
        assert wait_until(lambda: not started.running(), patience_s=PATIENCE_S)

        started.start()

        assert backend.pid not in {process.pid for process in works_in(kept_folder / "data")}
        assert query(started.owner_url, "SELECT 1") == [(1,)]
        connection.close()


def test_a_stale_pid_file_that_names_another_living_process_keeps_nobody_out(
    started: PostgresServer, kept_folder: Path
) -> None:
    started.stop()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        (kept_folder / "data" / "postmaster.pid").write_text(
            f"{stranger.pid}\n{kept_folder / 'data'}\n1\n1\n\n{LOOPBACK}\n1 1\n"
        )

        started.start()

        assert started.running()
        assert stranger.poll() is None
        stranger.kill()


def test_a_first_start_that_was_killed_halfway_is_done_again(server: PostgresServer, folder: Path) -> None:
    with run_supervisor(folder) as supervisor:
        assert wait_until((folder / "data.new" / "base").exists, patience_s=PATIENCE_S)
        supervisor.kill()

    server.start()

    assert query(server.owner_url, "SELECT 1") == [(1,)]


def test_another_port_is_taken_when_the_old_one_is_in_use(started: PostgresServer) -> None:
    put(started.owner_url, 1)
    old = port_of(started)
    started.stop()

    with socket.create_server((LOOPBACK, old)):
        started.start()

    assert port_of(started) != old
    assert kept(started.owner_url) == [1]


def test_two_servers_run_side_by_side(started: PostgresServer, kept_folder: Path) -> None:
    other = PostgresServer(kept_folder.with_name("other"))
    other.start()
    try:
        put(started.owner_url, 1)
        put(other.owner_url, 2)

        assert (kept(started.owner_url), kept(other.owner_url)) == ([1], [2])
    finally:
        other.remove()


def test_a_failed_start_shows_what_the_server_said(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "data" / "global" / "pg_control").unlink()

    with pytest.raises(StackFailed, match="could not find the database system"):
        server.start()

    assert not server.running()


def test_data_of_another_version_are_told_and_left_alone(started: PostgresServer, kept_folder: Path) -> None:
    put(started.owner_url, 1)
    started.stop()

    with pytest.raises(StackFailed, match="is of PostgreSQL 18"):
        PostgresServer(kept_folder, version=16).start()

    started.start()
    assert kept(started.owner_url) == [1]


def test_lost_passwords_are_told_before_anything_is_done(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "server.json").unlink()

    with pytest.raises(StackFailed, match=r"server\.json"):
        server.start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_a_killed_supervisor_leaves_no_server_and_no_loss(server: PostgresServer, folder: Path) -> None:
    with run_supervisor(folder) as supervisor:
        put(url_once_started(supervisor), 1)
        supervisor.kill()

    assert wait_until(lambda: works_in(folder / "data") == [], patience_s=PATIENCE_S)
    server.start()
    assert kept(server.owner_url) == [1]


def test_the_server_of_a_living_supervisor_is_left_alone(server: PostgresServer, folder: Path) -> None:
    with run_supervisor(folder) as supervisor:
        url = url_once_started(supervisor)

        with pytest.raises(AlreadyRunning):
            server.start()

        assert query(url, "SELECT 1") == [(1,)]


def test_a_server_whose_record_was_lost_is_left_alone(started: PostgresServer, kept_folder: Path) -> None:
    (kept_folder / "process.json").unlink()

    with pytest.raises(AlreadyRunning):
        PostgresServer(kept_folder).start()

    assert started.running()
