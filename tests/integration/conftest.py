"""What tests of several sides of the service stand on."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tracing_daemon import Daemon, listening
from worker_process import StartWorker, running_worker

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
