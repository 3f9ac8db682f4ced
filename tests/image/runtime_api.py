"""Lambda's runtime API, as much as one event needs (AWS Lambda developer guide, "Lambda runtime API")."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any


@dataclass
class RuntimeApi:
    """Hands out one event after the other and keeps the answers."""

    address: str
    events: Queue[dict[str, Any]] = field(default_factory=Queue)
    answers: Queue[dict[str, Any]] = field(default_factory=Queue)

    def call(self, event: dict[str, Any], *, patience_s: float) -> dict[str, Any]:
        self.events.put(event)
        return self.answers.get(timeout=patience_s)


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = json.dumps(api.events.get()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")  # without one the client crashes
            self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
            self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:search")
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            api.answers.put({"path": self.path, "body": json.loads(body)})

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api = RuntimeApi(address=f"127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
