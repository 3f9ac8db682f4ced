"""The console of .NET: a level, a category and an event's number in one line, the message indented below it."""

import re
from typing import Final

from oddline.files.model import Entry, Format, Joins, Parser, Sample
from oddline.files.severities import SEVERITIES
from oddline.files.timestamps import Clock

_HEADER: Final = re.compile(r"(?P<level>trce|dbug|info|warn|fail|crit): (?P<category>[\w.`+<>-]+)\[(?P<event>-?\d+)\]")


def _likeness(sample: Sample) -> float:
    begins = [line for line in sample.lines if not line.startswith(" ")]
    return sum(map(bool, map(_HEADER.fullmatch, begins))) / max(1, len(begins))


def _parser(sample: Sample, clock: Clock) -> Parser:  # noqa: ARG001  # it writes no time
    def parse(line: str) -> Entry | None:
        found = _HEADER.fullmatch(line)
        if found is None:
            return None
        attributes = {"category": found["category"], "event": found["event"]}
        return {"message": line, "severity": SEVERITIES[found["level"]], "attributes": attributes}

    return Parser(parse, Joins.INDENTED)


FORMATS: Final = (Format("dotnet_console", _likeness, _parser),)
