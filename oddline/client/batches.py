"""Put entries into batches that the API takes whole, each with a key that makes a repeat harmless."""

import gzip
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from oddline.client.answers import Refusal

MOST_ENTRIES = 10_000  # of a request
WIRE_BYTES = 4 * 1024 * 1024
UNPACKED_BYTES = 32 * 1024 * 1024
# Of a batch, unpacked: so it fits on the wire however badly it packs, and nothing has to be packed twice.
BATCH_BYTES = WIRE_BYTES - 64 * 1024

HEADERS = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries on their way. `indices`: the caller's, of each; `refused`: those that cannot even be written as JSON."""

    body: bytes
    key: str
    indices: tuple[int, ...]
    refused: tuple[Refusal, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """What tells the API how to read it, and to take it once."""
        return HEADERS | {"Idempotency-Key": self.key}


def batches(
    entries: Iterable[Mapping[str, Any]], *, run: str | None = None, most_entries: int = MOST_ENTRIES
) -> Iterator[Batch]:
    """The entries in batches, in their order; an entry that alone is larger than a request may be is refused.

    Args:
        entries: may be without end; no more than a batch of them is held.
        run: names the sending, so that the same one, done again within a day, doubles nothing; else each is another.
    """
    run = run or uuid.uuid4().hex
    number, size = 0, 0
    lines: list[bytes] = []
    indices: list[int] = []
    refused: list[Refusal] = []
    for index, entry in enumerate(entries):
        try:
            line = to_json(entry)
        except (TypeError, ValueError, RecursionError) as error:
            refused.append(Refusal(index, "", "no-json", f"the entry cannot be written as JSON: {error}"))
            continue
        if lines and (size + len(line) + 1 > BATCH_BYTES or len(lines) >= most_entries):
            yield _packed(lines, indices, refused, run=f"{run}:{number}")
            number, size = number + 1, 0
            lines, indices, refused = [], [], []
        lines.append(line)
        indices.append(index)
        size += len(line) + 1
    if lines or refused:
        yield _packed(lines, indices, refused, run=f"{run}:{number}")


def to_json(entry: Any) -> bytes:
    """An entry, or whatever else is sent: times as in RFC 3339, what JSON does not know as text.

    Raises:
        TypeError, ValueError: it is nested in itself, holds NaN or Infinity, or keys that JSON cannot have.
    """
    text = json.dumps(entry, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate: the API says so, of this entry alone
        return json.dumps(entry, allow_nan=False, separators=(",", ":"), default=_as_text).encode()


def _packed(lines: list[bytes], indices: list[int], refused: list[Refusal], *, run: str) -> Batch:
    body = b"\n".join(lines)
    packed = gzip.compress(body, compresslevel=1, mtime=0) if lines else b""
    if len(packed) > WIRE_BYTES or len(body) > UNPACKED_BYTES:  # one entry: several are put together below the limit
        detail = (
            f"the entry has {len(body)} bytes, {len(packed)} packed; a request takes {UNPACKED_BYTES}, {WIRE_BYTES}"
        )
        too_large = Refusal(indices[0], "", "too-large", detail)
        return Batch(b"", "", (), (*refused, too_large))
    key = hashlib.sha256(f"{run}:".encode() + body).hexdigest()
    return Batch(packed, key, tuple(indices), tuple(refused))


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
