"""Store what shippers send by protocols of others, however much it is, so that their retries store nothing twice."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from functions.http import Parts
from functions.ingest.submitters import Submitter
from functions.ingest.submitting import EPOCH, take, turn_of
from oddline.errors import TooLarge
from oddline.submissions import MOST_PART_ENTRIES, SCORE_WAITING_BATCH, Columns, Fault, rfc3339

MOST_ENTRIES: Final = 100_000  # of a request: about 5 s of work


@dataclass(slots=True)
class Shipment:
    """The entries of a request; `is_timed` while each bears a time of its own."""

    entries: list[Any] = field(default_factory=list)
    is_timed: bool = True

    def add(self, entry: Any, *, is_timed: bool) -> None:
        """One entry more.

        Raises:
            TooLarge: it is one too many.
        """
        if len(self.entries) == MOST_ENTRIES:
            raise TooLarge(
                f"a request has at most {MOST_ENTRIES} entries", field="body", limit=MOST_ENTRIES, unit="entries"
            )
        self.entries.append(entry)
        self.is_timed = self.is_timed and is_timed


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
    unpack: Callable[[bytes], bytes],
    decode: Callable[[bytes], Shipment],
    submitter: Submitter,
) -> Shipped:
    """Store a request's entries in submissions of at most 10,000.

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
    with turn_of(body):
        plain = unpack(body)
        shipment = decode(plain)
        digest = hashlib.sha256(protocol.encode() + b"\n" + plain)
        is_known_by_body = shipment.is_timed or len(shipment.entries) > MOST_PART_ENTRIES
        keys = submitter.request_keys or ((f"{protocol}:{digest.hexdigest()}",) if is_known_by_body else ())
        for start in range(0, len(shipment.entries), MOST_PART_ENTRIES):
            answer = partial(_told, start)
            taken = take(
                parts,
                shipment.entries[start : start + MOST_PART_ENTRIES],
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
