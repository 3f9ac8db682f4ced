"""What tests of several sides of the service stand on."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from filing import Databases, Filing, open_filing
from tracing_daemon import Daemon, listening
from worker_process import StartWorker, running_worker

from oddline.database import Database
from oddline.search import Embedder
from oddline.settings import Side


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A listener that this process and its children take for the X-Ray daemon."""
    with listening() as daemon:
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
        yield daemon


@pytest.fixture
def start_worker(database_urls: dict[Side, str], redis_url: str, tmp_path: Path) -> StartWorker:
    """Runs a worker of an app, whose home is `tmp_path`, for as long as the block lasts."""
    return partial(running_worker, home=tmp_path, database_url=database_urls["worker"], redis_url=redis_url)


@pytest.fixture(scope="module")
def module_database_urls(clusters: Callable[[int], Any]) -> Iterator[dict[Side, str]]:
    """One database for all cases of a module that takes it for its `database_urls`: a fresh one each takes 0.2 s."""
    cluster = clusters(18)
    urls = cluster.create()
    yield urls
    cluster.drop(urls)


@pytest.fixture
def filing(db: Databases, project: UUID, redis_url: str, tmp_path: Path) -> Iterator[Filing]:
    """A project's files, and their tasks."""
    with open_filing(db, project=project, redis_url=redis_url, folder=tmp_path) as filing:
        yield filing


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The model that patterns are searched by."""
    return Embedder.load()


@pytest.fixture
def forgotten_callers(db: Callable[[Side], Database]) -> Iterator[None]:
    """Forgets the keys and members that the case made."""
    yield
    with db("owner").transaction() as tx:
        tx.execute("DELETE FROM members")
        tx.execute("DELETE FROM api_keys")
