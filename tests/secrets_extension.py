"""A server that speaks as AWS's extension for parameters and secrets does, with a cache of its own."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "the session's token"


class SecretsExtension:
    """Secrets by name, told as they were `ttl_s` seconds ago at most.

    Attributes:
        asked: names of the secrets that were asked for, in that order.
    """

    def __init__(self, *, ttl_s: float = 0) -> None:
        self._ttl_s = ttl_s
        self._secrets: dict[str, str] = {}
        self._told: dict[str, tuple[float, str]] = {}
        self.asked: list[str] = []
        self.port = 0

    @property
    def environment(self) -> dict[str, str]:
        """What Lambda sets beside it."""
        return {"AWS_SESSION_TOKEN": TOKEN, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.port)}

    def put(self, name: str, members: Any) -> None:
        """Store a secret, or its next version."""
        self._secrets[name] = members if isinstance(members, str) else json.dumps(members)

    def answer(self, path: str, *, token: str | None) -> tuple[int, dict[str, Any] | str]:
        """Status and document of an answer."""
        asked = urlsplit(path)
        if token != TOKEN:
            return 401, "an incorrect token"
        if asked.path != "/secretsmanager/get":
            return 404, "unknown path"
        name = parse_qs(asked.query)["secretId"][0]
        self.asked.append(name)
        now = time.monotonic()
        known = self._told.get(name)
        if known is None or now - known[0] >= self._ttl_s:
            if name not in self._secrets:
                return 400, "ResourceNotFoundException"
            known = self._told[name] = (now, self._secrets[name])
        return 200, {"Name": name, "SecretString": known[1], "VersionStages": ["AWSCURRENT"]}


@contextmanager
def running_extension(extension: SecretsExtension) -> Iterator[SecretsExtension]:
    """Serve it on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("X-Aws-Parameters-Secrets-Token")
            status, document = extension.answer(self.path, token=token)
            body = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    extension.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield extension
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
