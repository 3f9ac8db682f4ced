"""Plain text: a time in any of the usual forms at the beginning of its lines, a level behind it, or neither."""

import re
from typing import Final

from oddline.files.headers import Layout, chosen, first_of
from oddline.files.model import Entry, Format, Joins, Parser, Sample
from oddline.files.severities import SEVERITIES, WORDS
from oddline.files.timestamps import FORMS, Clock
from oddline.files.traces import is_like_trace

_TIMED_SHARE: Final = 0.1  # of the sample's lines; with fewer, times are something that lines happen to begin with
_LOOKED_AT_CHARACTERS: Final = 120

_LAYOUT: Final = (
    rf"(?:[\[(<]?(?P<early_level>(?:{WORDS.upper()}))[\])>:]?\s+)?"
    r"[\[(<\"']?{time}[\])>\"']?(?:[\s,:;|-]+|(?=[^\w\s])|$)"
    rf"(?:[\[(<]?(?P<level>(?<=[\[(<])(?i:{WORDS})(?=[\])>])|(?i:{WORDS})(?=\s*[:|,])|(?:{WORDS.upper()})(?=\s|$))"
    r"[\])>]?(?:[\s:,;|-]+|$))?(?P<message>.*)"
)
_LAYOUTS: Final = tuple(Layout(_LAYOUT, form) for form in (*FORMS, None))
_LEVEL_WITHIN: Final = re.compile(
    rf"(?:^|[\s\[(<|])({WORDS.upper()})(?=[\s\])>|:,]|$)|(?:^|\b(?:level|lvl|severity)=\"?)((?i:{WORDS}))\b"
)
_LEVEL_FIRST: Final = re.compile(rf"[\[(<]?((?i:{WORDS}))(?:[\])>]:?|:)\s")


def _likeness(sample: Sample) -> float:
    return 0.01 if sample.lines else 0.0


def _parser(sample: Sample, clock: Clock) -> Parser:
    patterns = [layout.compiled() for layout in _LAYOUTS]
    counts = [sum(map(bool, map(pattern.fullmatch, sample.lines))) for pattern in patterns]
    if sum(counts) < max(1, len(sample.lines) * _TIMED_SHARE):
        return Parser(_parse_untimed, Joins.TRACES)
    parse_header = first_of(chosen(_LAYOUTS, counts, clock))

    def parse(line: str) -> Entry | None:
        entry = parse_header(line)
        if entry is not None and "severity" not in entry:
            _look_for_level(entry, entry["message"])
        return entry

    return Parser(parse, Joins.ALL)


def _parse_untimed(line: str) -> Entry | None:
    if is_like_trace(line):
        return None
    entry: Entry = {"message": line, "attributes": {}}
    found = _LEVEL_FIRST.match(line)
    if found:
        entry["severity"] = SEVERITIES[found[1].lower()]
    else:
        _look_for_level(entry, line)
    return entry


def _look_for_level(entry: Entry, text: str) -> None:
    if found := _LEVEL_WITHIN.search(text, 0, _LOOKED_AT_CHARACTERS):
        entry["severity"] = SEVERITIES[(found[1] or found[2]).lower()]


FORMATS: Final = (Format("text", _likeness, _parser),)
