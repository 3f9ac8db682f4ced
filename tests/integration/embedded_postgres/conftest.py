"""A server of its own for each test of the embedded PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_servers import open_folder

from oddline.local.postgres import PostgresServer


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one test's server."""
    with open_folder() as path:
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    """A server that is not started yet."""
    server = PostgresServer(folder)
    yield server
    server.remove()
