"""Logs that declare their fields in a line of their own: W3C's of IIS and CloudFront, Zeek's, Amazon's flow logs."""

import re
from collections.abc import Sequence
from typing import Any, Final

from oddline.files.documents import DocumentReader
from oddline.files.model import Entry, Format, Parser, Sample
from oddline.files.severities import severity_of_status
from oddline.files.timestamps import Clock

_DECLARED: Final = re.compile(r"#[Ff]ields:?[ \t]+(.+)")
_FLOW: Final = re.compile(r"(?:[a-z][a-z0-9-]+ ){3,}[a-z][a-z0-9-]+")
_FLOW_TIMES: Final = {"start", "end"}
_STATUS: Final = "sc-status"
_NOTHING: Final = frozenset({"-", "(empty)"})


def _names(lines: Sequence[str]) -> Sequence[str]:
    """The fields that the first line declares which declares any."""
    if lines and _FLOW.fullmatch(lines[0]) and _FLOW_TIMES & set(lines[0].split(" ")):
        return lines[0].split(" ")
    found = next((found for found in map(_DECLARED.fullmatch, lines) if found), None)
    return found[1].split() if found else ()


def _fields(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split(" ")


def _likeness(sample: Sample) -> float:
    names, lines = _names(sample.lines), [line for line in sample.lines if not line.startswith("#")]
    if not names:
        return 0.0
    return sum(len(_fields(line)) == len(names) for line in lines) / max(1, len(lines))


def _parser(sample: Sample, clock: Clock) -> Parser:
    names, reader = _names(sample.lines), DocumentReader(sample, clock)
    header = " ".join(names)

    def parse(line: str) -> Entry | None:
        fields = _fields(line)
        if line.startswith("#"):
            return {"message": line, "attributes": {}}
        if len(fields) != len(names) or line == header:
            return None
        document: dict[str, Any] = {
            name: field for name, field in zip(names, fields, strict=True) if field not in _NOTHING
        }
        status = document.get(_STATUS)
        if "start" in document:
            document["timestamp"] = document.pop("start")
        entry = reader.read(document, line)
        if status:
            entry["severity"] = severity_of_status(status)
        return entry

    return Parser(parse, header=header)


FORMATS: Final = (Format("declared", _likeness, _parser),)
