"""What tests of several sides of the service stand on."""

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from running_worker import StartWorker, running_worker

from oddline.settings import Side


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine at which every connection is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def start_worker(database_urls: dict[Side, str], redis_url: str, tmp_path: Path) -> StartWorker:
    """Runs a worker of an app, whose home is `tmp_path`, for as long as the block lasts."""
    return partial(running_worker, database_urls=database_urls, redis_url=redis_url, home=tmp_path)
