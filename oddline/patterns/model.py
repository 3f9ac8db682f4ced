"""What is kept of a pattern: its id in its project, what the model said of it, which sources know it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


def pattern_hash(pattern: str) -> bytes:
    """The 16 bytes (BLAKE2b of the UTF-8) that name a pattern in the database."""
    return hashlib.blake2b(pattern.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Memo:
    """What the model said of a pattern; never a score, which depends on source and time.

    `shares` and `embedding` are little-endian float32 arrays as bytes; the shares, one per token, add up to the
    severity logit. `views` are int8, so many numbers per token as the model gives.
    """

    severity_logit: float
    tokens: tuple[str, ...]
    shares: bytes
    embedding: bytes
    views: bytes


@dataclass(frozen=True, slots=True)
class StoredPattern:
    """A pattern of a project, with its memo where the model has seen it."""

    id: int
    pattern: str
    memo: Memo | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """That a source had a pattern."""

    source_id: int
    pattern_id: int
    first_seen: datetime
    last_seen: datetime
    entries: int


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """What one source had in some chunks; `histogram` counts its scores in bins of equal width."""

    source_id: int
    entries: int
    last_seen: datetime
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SourceKey:
    """A source's id and its own threshold, where it has one."""

    id: int
    name: str
    threshold: float | None
