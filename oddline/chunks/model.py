"""What a chunk is: some entries of one project, scored, in one blob, and the row that says what the blob holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

Format = Literal["parquet", "jsonl"]
Skipped = Literal["time", "source", "severity", "score", "pattern", "words"]
"""Why a part is not opened: what its row says of it, or the filter of its words."""

Header = bytes  # by another name for classes that have a size in `bytes`

HISTOGRAM_BINS = 20  # of scores, 0 to 1: fine enough to read a threshold from, and 20 integers a source
LATE_AFTER = timedelta(days=1)  # an entry further from its arrival stands in a chunk that is found by its own range

ROW_BYTES = 100  # of an entry that is unpacked, beside its message and its attributes
PACKED_ABOUT = 8  # times smaller is what was stored before its unpacked size was noted

SCORE_ERROR = 1e-6  # scores have single precision, so 0.9 is stored as a little less than 0.9

# An original names the merge that replaced it; the results of that merge are its id with the low bits counted up.
RESULT_BITS = 14
RESULT_MASK = (1 << RESULT_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """A part of a blob that can be read alone: bytes `start` up to `end`, `rows` rows, and what bounds their values.

    `decoded` is how many bytes the entries take unpacked, about; `severities` has bit n set where an entry has severity
    number n.
    """

    start: int
    end: int
    rows: int
    decoded: int
    lowest_time: datetime
    highest_time: datetime
    lowest_id: UUID
    highest_id: UUID
    highest_score: float
    severities: int
    source_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk's row without its blob. Times are those of the entries; `level` is 0 (born), 1 (hour) or 2 (day)."""

    id: UUID
    project: UUID
    arrival_day: date
    level: int
    format: Format
    schema_version: int
    late: bool
    lowest_id: UUID
    highest_id: UUID
    lowest_time: datetime
    highest_time: datetime
    entries: int
    anomalies: int
    highest_score: float
    severities: int
    source_ids: tuple[int, ...]
    pattern_ids: tuple[int, ...]
    bytes: int

    def holds(self, entry: UUID, *, timestamp: datetime, received_at: datetime) -> bool:
        """Whether, of the chunks that one call of `build` made, an entry with these times went into this one."""
        if self.arrival_day != received_at.date() or self.late != is_late(timestamp, received_at):
            return False
        is_of_day = self.late or self.highest_time.date() == timestamp.date()
        return is_of_day and self.lowest_id <= entry <= self.highest_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BornChunk(Chunk):
    """A chunk as scoring made it.

    `histograms` has HISTOGRAM_BINS counts of scores for each source, in the order of `source_ids`. The n-th of
    `pattern_ids`, `pattern_sources`, `pattern_counts`, `pattern_scores` and `pattern_anomalies` say together: this
    pattern, in that source, so many entries, with that highest score, so many of them anomalies. `analyzed_at` is when
    the model of `model_version` scored them all. `decoded_bytes` is as `RowGroup.decoded`.
    """

    decoded_bytes: int
    histograms: tuple[int, ...]
    pattern_sources: tuple[int, ...]
    pattern_counts: tuple[int, ...]
    pattern_scores: tuple[float, ...]
    pattern_anomalies: tuple[int, ...]
    model_version: str
    analyzed_at: datetime
    created_at: datetime
    token_filter: bytes = field(repr=False)
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactedChunk(Chunk):
    """A chunk that took the place of others; its blob stands in the row, or in the object that `object_key` names.

    `bytes` is the size of the blob, `footer_offset` where its Parquet footer begins. `token_filter` is that of its
    words, or the header of the one that stands right before the footer.
    """

    object_key: str | None
    footer_offset: int
    row_groups: tuple[RowGroup, ...]
    created_at: datetime
    token_filter: bytes = field(repr=False)
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the order in which chunks became visible: `xid` is the transaction that wrote them."""

    era: int
    xid: int
    chunk: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk(Chunk):
    """A chunk as an incremental reader gets it: as it was born, whatever became of it since.

    Chunks of the first version have no scores and anomalies of patterns, no model and no time of analysis.
    """

    decoded_bytes: int
    histograms: tuple[int, ...]
    pattern_sources: tuple[int, ...]
    pattern_counts: tuple[int, ...]
    pattern_scores: tuple[float, ...]
    pattern_anomalies: tuple[int, ...]
    model_version: str
    analyzed_at: datetime | None
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the blob of a chunk is, and how to read it: in the row, or in the object that `object_key` names.

    `filter_header` is that of the filter of its words where this stands in the object, right before the footer, and
    was asked for.
    """

    chunk: UUID
    project: UUID
    format: Format
    schema_version: int
    entries: int
    bytes: int
    object_key: str | None
    footer_offset: int
    filter_header: Header | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One row group of a chunk (the n-th), or a whole chunk where it has none: what a search opens at once."""

    place: Place
    number: int
    row_offset: int
    group: RowGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeGroup:
    """Chunks that may be merged with each other; `entry_day` is None for late ones."""

    project: UUID
    arrival_day: date
    late: bool
    entry_day: date | None
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A chunk that a merge is to replace, in all its parts."""

    chunk: UUID
    entries: int
    bytes: int
    object_key: str | None
    parts: tuple[Part, ...]

    @property
    def decoded(self) -> int:
        """As `RowGroup.decoded`, of all of it."""
        return sum(part.group.decoded for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a search asks of entries, as far as it can be told from a chunk's row; `time_to` itself is not wanted.

    None is "whatever"; `severities` has bit n set for severity number n; `words` are hashes of words that it holds;
    `late` is whether it stands in a late chunk.
    """

    time_from: datetime
    time_to: datetime
    late: bool | None = None
    source_ids: tuple[int, ...] | None = None
    severities: int | None = None
    score_minimum: float | None = None
    anomalies_only: bool = False
    pattern_id: int | None = None
    words: tuple[int, ...] = ()

    def why_not_in(self, group: RowGroup) -> Skipped | None:
        """Why no such entry can be in a row group; None where one may be."""
        if group.lowest_time >= self.time_to or group.highest_time < self.time_from:
            return "time"
        if self.source_ids is not None and set(self.source_ids).isdisjoint(group.source_ids):
            return "source"
        if self.severities is not None and not self.severities & group.severities:
            return "severity"
        if self.score_minimum is not None and group.highest_score < self.score_minimum - SCORE_ERROR:
            return "score"
        return None


def is_late(timestamp: datetime, received_at: datetime) -> bool:
    """Whether an entry is too far from its arrival to be looked for near it."""
    return abs(timestamp - received_at) > LATE_AFTER


def decoded_about(*, rows: int, packed: int) -> int:
    """As `RowGroup.decoded`, for what was stored before that was noted."""
    return rows * ROW_BYTES + packed * PACKED_ABOUT


def merge_result(merge: UUID, number: int) -> UUID:
    """The id of a merge's n-th result."""
    return UUID(int=merge.int | number)


def row_group_from_json(stored: Mapping[str, Any]) -> RowGroup:
    """What `row_group_to_json` was given."""
    return RowGroup(
        **{
            "decoded": decoded_about(rows=stored["rows"], packed=stored["end"] - stored["start"]),
            **stored,
            "lowest_time": datetime.fromisoformat(stored["lowest_time"]),
            "highest_time": datetime.fromisoformat(stored["highest_time"]),
            "lowest_id": UUID(stored["lowest_id"]),
            "highest_id": UUID(stored["highest_id"]),
            "source_ids": tuple(stored["source_ids"]),
        }
    )


def row_group_to_json(group: RowGroup) -> dict[str, Any]:
    """A row group as its chunk's row keeps it."""
    return {
        "start": group.start,
        "end": group.end,
        "rows": group.rows,
        "decoded": group.decoded,
        "lowest_time": group.lowest_time.isoformat(),
        "highest_time": group.highest_time.isoformat(),
        "lowest_id": group.lowest_id.hex,
        "highest_id": group.highest_id.hex,
        "highest_score": group.highest_score,
        "severities": group.severities,
        "source_ids": list(group.source_ids),
    }
