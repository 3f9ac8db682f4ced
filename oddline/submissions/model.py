"""What a submission is: ids, the accepted entries in normal form, what the caller is answered."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from oddline.ids import new_id

INDEX_BITS = 14
INDEX_MASK = (1 << INDEX_BITS) - 1
MOST_ENTRIES = 1 << INDEX_BITS  # what an entry id has room for

UNSPECIFIED = "UNSPECIFIED"

# OpenTelemetry log data model, "Severity Fields" and its appendix B for the names of other systems.
SEVERITY_NUMBERS = {
    UNSPECIFIED: 0,
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "INFORMATION": 9,
    "INFORMATIONAL": 9,
    "NOTICE": 10,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "ERR": 17,
    "SEVERE": 17,
    "FAILURE": 17,
    "CRITICAL": 18,
    "CRIT": 18,
    "ALERT": 19,
    "FATAL": 21,
    "EMERGENCY": 21,
    "EMERG": 21,
    "PANIC": 21,
}
SEVERITY_TEXTS = {
    0: UNSPECIFIED,
    **dict.fromkeys(range(1, 5), "TRACE"),
    **dict.fromkeys(range(5, 9), "DEBUG"),
    **dict.fromkeys(range(9, 13), "INFO"),
    **dict.fromkeys(range(13, 17), "WARN"),
    **dict.fromkeys(range(17, 21), "ERROR"),
    **dict.fromkeys(range(21, 25), "FATAL"),
}


def new_submission_id(*, clock_ns: Callable[[], int] = time.time_ns) -> UUID:
    """A UUIDv7 (RFC 9562) with its low 14 bits zero: what they leave room for is the index of an entry."""
    return UUID(int=new_id(clock_ns=clock_ns).int & ~INDEX_MASK)


def derived_submission_id(*, at: datetime, of: bytes) -> UUID:
    """A submission's id that whoever knows the same two things makes again: 48 bits of time, 60 of a hash."""
    milliseconds = int(at.timestamp() * 1000)
    high, low = divmod(int.from_bytes(hashlib.sha256(of).digest()[:8], "big") >> 4, 1 << 48)
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low << INDEX_BITS)


def entry_id(submission: UUID, index: int) -> UUID:
    """The id of the entry at `index` (0 to 16,383) of its request."""
    return UUID(int=submission.int | index)


def submission_of(entry: UUID) -> UUID:
    """The submission that an entry came with."""
    return UUID(int=entry.int & ~INDEX_MASK)


def index_of(entry: UUID) -> int:
    """The entry's index in its request."""
    return entry.int & INDEX_MASK


def made_at(identifier: UUID) -> datetime:
    """The time in a UUIDv7, in milliseconds."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)


def rfc3339(moment: datetime) -> str:
    """A UTC time as answers tell it: RFC 3339 with microseconds, so that equal times read the same everywhere."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Columns:
    """Entries in normal form, a list per field, all of one length: what is stored and what the worker trusts.

    `indices` are the entries' places in the request; `timestamps` microseconds since 1970; `attributes` JSON
    text, empty where there are none; `trace_ids`, `span_ids` and `sessions` are empty strings where there are none.
    """

    indices: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    severity_numbers: list[int] = field(default_factory=list)
    severity_texts: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)
    span_ids: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def utf8_bytes(self) -> int:
        """Bytes of the messages and attributes: what a project's usage is counted in, however they came."""
        return len("".join(self.messages).encode()) + len("".join(self.attributes).encode())


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an entry was refused."""

    index: int
    field: str
    code: str
    detail: str

    @property
    def told_shortly(self) -> str:
        """What may stand in a log: nothing of the entry."""
        return f"{self.field}: {self.code}" if self.field else self.code

    def view(self) -> dict[str, Any]:
        """As the answer tells it."""
        return {"index": self.index, "field": self.field, "code": self.code, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A submission that a worker holds: only the holder of this `attempt` can finish it."""

    id: UUID
    project: UUID
    attempt: int
    entries: int
    received_at: datetime
    body_day: date


@dataclass(frozen=True, slots=True)
class StoredBody:
    """A submission's body: its bytes, or the name of the object that has them."""

    submission: UUID
    packed: bytes
    object_key: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project sent on a UTC day."""

    day: date
    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """What a project may send on a UTC day; 0 is no limit."""

    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a POST led to; `replayed` when the same request had been answered before."""

    submission: UUID
    answer: dict[str, Any]
    replayed: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a claimed submission once its entries are in chunks."""

    claimed: Claimed
    anomalies: int
    highest_score: float
    chunk_ids: tuple[UUID, ...]
    result: dict[str, Any]
