"""Slow down whoever tries keys: a client address that fails too often is not listened to for the rest of a minute."""

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from oddline.errors import RateLimited
from oddline.limits.model import WINDOW_S, window_of

MOST_REMEMBERED = 10_000  # of keys, and of addresses: some megabytes


class Guesses:
    """Counts failed authentications of client addresses. Safe to share between threads.

    Keys that this process knows to be good are let through from any address: many callers share one, and the shipper
    with a wrong key must not shut the others out.

    Args:
        count: counts one more of a name, which begins anew after so many seconds.
        most: failures in `WINDOW_S`; 0 for no limit.
    """

    def __init__(self, count: Callable[[str, int], int], *, most: int) -> None:
        self._count = count
        self._most = most
        self._refused_until: dict[str, datetime] = {}
        self._good: dict[bytes, None] = {}
        self._lock = threading.Lock()

    def check(self, address: str, presented: str | None, *, now: datetime) -> None:
        """Let a request be authenticated, or not.

        Raises:
            RateLimited: too many from there failed, and what it presents is not known to be good.
        """
        until = self._refused_until.get(_network(address))
        if until is None or until <= now or (presented is not None and _hash(presented) in self._good):
            return
        seconds = max(1, round((until - now).total_seconds()))
        raise RateLimited("too many requests without a valid key came from this address", retry_after=seconds)

    def failed(self, address: str, presented: str | None, *, now: datetime) -> None:
        """Note that the authentication of a request from there failed; what it presented is good no more."""
        if presented is not None:
            with self._lock:
                self._good.pop(_hash(presented), None)
        if not self._most:
            return
        place = _network(address)
        window, seconds_left = window_of(place, now=now)
        if self._count(f"failures:{place}:{window}", WINDOW_S) >= self._most:
            with self._lock:
                _remember(self._refused_until, place, now + timedelta(seconds=seconds_left))

    def succeeded(self, presented: str) -> None:
        """Note that this is good."""
        with self._lock:
            _remember(self._good, _hash(presented), None)


def _remember(remembered: dict[Any, Any], name: Any, value: Any) -> None:
    """The newest `MOST_REMEMBERED`."""
    remembered.pop(name, None)
    if len(remembered) >= MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
    remembered[name] = value


def _hash(presented: str) -> bytes:
    return hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()


def _network(address: str) -> str:
    """Who shares a budget: an IPv4 address, or the 2^64 addresses that every customer of an IPv6 provider has."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((known, 64), strict=False)) if isinstance(known, IPv6Address) else str(known)
