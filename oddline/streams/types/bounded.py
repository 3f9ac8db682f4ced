"""Read from a server no more bytes, and no longer, than it is allowed, whatever lengths it states to the driver."""

import time
from typing import Any


class TooMuch(Exception):  # it is caught where fewer are asked for, and never told as an error
    """The server sends more than it may."""


class Allowance:
    """How much may still be read, and until when.

    Args:
        most: bytes, each time that it is renewed.
        ends: by `time.monotonic`; None where there is no end.
    """

    def __init__(self, most: int, *, ends: float | None) -> None:
        self._most = most
        self._left = most
        self._ends = ends

    def renew(self) -> None:
        """Let as many bytes be read as at the beginning."""
        self._left = self._most

    def count(self, size: int) -> None:
        """Take note of bytes that were read.

        Raises:
            TooMuch: there are more than are left.
        """
        self._left -= size
        if self._left < 0:
            raise TooMuch(f"one answer has more than {self._most:,} bytes")

    def time_left(self, timeout: float | None) -> float | None:
        """Seconds that one step may take: `timeout`, or less.

        Raises:
            TimeoutError: the time is over.
        """
        if self._ends is None:
            return timeout
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time is left")
        return left if timeout is None else min(timeout, left)


class BoundedSocket:
    """A connected socket as a driver uses it, that keeps to an allowance."""

    def __init__(self, connected: Any, allowance: Allowance) -> None:
        self._socket = connected
        self._allowance = allowance
        self._timeout: float | None = connected.gettimeout()

    def settimeout(self, timeout: float | None) -> None:
        """Have each step take so many seconds at most."""
        self._timeout = timeout
        self._socket.settimeout(timeout)

    def recv(self, *how: Any) -> bytes:
        """As of a socket; raises `TooMuch` as well."""
        self._socket.settimeout(self._allowance.time_left(self._timeout))
        read: bytes = self._socket.recv(*how)
        self._allowance.count(len(read))
        return read

    def recv_into(self, *how: Any) -> int:
        """As of a socket; raises `TooMuch` as well."""
        self._socket.settimeout(self._allowance.time_left(self._timeout))
        size: int = self._socket.recv_into(*how)
        self._allowance.count(size)
        return size

    def sendall(self, *how: Any) -> None:
        """As of a socket."""
        self._socket.settimeout(self._allowance.time_left(self._timeout))
        self._socket.sendall(*how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
