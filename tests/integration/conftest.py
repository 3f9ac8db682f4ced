"""What tests of several sides of the service stand on."""

import socket
from collections.abc import Iterator

import pytest
from tracing_daemon import Daemon, listening


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine at which every connection is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A listener that this process and its children take for the X-Ray daemon."""
    with listening() as daemon:
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
        yield daemon
