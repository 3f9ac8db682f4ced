"""Sum up what a file holds while it is read: format, time range, severities, sources, counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from oddline.files.model import Block, Found, Problems

MOST_SOURCES: Final = 1_000  # told apart; a file with more names something else by the same word
UNSPECIFIED: Final = "UNSPECIFIED"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file holds, or the part of it that was read.

    Attributes:
        first, last: times of its entries; None without entries.
        zone_assumed: some times named no zone.
        year_guessed: some times named no year.
        packed_bytes: of the file as it came; 0 until its end was read.
    """

    format: str
    encoding: str
    compression: str
    entries: int = 0
    lines: int = 0
    packed_bytes: int = 0
    unpacked_bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None
    severities: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    zone_assumed: bool = False
    year_guessed: bool = False
    problems: Problems = field(default_factory=Problems)

    def view(self) -> dict[str, Any]:
        """As JSON tells it; `restored` makes the same of it."""
        told = asdict(self)
        return told | {name: told[name] and told[name].isoformat() for name in ("first", "last")}

    @classmethod
    def restored(cls, view: Mapping[str, Any]) -> "Metadata":
        """What `view` told."""
        times = {name: view[name] and datetime.fromisoformat(view[name]) for name in ("first", "last")}
        return cls(**{**view, **times, "problems": Problems(**view["problems"])})


class MetadataFold:
    """Adds up blocks; each block once, in any order.

    Args:
        before: what was summed up of the file before, where reading goes on.
    """

    def __init__(self, found: Found, *, before: Metadata | None = None) -> None:
        self._sum = before or Metadata(found.format, found.encoding, found.compression)
        self._severities, self._sources = Counter(self._sum.severities), Counter(self._sum.sources)

    def add(self, block: Block) -> None:
        """Count a block."""
        before, problems = self._sum, replace(self._sum.problems)
        problems.add(block.problems)
        self._severities.update(entry.get("severity", UNSPECIFIED) for entry in block.entries)
        for source, count in Counter(entry["source"] for entry in block.entries if "source" in entry).items():
            if source in self._sources or len(self._sources) < MOST_SOURCES:
                self._sources[source] += count
        first, last = _range(block)
        self._sum = replace(
            before,
            entries=before.entries + len(block.entries),
            lines=before.lines + block.lines,
            unpacked_bytes=max(before.unpacked_bytes, block.end),
            first=min(filter(None, (before.first, first)), default=None),
            last=max(filter(None, (before.last, last)), default=None),
            zone_assumed=before.zone_assumed or block.zone_assumed,
            year_guessed=before.year_guessed or block.year_guessed,
            problems=problems,
        )

    def end(self, *, packed_bytes: int, damaged: str = "") -> None:
        """Note what only the whole file tells."""
        problems = replace(self._sum.problems, damaged=damaged)
        self._sum = replace(self._sum, packed_bytes=packed_bytes, problems=problems)

    @property
    def metadata(self) -> Metadata:
        """What was counted so far."""
        return replace(self._sum, severities=dict(self._severities), sources=dict(self._sources))


def _range(block: Block) -> tuple[datetime | None, datetime | None]:
    """The earliest and latest time: of most blocks all times are written alike, and sort as texts."""
    stamps = [entry["timestamp"] for entry in block.entries]
    if not stamps:
        return None, None
    if {stamp[19:] for stamp in stamps} - {"Z"}:
        moments = [datetime.fromisoformat(stamp) for stamp in set(stamps)]
        return min(moments).astimezone(UTC), max(moments).astimezone(UTC)
    return datetime.fromisoformat(min(stamps)), datetime.fromisoformat(max(stamps))
