"""PostgreSQL's server log as text: what a message adds in lines of its own (DETAIL, STATEMENT …) is part of its entry."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.model import Entry, Format, Joins, Parse, Parser, Sample
from oddline.files.timestamps import ISO, Clock

_ADDED: Final = frozenset({"DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"})
_LEVELS: Final = r"DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
_MESSAGES: Final = headed(
    "postgres",
    Layout(
        r"{time} \[(?P<pid>\d+)(?:-(?P<line>\d+))?\](?P<session>[^\n]*?):? ?\b"
        rf"(?P<level>{_LEVELS}|{'|'.join(sorted(_ADDED))}):(?: +(?P<message>.*))?",
        ISO,
    ),
    joins=Joins.ALL,
)


def _parser(sample: Sample, clock: Clock) -> Parser:
    parse_line = _MESSAGES.parser(sample, clock).parse
    return Parser(_joining(parse_line), Joins.ALL)


def _joining(parse_line: Parse) -> Parse:
    process = ""

    def parse(line: str) -> Entry | None:
        nonlocal process
        entry = parse_line(line)
        if entry is None:
            return None
        attributes = entry["attributes"]
        if attributes.get("level") in _ADDED and attributes["pid"] == process:
            return None
        process = attributes["pid"]
        if session := attributes.pop("session", "").strip(" :"):
            attributes["session"] = session
        return entry

    return parse


FORMATS: Final = (Format(_MESSAGES.name, _MESSAGES.likeness, _parser),)
