"""Plain text: a time in any of the usual forms at the beginning of its lines or further in, a level, or neither."""

from collections.abc import Sequence
from typing import Final

from oddline.files.headers import Layout, begins_entry, chosen, first_of
from oddline.files.levels import look_for_level
from oddline.files.model import Entry, Format, Joins, Parser, Sample
from oddline.files.severities import WORDS
from oddline.files.time_forms import (
    ASCTIME,
    COMMON_LOG,
    DAY_DASH_NAME,
    DAY_MONTH_NAME,
    DAY_SLASH_MONTH,
    FORMS,
    HOUR_ALONE,
    ISO,
    JAVASCRIPT,
    LOOSE_ISO,
    MONTH_DAY_NAME,
    MONTH_SLASH_DAY,
    NAME_DAY_YEAR,
    SLASHES,
)
from oddline.files.timestamps import Clock
from oddline.files.traces import is_like_trace

_TIMED_SHARE: Final = 0.1  # of the sample's lines; with fewer, times are something that lines happen to begin with
_FURTHER_IN_SHARE: Final = 0.3  # of lines that begin entries; with fewer, times are something that messages tell of

_LAYOUT: Final = (
    rf"(?: {{1,8}}(?=[\d\[])|# Time: )?(?:[\[(<]?(?P<early_level>(?:{WORDS.upper()}))[\])>:]?\s+)?"
    r"[\[(<\"']?{time}[\])>\"']?(?:[\s,:;|-]+|(?=[^\w\s])|$)"
    rf"(?:[\[(<]?(?P<level>(?<=[\[(<])(?i:{WORDS})(?=[\])>])|(?i:{WORDS})(?=\s*[:|,])|(?:{WORDS.upper()})(?=\s|$))"
    r"(?: *[\])>])?(?:[\s:,;|-]+|(?=\[)|$))?(?P<message>.*)"
)
_FURTHER_IN: Final = r"(?P<message>.{1,100}?(?<![\w.:/+-]){time}(?!\w|[:.,]\d).*)"
_FURTHER_FORMS: Final = (
    ISO, COMMON_LOG, ASCTIME, JAVASCRIPT, NAME_DAY_YEAR, DAY_MONTH_NAME, MONTH_DAY_NAME, SLASHES, DAY_DASH_NAME,
    LOOSE_ISO, MONTH_SLASH_DAY, DAY_SLASH_MONTH,
)  # fmt: skip
_FURTHER_LAYOUTS: Final = tuple(Layout(_FURTHER_IN, form, refine=look_for_level) for form in _FURTHER_FORMS)
"""A time that stands behind something else: the message is the whole line."""
_LAYOUTS: Final = tuple(Layout(_LAYOUT, form, refine=look_for_level) for form in (*FORMS, HOUR_ALONE, None))


def _likeness(sample: Sample) -> float:
    return 0.01 if sample.lines else 0.0


def _parser(sample: Sample, clock: Clock) -> Parser:
    counts, others = _counts(_LAYOUTS, sample.lines)
    further_counts, rest = _counts(_FURTHER_LAYOUTS, others)
    has_times = len(sample.lines) - len(others) >= max(1, len(sample.lines) * _TIMED_SHARE)
    parses = chosen(_LAYOUTS, counts, clock, lines=sample.lines) if has_times else []
    if len(others) - len(rest) > _FURTHER_IN_SHARE * sum(map(begins_entry, sample.lines)):
        parses += chosen(_FURTHER_LAYOUTS, further_counts, clock, lines=others)
    return Parser(first_of(parses), Joins.ALL) if parses else Parser(_parse_untimed, Joins.TRACES)


def _counts(layouts: Sequence[Layout], lines: Sequence[str]) -> tuple[list[int], list[str]]:
    """How many lines each layout explains, and the lines that none does."""
    explained = [[bool(pattern.fullmatch(line)) for line in lines] for pattern in map(Layout.compiled, layouts)]
    return list(map(sum, explained)), [line for line, *by in zip(lines, *explained, strict=True) if not any(by)]


def _parse_untimed(line: str) -> Entry | None:
    if is_like_trace(line):
        return None
    entry: Entry = {"message": line, "attributes": {}}
    look_for_level(entry)
    return entry


FORMATS: Final = (Format("text", _likeness, _parser),)
