"""A real HTTP server that answers as it was told to, well or badly, and else as the application behind it does."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = "cut"  # the connection is closed before the request is looked at
LOST = "lost"  # the request is done, the connection closed before the answer
HANG = "hang"  # nothing is answered while the server lives
Told = str | tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def entries(self) -> list[Any]:
        """Those of a batch."""
        return [json.loads(line) for line in gzip.decompress(self.body).splitlines()]


@dataclass(frozen=True)
class Response:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class AnsweringServer(ThreadingHTTPServer):
    """`told` is answered first, one after the other; then `process` does each request."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, process: Callable[[Request], Response], *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.process = process
        self.told: list[Told] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def batches(self) -> list[list[Any]]:
        """The entries of each batch that came."""
        return [request.entries for request in self.requests if request.path == "/api/v1/logs/batch"]

    @property
    def keys(self) -> list[str]:
        return [request.headers["Idempotency-Key"] for request in self.requests]

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    server: AnsweringServer
    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        told = self.server.told.pop(0) if self.server.told else None
        if told == CUT:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers), body)
        self.server.requests.append(request)
        if told == HANG:
            self.server.ending.wait()
            self.close_connection = True
        elif told is None or told == LOST:
            response = self.server.process(request)
            if told == LOST:
                self.close_connection = True
            else:
                self._send(response)
        else:
            assert isinstance(told, tuple)
            content = told[1] if isinstance(told[1], bytes) else json.dumps(told[1]).encode()
            self._send(Response(told[0], content, told[2] if len(told) > 2 else {}))

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in (response.headers | {"Content-Length": str(len(response.body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)


@contextmanager
def answering(process: Callable[[Request], Response] | None = None, *, port: int = 0) -> Iterator[AnsweringServer]:
    """A server for as long as the block lasts; one that takes all that it gets if not told otherwise."""
    with AnsweringServer(process or take_all(), port=port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ending.set()
            server.shutdown()
            thread.join()


def take_all() -> Callable[[Request], Response]:
    """Takes each batch, once by its key, as the API does."""
    taken: dict[str, Response] = {}
    lock = threading.Lock()

    def process(request: Request) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        with lock:
            if key not in taken:
                told = {
                    "id": "e", "analysis_task_id": f"t{len(taken) + 1}", "task_id": f"t{len(taken) + 1}", "refused": [],
                    "timestamp": "2026-11-05T08:15:30Z", "accepted": _count(request),
                }  # fmt: skip
                taken[key] = Response(202, json.dumps(told).encode())
            return taken[key]

    return process


def _count(request: Request) -> int:
    return len(request.entries) if request.headers.get("Content-Encoding") == "gzip" else 1
