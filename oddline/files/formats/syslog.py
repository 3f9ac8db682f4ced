"""Syslog: RFC 3164 as daemons write it to files, with or without the priority, and RFC 5424."""

import re
from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.model import Entry, Joins
from oddline.files.severities import SYSLOG, WORDS
from oddline.files.time_forms import ISO, MONTH_DAY_NAME

_PRIORITY: Final = r"(?:(?:\d{1,5} )?<(?P<priority>\d{1,3})>)?"  # behind the count of bytes that TCP may have
_PROCESS: Final = r"(?P<process>[^\s:\[]+|[^\s:\[\]](?:[^:\[\]]{0,46}[^\s:\[\]])?(?=\[\d+\]))"
_TAG: Final = rf"{_PROCESS}(?:\[(?P<pid>\d+)\])?(?: \(\[?(?P<about>[^\])]+)\]?\))?:"
_ELEMENT: Final = r"\[[^ =\]\"]+(?: [^ =\]\"]+=\"(?:[^\"\\\]]|\\.)*\")*\]"
_ELEMENTS: Final = re.compile(r"\[([^ =\]\"]+)((?: [^ =\]\"]+=\"(?:[^\"\\\]]|\\.)*\")*)\]")
_PARAMETERS: Final = re.compile(r" ([^ =\]\"]+)=\"((?:[^\"\\\]]|\\.)*)\"")
_ESCAPED: Final = re.compile(r"\\([\"\\\]])")


def _severity(priority: str) -> str:
    return SYSLOG[int(priority) & 7]


def _open_structured_data(entry: Entry) -> None:
    """Make fields of what RFC 5424 calls elements, one deep; elements of one name keep the text."""
    text = entry["attributes"].get("structured_data", "")
    elements = [
        (name, {key: _ESCAPED.sub(r"\1", value) for key, value in _PARAMETERS.findall(parameters)})
        for name, parameters in _ELEMENTS.findall(text)
    ]
    if elements and len(dict(elements)) == len(elements):
        entry["attributes"]["structured_data"] = dict(elements)


FORMATS: Final = (
    headed(
        "syslog_5424",
        Layout(
            rf"{_PRIORITY}(?:1 )?(?=.{{10}}T){{time}} (?:-|(?P<host>[^\s\[\]]+)) (?:-|(?P<process>[^\s\[\]]+))"
            rf" (?:-|(?P<pid>\S+)) (?:-|(?P<message_id>\S+)) (?:-|(?P<structured_data>(?:{_ELEMENT})+))"
            r"(?: \ufeff?(?P<message>.*))?",
            ISO,
            severity=("priority", _severity),
            refine=_open_structured_data,
        ),
        joins=Joins.INDENTED,
    ),
    headed(
        "syslog",
        Layout(
            rf"{_PRIORITY}{{time}} (?P<host>\S+)(?: {_TAG})?(?: (?P<message>.*))?",
            MONTH_DAY_NAME,
            severity=("priority", _severity),
        ),
        Layout(
            rf"{_PRIORITY}{{time}} (?!(?:{WORDS.upper()}) )(?P<host>[\w.:-]+) {_TAG}(?: (?P<message>.*))?",
            ISO,
            severity=("priority", _severity),
        ),
        joins=Joins.INDENTED,
    ),
)
