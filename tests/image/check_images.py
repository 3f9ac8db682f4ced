"""Both images do their work without root on a read-only root: migrate, score, prove health, drain, read back.

`make image-check` builds them first; their base is Debian's, so their Python is Debian's too.
"""

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from containers import BASE, SEARCH, WORKER, podman, python, run, started
from runtime_api import runtime_api

from oddline.database import ROLES, Database
from oddline.identity import Scope, create_key, ensure_project
from oddline.local.processes import spawn
from oddline.local.state import choose_port
from oddline.local.valkey import ValkeyServer
from oddline.submissions import new_id
from worker_image.trim import AWS_SERVICES

ROOT = Path(__file__).resolve().parents[2]
LINES = 10_000  # each a pattern of its own, so that scoring takes a while
NEWEST = max(path.name[:4] for path in (ROOT / "oddline/database/migrations/versions").glob("*.py"))
LARGEST_MB = 375  # 19 of them the model that patterns are searched by
PATIENCE_S = 120.0
LOOK_EVERY_S = 0.05

Rows = Callable[[str], list[tuple[Any, ...]]]


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(LOOK_EVERY_S)


@pytest.fixture(scope="module")
def migration(clusters: Callable[[int], Any]) -> dict[str, str]:
    """What the migration task is given on ECS, for a database in which there is nothing yet."""
    cluster, name = clusters(18), f"fresh_{secrets.token_hex(4)}"
    owner = urlsplit(cluster.server.owner_url)
    with psycopg.connect(cluster.server.owner_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    place = f"127.0.0.1:{owner.port}/{name}"
    urls = {
        f"ODDLINE_DATABASE_URL_{role.removeprefix('oddline_').upper()}": (
            f"postgresql://{role}:{cluster.passwords[role]}@{place}"
        )
        for role in ROLES
    }
    return urls | {"ODDLINE_DATABASE_URL": f"postgresql://{owner.username}@{place}", "PGPASSWORD": owner.password or ""}


@pytest.fixture(scope="module")
def urls(migration: dict[str, str]) -> dict[str, str]:
    """The URL of each side, once the worker image has migrated the database."""
    run(WORKER, "worker_image.migrate", env=migration)
    return migration


@pytest.fixture(scope="module")
def rows(urls: dict[str, str]) -> Rows:
    def ask(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(urls["ODDLINE_DATABASE_URL_WORKER"]) as connection:
            return connection.execute(statement).fetchall()

    return ask


@pytest.fixture(scope="module")
def redis_url(valkey: ValkeyServer) -> str:
    return valkey.url


@pytest.fixture(scope="module")
def key(urls: dict[str, str]) -> str:
    db, now = Database(urls["ODDLINE_DATABASE_URL_WORKER"]), datetime.now(UTC)
    project = ensure_project(db, "first", new_id=new_id(), now=now)
    made = create_key(db, project=project, name="", key_id=new_id(), now=now, scopes=list(Scope))
    db.close()
    return made.key


@pytest.fixture(scope="module")
def api(
    urls: dict[str, str], redis_url: str, key: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The API of this checkout, for a client with a key."""
    folder, port = tmp_path_factory.mktemp("api"), choose_port(0)
    env = dict(os.environ) | urls | {"ODDLINE_REDIS_URL": redis_url, "ODDLINE_OBJECTS_URL": str(folder / "objects")}
    command = f"-m uvicorn functions.asgi:app --port {port} --log-level warning"
    child = spawn(
        [sys.executable, *command.split()],
        record=folder / "api.json",
        log_file=folder / "api.log",
        death_signal=Signals.SIGTERM,
        env=env,
        cwd=ROOT,
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}, trust_env=False)
    wait_for(lambda: _answers(client))
    yield client
    client.close()
    child.end(Signals.SIGTERM, patience_s=10)


def word(number: int) -> str:
    """A word of letters, since numbers are masked."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def asked_of_search(path: str, *, urls: dict[str, str], redis_url: str, key: str) -> dict[str, Any]:
    """What the search image answers to an event of an HTTP API, under Lambda's own runtime client."""
    event = {
        "version": "2.0",
        "routeKey": f"GET {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"x-api-key": key, "host": "abcdef1234.example.org"},
        "requestContext": {
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.7"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    with runtime_api() as lambda_:
        env = {
            "AWS_LAMBDA_RUNTIME_API": lambda_.address,
            "AWS_LAMBDA_FUNCTION_NAME": "search",
            "ODDLINE_DATABASE_URL": urls["ODDLINE_DATABASE_URL_SEARCH"],
            "ODDLINE_DATABASE_POOL_SIZE": "1",
            "ODDLINE_REDIS_URL": redis_url,
        }
        with started(SEARCH, name="oddline-check-search", env=env):
            answer = lambda_.call(event, patience_s=PATIENCE_S)
    assert answer["path"].endswith("/response"), answer
    assert answer["body"]["statusCode"] == 200, answer
    told: dict[str, Any] = json.loads(answer["body"]["body"])
    return told


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/openapi.json").is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def worker(urls: dict[str, str], redis_url: str) -> Iterator[str]:
    """A worker's container, with its own role alone."""
    env = {
        "ODDLINE_DATABASE_URL": urls["ODDLINE_DATABASE_URL_WORKER"],
        "ODDLINE_REDIS_URL": redis_url,
        "ODDLINE_ENCRYPTION_KEYS": os.environ["ODDLINE_ENCRYPTION_KEYS"],
        "ODDLINE_WORKER_CONCURRENCY": "1",
    }
    with started(WORKER, name="oddline-check-worker", env=env) as name:
        yield name


@pytest.mark.parametrize("image", [WORKER, SEARCH])
def test_an_image_is_small_beyond_its_base(image: str) -> None:
    sizes = {name: int(podman("image", "inspect", "--format", "{{.Size}}", name).stdout) for name in (BASE, image)}

    beyond_mb = (sizes[image] - sizes[BASE]) / 1e6
    print(f"\n{image}: {beyond_mb:.1f} MB unpacked beyond a base of {sizes[BASE] / 1e6:.1f} MB")  # noqa: T201  # to be read
    assert beyond_mb < LARGEST_MB


def test_the_worker_image_has_the_model_and_nothing_that_only_builds_and_tests_need() -> None:
    looks = "import os; print(*(f'{at}/{one}' for at, _, files in os.walk('/') for one in files), sep='\\n')"
    files = [name for name in python(WORKER, looks).splitlines() if name.startswith(("/app/", "/opt/", "/root/"))]

    unwanted = ("/tests/", "/bin/pip", "/site-packages/pip/", "/setuptools/", ".xz", "/scoring/training/", "/.cache/")
    assert "/app/oddline/scoring/models/general-6/model.onnx" in files
    assert [name for name in files if any(part in name for part in unwanted)] == []


def test_migrations_bring_an_empty_database_to_its_shape_and_are_harmless_after_that(
    migration: dict[str, str], rows: Rows
) -> None:
    rows("SELECT 1 FROM submission_state")

    run(WORKER, "worker_image.migrate", env=migration)

    with psycopg.connect(migration["ODDLINE_DATABASE_URL"], password=migration["PGPASSWORD"]) as connection:
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert version == (NEWEST,)


def test_the_command_line_works_in_the_image(urls: dict[str, str]) -> None:
    env = {
        "ODDLINE_DATABASE_URL": urls["ODDLINE_DATABASE_URL_WORKER"],
        "ODDLINE_ENCRYPTION_KEYS": os.environ["ODDLINE_ENCRYPTION_KEYS"],
    }

    made = json.loads(run(WORKER, "oddline", "keys", "create", "--project", "shop", "--json", env=env))

    assert made["key"].startswith("odl_")


def test_what_is_asked_of_aws_is_there() -> None:
    opens = (
        "from boto3.session import Session; from aws_xray_sdk.core import xray_recorder;"
        f"[Session().client(name, region_name='eu-west-1') for name in {sorted(AWS_SERVICES)}]"
    )

    python(WORKER, opens)


def test_a_worker_scores_a_line_that_the_search_image_reads_back(
    worker: str, api: httpx.Client, urls: dict[str, str], redis_url: str, key: str
) -> None:
    taken = api.post("/api/v1/logs", json={"message": "disk sda: I/O error", "severity": "ERROR", "source": "storage"})
    user = podman("exec", worker, "python", "-c", "import os; print(os.getuid())").stdout.strip()
    wait_for(lambda: api.get(f"/api/v1/tasks/{taken.json()['analysis_task_id']}").json()["successful"])
    wait_for(lambda: podman("healthcheck", "run", worker, check=False).returncode == 0)

    entry = asked_of_search(f"/api/v1/logs/{taken.json()['id']}", urls=urls, redis_url=redis_url, key=key)

    assert taken.status_code == 202
    assert user == "10001"
    assert podman("exec", worker, "touch", "/app/x", check=False).returncode != 0
    print(f"\nread back by the search image: score {entry['anomaly_score']:.3f}, model {entry['model_version']}")  # noqa: T201
    assert entry["message"] == "disk sda: I/O error"
    assert 0 <= entry["anomaly_score"] <= 1


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has(worker: str, api: httpx.Client, rows: Rows) -> None:
    wait_for(lambda: podman("healthcheck", "run", worker, check=False).returncode == 0)
    entries = [{"message": f"step {word(n)} failed", "source": "build"} for n in range(LINES)]
    taken = api.post("/api/v1/logs/batch", json=entries, timeout=60)
    wait_for(lambda: rows("SELECT 1 FROM submission_state WHERE state = 'claimed'"))

    podman("stop", "--time", "60", worker)

    assert taken.status_code == 202
    assert podman("inspect", "--format", "{{.State.ExitCode}}", worker).stdout.strip() == "0"
    assert {state for (state,) in rows("SELECT state FROM submission_state")} <= {"done", "accepted"}
