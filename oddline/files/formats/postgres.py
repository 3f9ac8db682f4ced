"""PostgreSQL's server log as text: what it adds to a message in lines of their own (DETAIL …) is part of the entry."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.model import Entry, Format, Joins, Parser, Sample
from oddline.files.severities import WORDS
from oddline.files.time_forms import ISO
from oddline.files.timestamps import Clock

_ADDED: Final = frozenset({"DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"})
_LEVELS: Final = r"DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
_ZONE: Final = rf"(?: (?P<zone>(?!(?:{WORDS.upper()})\b)[A-Z]{{2,5}}))?"  # that nobody knows, or several places have
_MESSAGES: Final = headed(
    "postgres",
    Layout(
        rf"{{time}}{_ZONE} \[(?P<pid>\d+)(?:-(?P<line>\d+))?\](?P<session>[^\n]*?):? ?\b"
        rf"(?P<level>{_LEVELS}|{'|'.join(sorted(_ADDED))}):(?: +(?P<message>.*))?",
        ISO,
    ),
    Layout(  # Amazon's
        rf"{{time}}{_ZONE}:(?P<client>[^:]*):(?P<session>[^:@]*@[^:]*):\[(?P<pid>\d+)\]:"
        rf"(?P<level>{_LEVELS}|{'|'.join(sorted(_ADDED))}):(?: +(?P<message>.*))?",
        ISO,
    ),
    joins=Joins.ALL,
)


def _parser(sample: Sample, clock: Clock) -> Parser:
    parse_line = _MESSAGES.parser(sample, clock).parse

    def parse(line: str) -> Entry | None:
        entry = parse_line(line)
        if entry is None or entry["attributes"].get("level") in _ADDED:  # which the server writes with its message
            return None
        if session := entry["attributes"].pop("session", "").strip(" :"):
            entry["attributes"]["session"] = session
        return entry

    return Parser(parse, Joins.ALL)


FORMATS: Final = (Format(_MESSAGES.name, _MESSAGES.likeness, _parser),)
