"""What a file is found to be, and what reading it gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from oddline.files.timestamps import Clock

Entry = dict[str, Any]
"""As `oddline.submissions` takes it: message, timestamp, severity, source, attributes, trace_id, span_id."""

SAMPLE_BYTES: Final = 256 * 1024  # of a stream's start: what a format is found by
ENTRY_BYTES: Final = 256 * 1024  # of a message, as of an entry of a request
ENTRY_LINES: Final = 1_000  # that are one entry together; what is longer is no trace that anybody reads
BINARY: Final = "binary"


class Framing(Enum):
    """What stands between two records of a stream."""

    LINES = "lines"
    QUOTED_LINES = "quoted lines"  # a line end within quotes is part of a record
    JSON = "json"  # objects, in an array or one after the other
    WRAPPED_JSON = "wrapped json"  # objects, in an array that an object holds
    JOURNAL = "journal"  # fields by line, of any bytes, and a blank line after each record


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: its format's name in the registry, its encoding, its compression (`none` where there is none)."""

    format: str
    encoding: str
    compression: str


@dataclass(slots=True)
class Problems:
    """What was not as it should be, counted.

    Attributes:
        replaced: characters put for bytes that are none in the encoding, or for NUL.
        cut: entries of which only the beginning is kept.
        unparsed: entries that the format does not explain, kept as they stand.
        guessed: entries whose time is guessed from nothing.
        damaged: why unpacking ended before the end; empty where it did not.
    """

    replaced: int = 0
    cut: int = 0
    unparsed: int = 0
    guessed: int = 0
    damaged: str = ""

    def add(self, other: "Problems") -> None:
        """Count the other's as well."""
        self.replaced += other.replaced
        self.cut += other.cut
        self.unparsed += other.unparsed
        self.guessed += other.guessed
        self.damaged = self.damaged or other.damaged


@dataclass(frozen=True, slots=True)
class Block:
    """Some entries of a file.

    Attributes:
        start, end: where in the unpacked stream they stand (UTF-16 counted as UTF-8); nothing is between blocks.
        lines: how many lines these were.
        zone_assumed: some times named no zone.
        year_guessed: some times named no year.
    """

    entries: list[Entry]
    start: int
    end: int
    lines: int = 0
    problems: Problems = field(default_factory=Problems)
    zone_assumed: bool = False
    year_guessed: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a stream: its text, its whole lines without those that are blank, the file's name."""

    text: str
    lines: Sequence[str]
    name: str = ""


Parse = Callable[[str], Entry | None]
"""A record's entry; None where the record is no beginning of one."""


class Joins(Enum):
    """Which lines that begin no entry belong to the entry before them."""

    NOTHING = "nothing"
    TRACES = "traces"  # of Python and Java
    INDENTED = "indented"  # and traces
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads the records of one file.

    Attributes:
        header: a line that is none of an entry.
    """

    parse: Parse
    joins: Joins = Joins.NOTHING
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write entries.

    Attributes:
        likeness: how much of the sample it explains, 0 to 1.
        parser: what reads the records of a file that begins like the sample.
    """

    name: str
    likeness: Callable[[Sample], float]
    parser: Callable[[Sample, "Clock"], Parser]
    framing: Framing = Framing.LINES
