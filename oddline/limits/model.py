"""Limits: how much a key and a project may use, and how a caller stands with it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from zlib import crc32

WINDOW_S = 60  # short enough to wait for, long enough for bursts

Holder = Literal["key", "project"]


class Kind(StrEnum):
    """What a request does: each kind has a limit of its own, so that a shipper never keeps a reader out."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Limits:
    """Entries and bytes a day of a project; requests a minute of each of its keys, and of all of them. 0: no limit."""

    entries_a_day: int = 0
    bytes_a_day: int = 0
    key_ingest: int = 0
    key_read: int = 0
    key_write: int = 0
    project_ingest: int = 0
    project_read: int = 0
    project_write: int = 0

    def rate(self, holder: Holder, kind: Kind) -> int:
        """Requests a minute of that kind."""
        return int(getattr(self, f"{holder}_{kind}"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands with one limit: of `quota` requests in `WINDOW_S`, `used` with this one."""

    policy: str
    quota: int
    used: int
    resets_in_s: int

    @property
    def remaining(self) -> int:
        """Requests that are left before the window ends."""
        return max(0, self.quota - self.used)

    @property
    def is_exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.quota


def window_of(name: str, *, now: datetime) -> tuple[int, int]:
    """(number of the window that `now` is in, seconds until it ends) of what is counted by that name.

    Each name's windows end at a second of their own: not all callers that wait for it come back at once.
    """
    number, passed = divmod(int(now.timestamp()) + crc32(name.encode()), WINDOW_S)
    return number, WINDOW_S - passed
