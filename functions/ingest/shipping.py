"""Store what shippers send by protocols of others, however much it is, so that their retries store nothing twice."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from functions.http import Parts
from functions.ingest.submitters import Submitter
from functions.ingest.submitting import EPOCH, Turn, Unpack, take
from oddline.errors import TooLarge
from oddline.submissions import (
    LIMITS,
    MOST_PART_ENTRIES,
    SCORE_WAITING_BATCH,
    BadLine,
    Columns,
    Fault,
    rfc3339,
)

MOST_ENTRIES: Final = 100_000  # of a request: about 5 s of work
MOST_BYTES: Final = LIMITS.unpacked_bytes  # of a request's messages and attributes, shared ones counted in each entry
PART_BYTES: Final = 8 * 1024 * 1024  # of a submission: its normal form is in memory several times


class Read(NamedTuple):
    """An entry as it was read; `size` bytes of message and attributes as JSON, with those that it shares."""

    entry: dict[str, Any] | BadLine
    size: int
    is_timed: bool = True


@dataclass(slots=True)
class Shipment:
    """The entries of a request and their bytes; `is_timed` while each bears a time of its own.

    `starts` are the places at which its parts begin.
    """

    entries: list[Any] = field(default_factory=list)
    size: int = 0
    is_timed: bool = True
    starts: list[int] = field(default_factory=list)
    _part_size: int = 0

    def add(self, read: Read) -> None:
        """One entry more.

        Raises:
            TooLarge: it is one too many, or larger than what is left.
        """
        if len(self.entries) == MOST_ENTRIES:
            raise TooLarge(
                f"a request has at most {MOST_ENTRIES} entries", field="body", limit=MOST_ENTRIES, unit="entries"
            )
        self.size += read.size
        if self.size > MOST_BYTES:
            detail = (
                f"the entries of a request have at most {MOST_BYTES} bytes, with what they share (a resource, labels)"
                " counted in each: send fewer at once"
            )
            raise TooLarge(detail, field="body", limit=MOST_BYTES, unit="bytes")
        self._part_size += read.size
        is_full = self.starts and len(self.entries) - self.starts[-1] == MOST_PART_ENTRIES
        if not self.starts or is_full or self._part_size > PART_BYTES:
            self.starts.append(len(self.entries))
            self._part_size = read.size
        self.entries.append(read.entry)
        self.is_timed = self.is_timed and read.is_timed

    def parts(self) -> Iterator[tuple[int, list[Any]]]:
        """Where each part begins, and its entries."""
        for start, end in pairwise([*self.starts, len(self.entries)]):
            yield start, self.entries[start:end]


@dataclass(slots=True)
class Shipped:
    """How many entries could not be taken, and why the first of them."""

    refused: int = 0
    reason: str = ""


def ship(
    parts: Parts,
    protocol: str,
    body: bytes,
    *,
    unpack: Unpack,
    decode: Callable[[bytes], Shipment],
    submitter: Submitter,
) -> Shipped:
    """Store a request's entries in submissions of at most 10,000 and 8 MB.

    These protocols know no idempotency key, and a retry sends the same bytes. So the body itself is the key, for as
    long as others are kept: each submission that was stored is known to a retry, which adds those that were not. The
    same entries at the same times are the same entries. Where some bear no time, the same body can also be a new event:
    it is stored again, unless it is so large that only a retry is that alike.

    Raises:
        BadRequest, TooLarge, UnsupportedEncoding: the request is refused whole.
        QuotaExceeded, RequestInProgress, DatabaseUnavailable, ObjectStoreUnavailable: the rest was not stored; the same
            request may be sent again.
        KeyReused: its own idempotency key came before with another body.
    """
    shipped = Shipped()
    with Turn() as turn:
        plain = turn.unpack(body, unpack)
        shipment = decode(plain)
        turn.wait(size=shipment.size)
        digest = hashlib.sha256(protocol.encode() + b"\n" + plain)
        is_known_by_body = shipment.is_timed or len(shipment.starts) > 1
        keys = submitter.request_keys or ((f"{protocol}:{digest.hexdigest()}",) if is_known_by_body else ())
        for start, entries in shipment.parts():
            answer = partial(_told, start)
            taken = take(
                parts,
                entries,
                project=submitter.project,
                request_keys=[f"{key}#{start}" for key in keys] if start else keys,
                body_hash=digest.digest(),
                answer=answer,
                wake=SCORE_WAITING_BATCH,
            )
            told = taken.accepted.answer if taken.accepted else answer(taken.columns, taken.faults)
            shipped.refused += told["refused"]
            shipped.reason = shipped.reason or told["reason"]
    return shipped


def moment(nanoseconds: int) -> str:
    """A time since 1970 as an entry has it, to the microsecond; what can be none stays as it is, and is a fault."""
    if not 0 <= nanoseconds < 2**64:
        return str(nanoseconds)
    return rfc3339(EPOCH + timedelta(microseconds=nanoseconds // 1000))


def _told(start: int, _columns: Columns, faults: Sequence[Fault], _submission: UUID | None = None) -> dict[str, Any]:
    """What is kept of a submission's answer."""
    first = f"entry {start + faults[0].index}: {faults[0].detail}" if faults else ""
    return {"refused": len(faults), "reason": first}
