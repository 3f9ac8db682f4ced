"""Read lines whose header is a time and some fields: layouts say how it is written, and one piece of code reads all."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from oddline.files.model import Entry, Format, Joins, Parse, Parser, Sample
from oddline.files.severities import SEVERITIES
from oddline.files.time_forms import EPOCH, TimeForm
from oddline.files.timestamps import Clock

_OWN_GROUPS: Final = frozenset(
    {"t1", "t2", "t3", "t4", "epoch", "epoch_fraction", "epoch_decimals", "level", "early_level", "message"}
)
_RARE: Final = 0.02  # a layout that fewer lines of the sample have is none of the file's


@dataclass(frozen=True, slots=True)
class Layout:
    """How a header is written.

    Attributes:
        pattern: of a whole line, `{time}` standing for the form's; its groups `level` and `message` are what they say,
            all others are attributes.
        form: None for seconds since 1970.
        severities: what the groups `level` may hold; what is not in it stays an attribute.
        severity: from a group of another name than `level`, by a rule.
        refine: what else there is to be done to an entry.
    """

    pattern: str
    form: TimeForm | None
    severities: Mapping[str, str] = field(default_factory=lambda: SEVERITIES)
    severity: tuple[str, Callable[[str], str]] | None = None
    refine: Callable[[Entry], None] | None = None

    def compiled(self) -> re.Pattern[str]:
        """The expression of a whole line."""
        time = self.form.pattern if self.form else EPOCH
        # Whatever digits the rest of a line has, a time's go into its stamp as they are.
        return re.compile(self.pattern.replace("{time}", f"(?a:{time})"), re.DOTALL)

    def parse_with(self, clock: Clock) -> Parse:
        """What reads such lines."""
        pattern = self.compiled()
        at = {name: number - 1 for name, number in pattern.groupindex.items()}
        fields = [(name, number) for name, number in at.items() if name not in _OWN_GROUPS]
        read_time = _epoch_reader(clock, at) if self.form is None else _form_reader(clock.converter(self.form), at)
        message_at, level_at, early_at = at["message"], at.get("level"), at.get("early_level")
        severities = self.severities
        rule = (at[self.severity[0]], self.severity[1]) if self.severity else None
        match, refine = pattern.fullmatch, self.refine

        def parse(line: str) -> Entry | None:
            found = match(line)
            if found is None:
                return None
            groups = found.groups()
            stamp = read_time(groups)
            if stamp is None:
                return None
            attributes = {name: groups[number] for name, number in fields if groups[number]}
            entry = {"message": groups[message_at], "timestamp": stamp, "attributes": attributes}
            level = groups[level_at] if level_at is not None else None
            if level is None and early_at is not None:
                level = groups[early_at]
            if level:
                severity = severities.get(level) or severities.get(level.lower())
                if severity:
                    entry["severity"] = severity
                else:
                    attributes["level"] = level
            elif rule and (value := groups[rule[0]]):
                entry["severity"] = rule[1](value)
            if refine:
                refine(entry)
            return entry

        return parse


def headed(name: str, *layouts: Layout, joins: Joins = Joins.ALL) -> Format:
    """A format that is written in some layouts, of which a file has one or a few."""
    patterns: list[re.Pattern[str]] = []

    def compiled() -> Sequence[re.Pattern[str]]:
        patterns.extend(layout.compiled() for layout in layouts[len(patterns) :])
        return patterns

    def likeness(sample: Sample) -> float:
        expressions = compiled()
        explained = sum(any(pattern.fullmatch(line) for pattern in expressions) for line in sample.lines)
        return min(1.0, explained / max(1, sum(map(begins_entry, sample.lines))))

    def parser(sample: Sample, clock: Clock) -> Parser:
        counts = [sum(map(bool, map(pattern.fullmatch, sample.lines))) for pattern in compiled()]
        return Parser(first_of(chosen(layouts, counts, clock, lines=sample.lines)), joins)

    return Format(name, likeness, parser)


def chosen(layouts: Sequence[Layout], counts: Sequence[int], clock: Clock, *, lines: Sequence[str]) -> list[Parse]:
    """What reads a sample's layouts, the commonest first; all of them where the sample has none.

    Of those as common whose times have a short year, the one by which the lines end nearest before the clock's hint.
    """
    least = max(1, sum(counts) * _RARE)
    kept = [index for index, count in enumerate(counts) if count >= least] or range(len(layouts))
    parses = {index: layouts[index].parse_with(clock) for index in kept}

    def rank(index: int) -> tuple[int, timedelta]:
        form = layouts[index].form
        if form is None or not form.has_short_year:
            return -counts[index], timedelta(0)
        read = filter(None, map(parses[index], reversed(lines)))
        return -counts[index], next((clock.before_hint(entry["timestamp"]) for entry in read), timedelta.max)

    return [parses[index] for index in sorted(kept, key=rank)]


def first_of(parses: Sequence[Parse]) -> Parse:
    """What the first of them reads that can."""
    if len(parses) == 1:
        return parses[0]

    def parse(line: str) -> Entry | None:
        for one in parses:
            if entry := one(line):
                return entry
        return None

    return parse


def begins_entry(line: str) -> bool:
    """Whether a line may be the first of an entry, as far as one can say without knowing its format."""
    return line[:1] not in " \t" and not line.startswith(("Traceback (", "Caused by: ", "\tat "))


def _form_reader(convert: Callable[..., str | None], at: Mapping[str, int]) -> Callable[[Sequence[str]], str | None]:
    hour, rest, fraction, zone = at["t1"], at["t2"], at["t3"], at["t4"]
    return lambda groups: convert(groups[hour], groups[rest], groups[fraction], groups[zone])


def _epoch_reader(clock: Clock, at: Mapping[str, int]) -> Callable[[Sequence[str]], str | None]:
    seconds, fraction, decimals = at["epoch"], at["epoch_fraction"], at["epoch_decimals"]
    return lambda groups: clock.epoch(int(groups[seconds]), (groups[fraction] or "") + (groups[decimals] or ""))
