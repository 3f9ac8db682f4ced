"""What can be asked of patterns, and what is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from oddline.errors import InvalidParameter

LONGEST_QUESTION: Final = 1_000  # characters; the model reads some 60 words
MOST_HITS: Final = 50
MOST_ENTRIES: Final = 10  # of each hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Where and when a pattern must have been seen; what is not given narrows nothing."""

    sources: tuple[str, ...] = ()
    time_from: datetime | None = None
    time_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for; with a time or sources, only patterns that were seen there. `time_to` is not in the range.

    Raises:
        InvalidParameter: a value that it cannot have; `field` names it.
    """

    text: str
    time_from: datetime | None = None
    time_to: datetime | None = None
    sources: tuple[str, ...] = ()
    limit: int = 10
    entries: int = 3

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidParameter("say what is looked for", field="q")
        if len(self.text) > LONGEST_QUESTION:
            raise InvalidParameter(f"at most {LONGEST_QUESTION:,} characters", field="q")
        if not 1 <= self.limit <= MOST_HITS:
            raise InvalidParameter(f"from 1 to {MOST_HITS}", field="limit")
        if not 0 <= self.entries <= MOST_ENTRIES:
            raise InvalidParameter(f"from 0 to {MOST_ENTRIES}", field="entries")

    @property
    def within(self) -> Within:
        """What its sources and its time narrow it to."""
        return Within(sources=self.sources, time_from=self.time_from, time_to=self.time_to)


@dataclass(frozen=True, slots=True)
class Seen:
    """A pattern in a source."""

    source: str
    entries: int
    first_seen: datetime
    last_seen: datetime


@dataclass(slots=True)
class Why:
    """What a pattern was found by; a rank is its place in that list alone, from 1 on."""

    similarity: float | None = None
    similarity_rank: int | None = None
    words: tuple[str, ...] = ()
    words_rank: int | None = None
    parameters: tuple[str, ...] = ()
    parameters_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The hits as clients get them, the best first.

    `waiting` counts patterns that have no vector yet; not `complete`, time was up before all was looked at.
    """

    hits: Sequence[Mapping[str, Any]]
    waiting: int
    complete: bool
    cost: Mapping[str, Any] = field(default_factory=dict)
