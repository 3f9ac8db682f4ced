"""Plain text: a time in any of the usual forms at the beginning of its lines, a level behind it, or neither."""

from typing import Final

from oddline.files.headers import Layout, chosen, first_of
from oddline.files.levels import look_for_level
from oddline.files.model import Entry, Format, Joins, Parser, Sample
from oddline.files.severities import WORDS
from oddline.files.timestamps import FORMS, Clock
from oddline.files.traces import is_like_trace

_TIMED_SHARE: Final = 0.1  # of the sample's lines; with fewer, times are something that lines happen to begin with

_LAYOUT: Final = (
    rf"(?:[\[(<]?(?P<early_level>(?:{WORDS.upper()}))[\])>:]?\s+)?"
    r"[\[(<\"']?{time}[\])>\"']?(?:[\s,:;|-]+|(?=[^\w\s])|$)"
    rf"(?:[\[(<]?(?P<level>(?<=[\[(<])(?i:{WORDS})(?=[\])>])|(?i:{WORDS})(?=\s*[:|,])|(?:{WORDS.upper()})(?=\s|$))"
    r"[\])>]?(?:[\s:,;|-]+|$))?(?P<message>.*)"
)
_LAYOUTS: Final = tuple(Layout(_LAYOUT, form, refine=look_for_level) for form in (*FORMS, None))


def _likeness(sample: Sample) -> float:
    return 0.01 if sample.lines else 0.0


def _parser(sample: Sample, clock: Clock) -> Parser:
    patterns = [layout.compiled() for layout in _LAYOUTS]
    counts = [sum(map(bool, map(pattern.fullmatch, sample.lines))) for pattern in patterns]
    if sum(counts) < max(1, len(sample.lines) * _TIMED_SHARE):
        return Parser(_parse_untimed, Joins.TRACES)
    return Parser(first_of(chosen(_LAYOUTS, counts, clock)), Joins.ALL)


def _parse_untimed(line: str) -> Entry | None:
    if is_like_trace(line):
        return None
    entry: Entry = {"message": line, "attributes": {}}
    look_for_level(entry)
    return entry


FORMATS: Final = (Format("text", _likeness, _parser),)
