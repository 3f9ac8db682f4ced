"""A listener at the X-Ray daemon's port: it keeps the documents that the SDK sends."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Document = dict[str, Any]
PATIENCE_S = 10.0


class Daemon:
    """Reads what comes by UDP."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"

    def receive(self) -> Document:
        """The next document; waits for it."""
        header, _, document = self._listener.recv(65_536).partition(b"\n")
        assert json.loads(header) == {"format": "json", "version": 1}
        segment: Document = json.loads(document)
        return segment

    def received(self) -> list[Document]:
        """All documents that are there already."""
        documents = []
        self._listener.setblocking(False)
        try:
            while True:
                documents.append(self.receive())
        except BlockingIOError:
            return documents
        finally:
            self._listener.settimeout(PATIENCE_S)


@contextmanager
def listening() -> Iterator[Daemon]:
    """A daemon for as long as the block lasts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(PATIENCE_S)
        yield Daemon(listener)
