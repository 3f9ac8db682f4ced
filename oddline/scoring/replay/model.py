"""What a replay is: a fixed list of chunks, sidecars with the new scores, and sums of the differences."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

OBJECT_PREFIX: Final = "replays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay; its id is that of its task.

    Attributes:
        stalls: the attempts since it last got further.
        is_mixed: whether entries of one chunk may have been scored in the turn of another.
    """

    id: UUID
    project: UUID
    model_version: str
    source: str | None
    time_from: datetime
    time_to: datetime
    stalls: int
    is_mixed: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedChunk:
    """A chunk as it was when the replay began."""

    chunk: UUID
    entries: int
    lowest_id: UUID
    highest_id: UUID
    lowest_time: datetime
    highest_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """The new scores of some entries, in an object; bounds are those of the entries."""

    id: UUID
    entries: int
    lowest_id: UUID
    highest_id: UUID
    lowest_time: datetime
    highest_time: datetime
    object_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed for a pattern in a source; sums and counts are of entries."""

    source_id: int
    pattern_id: int
    entries: int
    score_sum: float
    replayed_sum: float
    anomalies: int
    replayed_anomalies: int
    became_odd: int
    became_normal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay is: entries of its chunks that are done, and of all."""

    done: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A replay's differences over all patterns."""

    entries: int
    patterns: int
    anomalies: int
    replayed_anomalies: int
    became_odd: int
    became_normal: int


def folder_of(project: UUID, replay: UUID) -> str:
    """Where the object store has the sidecars of a replay."""
    return f"{OBJECT_PREFIX}/{project}/{replay}/"
