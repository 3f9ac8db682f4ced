"""The embedded Valkey keeps what it was given, through kills and damage, and gives it to nobody else."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from oddline.local.processes import wait_until
from oddline.local.state import LOOPBACK, ServerState
from oddline.local.valkey import AOF_FOLDER, NO_RETRY, ValkeyServer

PATIENCE_S = 10.0

SUPERVISOR = """
import sys, time
from pathlib import Path
from oddline.local.valkey import ValkeyServer
server = ValkeyServer(Path(sys.argv[1]))
server.start()
print(server.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name is as awkward as one can be."""
    return tmp_path / 'it\'s "a" # föld er'


@pytest.fixture
def server(folder: Path) -> Iterator[ValkeyServer]:
    """A started server."""
    server = ValkeyServer(folder)
    server.start()
    yield server
    server.remove()


def put(url: str, name: str, value: str) -> None:
    """Set a value and wait until it is on disk."""
    with redis.Redis.from_url(url) as client:
        client.set(name, value)
        client.execute_command("WAITAOF", 1, 0, 5_000)


def get(url: str, name: str) -> str | None:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        value = client.get(name)
    assert value is None or isinstance(value, str)
    return value


def server_pid(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        information = client.info("server")
    assert isinstance(information, dict)
    return int(information["process_id"])


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, int(url.rpartition(":")[2].partition("/")[0]))) == 0


def newest_log(folder: Path) -> Path:
    return next((folder / AOF_FOLDER).glob("*.incr.aof"))


def test_a_wrong_password_is_refused(server: ValkeyServer, folder: Path) -> None:
    port = ServerState.load(folder / "server.json").port

    with (
        redis.Redis.from_url(f"redis://:wrong@{LOOPBACK}:{port}/0") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_no_password_is_refused(server: ValkeyServer, folder: Path) -> None:
    port = ServerState.load(folder / "server.json").port

    with redis.Redis(host=LOOPBACK, port=port, retry=NO_RETRY) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_password_stands_in_files_that_nobody_else_may_read(server: ValkeyServer, folder: Path) -> None:
    password = server.url.partition("redis://:")[2].partition("@")[0]

    readable = [path for path in folder.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]

    assert {path.name for path in readable} == {"server.json", "valkey.conf"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in readable)


def test_it_refuses_writes_rather_than_forget_what_it_holds(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        settings = client.config_get("maxmemory-policy", "appendonly", "appendfsync", "bind")

    assert settings == {
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "bind": LOOPBACK,
    }


def test_a_second_start_has_the_same_address_and_data(server: ValkeyServer) -> None:
    url = server.url
    put(url, "colour", "red")

    server.stop()
    server.start()

    assert server.url == url
    assert get(url, "colour") == "red"


def test_stopping_ends_the_server_and_may_be_done_twice(server: ValkeyServer) -> None:
    server.stop()
    server.stop()

    assert not server.running()
    assert not listens(server.url)


def test_data_outlive_a_killed_server(server: ValkeyServer) -> None:
    put(server.url, "colour", "red")
    os.kill(server_pid(server.url), signal.SIGKILL)
    assert wait_until(lambda: not server.running(), patience_s=PATIENCE_S)

    server.start()

    assert get(server.url, "colour") == "red"


def test_a_log_cut_in_the_middle_of_a_command_loses_that_command_alone(server: ValkeyServer, folder: Path) -> None:
    put(server.url, "colour", "red")
    put(server.url, "shape", "round")
    server.stop()
    log = newest_log(folder)
    os.truncate(log, log.stat().st_size - 5)

    server.start()

    assert (get(server.url, "colour"), get(server.url, "shape")) == ("red", None)


def test_a_log_that_cannot_be_read_is_set_aside(server: ValkeyServer, folder: Path) -> None:
    put(server.url, "colour", "red")
    server.stop()
    newest_log(folder).write_bytes(b"x" * 1_000)

    server.start()

    assert get(server.url, "colour") is None
    assert len(list(folder.glob(f"{AOF_FOLDER}.unreadable-*"))) == 1


def test_another_port_is_taken_when_the_old_one_is_in_use(server: ValkeyServer) -> None:
    old = server.url
    server.stop()

    with socket.create_server((LOOPBACK, int(old.rpartition(":")[2].partition("/")[0]))):
        server.start()

    assert server.url != old
    assert get(server.url, "colour") is None


def test_two_servers_run_side_by_side(server: ValkeyServer, tmp_path: Path) -> None:
    other = ValkeyServer(tmp_path / "other")
    other.start()
    try:
        put(server.url, "colour", "red")
        put(other.url, "colour", "blue")

        assert (get(server.url, "colour"), get(other.url, "colour")) == ("red", "blue")
    finally:
        other.remove()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_a_killed_supervisor_leaves_no_server_and_no_loss(folder: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(folder)], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    url = supervisor.stdout.readline().strip()
    put(url, "colour", "red")

    supervisor.kill()
    supervisor.communicate()

    assert wait_until(lambda: not listens(url), patience_s=PATIENCE_S)
    server = ValkeyServer(folder)
    server.start()
    try:
        assert get(server.url, "colour") == "red"
    finally:
        server.remove()
