"""What can be asked of entries, and where in their order a page ends."""

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID

from oddline.errors import InvalidParameter
from oddline.feedback import OPEN, Verdict

Kind = Literal["anomaly", "peak", "sequence", "rate"]

HIGHEST_SEVERITY: Final = 24  # OpenTelemetry log data model, "Severity Fields"
LONGEST_TEXT: Final = 1_000  # characters
MOST_TERMS: Final = 20  # words, or attributes, of a query
LARGEST_PATTERN_ID: Final = 2**31 - 1
LATEST_US: Final = 2**53  # in the year 2255: what is added to a time below stays a time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_POSITION: Final = struct.Struct(">q16s")  # microseconds since 1970, entry id
_RANK: Final = struct.Struct(">d16s")  # score, entry id
LOWEST_SCORE: Final = 1.4e-45  # above 0: what is lower is out of the range of the database's single floats


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the order of entries: behind it is what is older, or as old and of a lower id."""

    timestamp: datetime
    id: UUID

    def encode(self) -> str:
        """As clients get it."""
        return _encode(_POSITION.pack((self.timestamp - _EPOCH) // timedelta(microseconds=1), self.id.bytes))

    @classmethod
    def decode(cls, cursor: str) -> "Position":
        """What `encode` gave.

        Raises:
            InvalidParameter: it did not give this.
        """
        microseconds, identifier = _decode(_POSITION, cursor)
        _check(0 <= microseconds < LATEST_US, "after", "the cursor is not one that was given")
        return cls(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=identifier))


@dataclass(frozen=True, slots=True)
class Rank:
    """A place in the order of odd entries from the oddest on."""

    score: float
    id: UUID

    def encode(self) -> str:
        """As clients get it."""
        return _encode(_RANK.pack(self.score, self.id.bytes))

    @classmethod
    def decode(cls, cursor: str) -> "Rank":
        """What `encode` gave.

        Raises:
            InvalidParameter: it did not give this.
        """
        score, identifier = _decode(_RANK, cursor)
        if score != 0 and not LOWEST_SCORE <= score <= 1:
            raise InvalidParameter("the cursor is not one that was given", field="after")
        return cls(score, UUID(bytes=identifier))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryQuery:
    """Which entries: all conditions that are given must hold; `time_to` itself is not in the range.

    `severity_minimum` and `severities` are OpenTelemetry's numbers, 0 to 24. In the message are looked for `text` as it
    stands and each of `words` as a whole, both whatever the case of their letters, and `regex`, in RE2's syntax.
    `attributes` are pairs of a name (`user.id`: also the `id` in `user`) and a value as JSON writes it, a string
    without its quotes.

    Raises:
        InvalidParameter: a value that it cannot have; `field` names it.
    """

    time_from: datetime | None = None
    time_to: datetime | None = None
    sources: tuple[str, ...] = ()
    severity_minimum: int | None = None
    severities: tuple[int, ...] = ()
    score_minimum: float | None = None
    is_anomaly: bool | None = None
    pattern_id: int | None = None
    text: str | None = None
    words: tuple[str, ...] = ()
    regex: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    trace_id: str | None = None
    span_id: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        _check_range(self.time_from, self.time_to)
        _check_names(self.sources)
        numbers = [*self.severities, *([] if self.severity_minimum is None else [self.severity_minimum])]
        _check(all(0 <= number <= HIGHEST_SEVERITY for number in numbers), "severity", "severities go from 0 to 24")
        _check(self.score_minimum is None or 0 <= self.score_minimum <= 1, "minimum_score", "scores go from 0 to 1")
        _check(
            self.pattern_id is None or 0 <= self.pattern_id <= LARGEST_PATTERN_ID, "pattern", "this is no pattern's id"
        )
        for name, given in self._texts():
            _check(0 < len(given) <= LONGEST_TEXT, name, "give 1 to 1,000 characters")
            _check("\0" not in given, name, "no entry holds a NUL character")
        _check(len(self.words) <= MOST_TERMS, "words", f"give at most {MOST_TERMS}")
        _check(len(self.attributes) <= MOST_TERMS, "attr", f"give at most {MOST_TERMS}")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Each text that entries are compared with, behind the name of its parameter."""
        single = {name: getattr(self, name) for name in ("text", "regex", "trace_id", "span_id", "session")}
        yield from ((name, given) for name, given in single.items() if given is not None)
        yield from (("words", word) for word in self.words)
        yield from (("attr", part) for pair in self.attributes for part in pair)

    def severity_mask(self) -> int | None:
        """Bit n is set where severity n is wanted; None when all are."""
        if self.severity_minimum is None and not self.severities:
            return None
        wanted = set(self.severities or range(HIGHEST_SEVERITY + 1))
        return sum(1 << number for number in wanted if number >= (self.severity_minimum or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class OddQuery:
    """Which odd entries, and whether the newest or the oddest come first.

    `kind` says what was found odd: entries, sessions as a whole ("sequence"), or how many came ("rate"). `peaks` asks
    for the highest score of each source and hour instead, be it an anomaly or not. `verdicts` are those of
    `oddline.feedback.Verdict`, and "open" where nobody has given one; none asks for all.

    Raises:
        InvalidParameter: a value that it cannot have; `field` names it.
    """

    order: Literal["newest", "oddest"] = "newest"
    time_from: datetime | None = None
    time_to: datetime | None = None
    sources: tuple[str, ...] = ()
    score_minimum: float | None = None
    verdicts: tuple[str, ...] = ()
    kind: Kind = "anomaly"
    peaks: bool = False

    def __post_init__(self) -> None:
        _check(set(self.verdicts) <= {OPEN, *Verdict}, "verdict", "open, expected or confirmed")
        _check(self.order in {"newest", "oddest"}, "order", "either newest or oddest")
        _check(self.kind in get_args(Kind), "kind", "anomaly, peak, sequence or rate")
        _check_range(self.time_from, self.time_to)
        _check_names(self.sources)
        _check(self.score_minimum is None or 0 <= self.score_minimum <= 1, "minimum_score", "scores go from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddEntry:
    """An entry chosen for the list of odd ones: `entry` is its row, `count` how many it stands for, itself included.

    `kind` is "anomaly", "peak" for the highest score of a source in an hour, "sequence" for a session: its entry is
    the one at which the session goes another way than normal ones, or "rate" for how many came: its entry is the last
    one. `id` is the entry's own where it is None.
    """

    kind: Kind
    entry: Mapping[str, Any]
    count: int
    chunk_id: UUID
    arrival_day: date
    explanation: Mapping[str, Any]
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some entries as clients get them, newest first.

    Fewer than were asked for is not the end: only a missing `next` is. `searched_until` is set when the search stopped
    early: everything younger has been looked at, and the rest will probably take `seconds_left`. `cost` says what the
    answer took, `facets` what `count_facets` gave.
    """

    entries: Sequence[Mapping[str, Any]]
    next: str | None
    searched_until: datetime | None = None
    seconds_left: float | None = None
    cost: Mapping[str, Any] = field(default_factory=dict)
    facets: Mapping[str, Any] | None = None


def _check_range(time_from: datetime | None, time_to: datetime | None) -> None:
    for name, moment in (("from", time_from), ("to", time_to)):
        _check(moment is None or moment.tzinfo is not None, name, "a time needs its zone")
    if time_from is not None and time_to is not None:
        _check(time_from <= time_to, "to", "it lies before `from`")


def _check_names(sources: tuple[str, ...]) -> None:
    _check(all(name and "\0" not in name for name in sources), "source", "no source has such a name")


def _check(holds: bool, name: str, detail: str) -> None:
    if not holds:
        raise InvalidParameter(f"{name}: {detail}", field=name)


def _encode(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).decode()


def _decode(form: struct.Struct, cursor: str) -> tuple[Any, ...]:
    try:
        return form.unpack(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, struct.error, UnicodeEncodeError) as error:
        raise InvalidParameter("the cursor is not one that was given", field="after") from error
