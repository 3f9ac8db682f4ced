"""What a person can say of an anomaly, and what is kept of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

OPEN: Final = "open"
"""In filters beside the verdicts: of which nobody has said anything."""


class Verdict(StrEnum):
    """What a person says of a pattern or a sequence: it is as it should be, or it is a fault whenever it comes."""

    EXPECTED = "expected"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeedback:
    """A verdict as it is given; `source_id` None stands for all sources of the project, `key_id` for who gave it."""

    id: UUID
    source_id: int | None
    pattern_id: int
    verdict: Verdict
    note: str
    key_id: UUID
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSequenceFeedback:
    """A verdict on a sequence as it is given; `entry_id` is that of the odd sequence, `steps` its packed pattern ids.

    `grouping` and `key` say among which others it stands: those of `oddline.scoring.sequences`.
    """

    id: UUID
    entry_id: UUID
    source_id: int
    grouping: str
    key: bytes
    steps: bytes
    length: int
    verdict: Verdict
    note: str
    key_id: UUID
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A verdict as it is listed, with the names of what it is about; it is in force until `undone_at`.

    One on a pattern has `pattern_id` and `pattern`, one on a sequence `entry_id` and its number of `steps`.
    """

    id: UUID
    source: str | None
    pattern_id: int | None
    pattern: str | None
    entry_id: UUID | None
    steps: int | None
    verdict: Verdict
    note: str
    key_id: UUID
    since: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictInForce:
    """A verdict as scoring uses it; `embedding` (little-endian float32) is None where the model has not read it."""

    source_id: int | None
    pattern_id: int
    pattern: str
    verdict: Verdict
    embedding: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceVerdict:
    """A verdict on a sequence as judging uses it."""

    id: UUID
    source_id: int
    grouping: str
    steps: bytes
    verdict: Verdict
