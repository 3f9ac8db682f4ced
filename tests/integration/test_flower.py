"""Flower shows nothing to anybody without the password, its metrics neither."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from oddline.local.valkey import ValkeyServer

PASSWORD = "f" * 40
STARTED_S = 60.0


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory, valkey: ValkeyServer) -> Iterator[str]:
    """Its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("flower")
    env = os.environ | {"ODDLINE_REDIS_URL": valkey.url, "ODDLINE_FLOWER_PASSWORD": PASSWORD}
    env["FLOWER_UNAUTHENTICATED_API"] = "true"  # by accident
    code = f"from worker_image.flower import serve; serve(port={port})"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=env, stdout=log, stderr=log) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process, folder / "log")
        yield address
        process.terminate()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTED_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"{address}/healthcheck", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    process.kill()
    raise AssertionError(log.read_text())


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/tasks"])
def test_nothing_is_shown_without_the_password(flower: str, path: str) -> None:
    without = httpx.get(flower + path, trust_env=False)
    wrong = httpx.get(flower + path, auth=("oddline", "wrong"), trust_env=False)

    assert (without.status_code, wrong.status_code) == (401, 401)


def test_with_it_all_is(flower: str) -> None:
    with httpx.Client(base_url=flower, auth=("oddline", PASSWORD), trust_env=False) as client:
        page, metrics = client.get("/workers"), client.get("/metrics")

    assert (page.status_code, metrics.status_code) == (200, 200)
    assert "python_info" in metrics.text


def test_it_does_not_start_without_a_password(tmp_path: Path, valkey: ValkeyServer) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ODDLINE_")}

    done = subprocess.run(
        [sys.executable, "-m", "worker_image.flower"],
        cwd=tmp_path,
        env=env | {"ODDLINE_REDIS_URL": valkey.url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "ODDLINE_FLOWER_PASSWORD is not set" in done.stderr
