"""What tests of several sides of the service stand on."""

from collections.abc import Iterator

import pytest
from tracing_daemon import Daemon, listening


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A listener that this process and its children take for the X-Ray daemon."""
    with listening() as daemon:
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
        yield daemon
