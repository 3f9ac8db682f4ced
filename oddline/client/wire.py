"""Make calls over HTTP by the standard library alone: kept connections, proxies, TLS that is checked, timeouts."""

import base64
import http.client
import os
import selectors
import socket
import ssl
import time
import urllib.parse
import urllib.request
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from oddline.client.calls import Answer, Call, Fault

PIECE_BYTES = 65_536
MOST_KEPT = 8  # idle connections

# What the first connection would import: a process that is forked at that moment could never import it again.
"".encode("idna")

_wires: "weakref.WeakSet[Wire]" = weakref.WeakSet()


class Wire:
    """Connections to one API, for any number of threads: one that is idle is used again.

    A process that is forked gets new ones: its parent's stay its parent's.

    Args:
        url: of the API, with a path where it does not stand at the root.
        headers: that each call bears.
        timeout_s: of connecting, of each read and write, and of the whole answer.
        tls: of an API behind an authority of its own; else the system's authorities count.

    Raises:
        ValueError: the URL is none of an API.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str], timeout_s: float, tls: ssl.SSLContext | None = None
    ) -> None:
        parsed = urllib.parse.urlsplit(url)
        if parsed.scheme not in {"http", "https"} or not parsed.hostname or parsed.username or parsed.query:
            raise ValueError(f"{url!r} is not the address of an API: http(s)://host[:port][/path]")
        self._host, self._port = parsed.hostname, parsed.port or (443 if parsed.scheme == "https" else 80)
        self._path = parsed.path.rstrip("/")
        self._headers = dict(headers)
        self._timeout_s = timeout_s
        self._tls = (tls or ssl.create_default_context()) if parsed.scheme == "https" else None
        self._proxy = _proxy_of(parsed.scheme, f"{self._host}:{self._port}")
        # What a fork must find whole is changed by single steps of a deque, not under a lock.
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._most_kept = MOST_KEPT
        _wires.add(self)

    def __call__(self, call: Call) -> Answer | Fault:
        """Make the call once.

        A call that must not come twice gets a connection of its own: of one that was idle nobody knows whether the API
        closed it before or after it read the call.
        """
        connection = self._take() if call.repeatable else None
        return self._exchange(connection or self._new(), call)

    def close(self) -> None:
        """Close what is idle, and keep nothing from now on."""
        self._most_kept = 0
        self.drop()

    def drop(self) -> None:
        """Close what is idle."""
        while self._idle:
            with suppress(IndexError):  # another thread took it
                self._idle.pop().close()

    def _take(self) -> http.client.HTTPConnection | None:
        """One that is idle and that the API has not closed."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.sock is not None and not _has_something_to_say(connection.sock):
                return connection
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, call: Call) -> Answer | Fault:
        reached = False
        try:
            if connection.sock is None:
                connection.connect()
            reached = True
            connection.request(call.method, self._target(call.path), call.body, self._all_headers(call))
            response = connection.getresponse()
            body = self._read(response)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Fault(f"{self._host}:{self._port} does not answer: {_told(error)}", reached=reached)
        except BaseException:
            connection.close()
            raise
        if response.will_close or len(self._idle) >= self._most_kept:
            connection.close()
        else:
            self._idle.append(connection)
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The body; a server that sends it drop by drop is not listened to for ever."""
        deadline = time.monotonic() + self._timeout_s
        pieces = []
        while piece := response.read1(PIECE_BYTES):
            pieces.append(piece)
            if time.monotonic() > deadline:
                raise TimeoutError(f"the answer took over {self._timeout_s:g} s")
        if response.length:  # read1 says nothing of what is missing
            raise http.client.IncompleteRead(b"", response.length)
        response.close()
        return b"".join(pieces)

    def _new(self) -> http.client.HTTPConnection:
        host, port = self._proxy.address if self._proxy else (self._host, self._port)
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        connection = http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)
        if self._proxy:
            connection.set_tunnel(self._host, self._port, headers=self._proxy.headers)
        return connection

    def _target(self, path: str) -> str:
        whole = self._path + path
        return f"http://{self._host_header()}{whole}" if self._proxy and self._tls is None else whole

    def _all_headers(self, call: Call) -> dict[str, str]:
        headers = {"Host": self._host_header(), "Accept": "application/json", **self._headers, **call.headers}
        if self._proxy and self._tls is None:
            headers |= self._proxy.headers
        return headers

    def _host_header(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port == (443 if self._tls else 80) else f"{host}:{self._port}"


class _Proxy:
    """A proxy's address, and the headers that it wants."""

    def __init__(self, url: str) -> None:
        parsed = urllib.parse.urlsplit(url if "//" in url else f"//{url}")
        self.address = (parsed.hostname or "", parsed.port or (443 if parsed.scheme == "https" else 80))
        self.headers: dict[str, str] = {}
        if parsed.username is not None:
            pair = f"{urllib.parse.unquote(parsed.username)}:{urllib.parse.unquote(parsed.password or '')}"
            self.headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"


def _proxy_of(scheme: str, address: str) -> _Proxy | None:
    """That of the environment, as urllib finds it. None, too, for this machine itself, which no proxy could reach."""
    url = urllib.request.getproxies().get(scheme)
    host = address.rpartition(":")[0]
    if not url or host in {"localhost", "127.0.0.1", "::1"} or urllib.request.proxy_bypass(address):
        return None
    return _Proxy(url)


def _has_something_to_say(sock: socket.socket) -> bool:
    """Of an idle connection: that it was closed."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _part_from_parent() -> None:
    for wire in list(_wires):
        wire.drop()  # the child's copies alone: the parent's connections live on


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_part_from_parent)
