"""systemd's journal, as `journalctl -o export` and `-o json` write it."""

import re
from typing import Any, Final

import orjson

from oddline.files.documents import SOURCE_CHARACTERS, DocumentReader
from oddline.files.model import Entry, Format, Framing, Parser, Sample
from oddline.files.severities import SYSLOG
from oddline.files.timestamps import Clock

_TIMES: Final = ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")
_SOURCES: Final = ("_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "_COMM")
_EXPORT: Final = re.compile(r"\s*(?:[A-Z_][A-Z0-9_]*=.*\n)*?__(?:CURSOR|REALTIME_TIMESTAMP)=")
_BYTE: Final = 256


def _export_likeness(sample: Sample) -> float:
    return 1.0 if _EXPORT.match(sample.text) else 0.0


def _json_likeness(sample: Sample) -> float:
    lines = [line for line in sample.lines if line.startswith("{") and '"__REALTIME_TIMESTAMP"' in line]
    return len(lines) / max(1, len(sample.lines))


def _parser(sample: Sample, clock: Clock) -> Parser:
    read = DocumentReader(sample, clock).read

    def parse(text: str) -> Entry | None:
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(document, dict):
            return None
        document = {name: _text_of_bytes(value) for name, value in document.items()}
        priority = document.pop("PRIORITY", None)
        entry = read({"timestamp": _time(document), **document}, text)
        if isinstance(priority, str) and priority and priority in "01234567":
            entry["severity"] = SYSLOG[int(priority)]
        elif priority is not None:
            entry["attributes"]["PRIORITY"] = priority
        source = next((document[name] for name in _SOURCES if isinstance(document.get(name), str)), None)
        if source:
            entry["source"] = source[:SOURCE_CHARACTERS]
        return entry

    return Parser(parse)


def _time(document: dict[str, Any]) -> str | None:
    """When it was sent, or else when the journal got it; the other stays a field."""
    return next((document[name] for name in _TIMES if isinstance(document.get(name), str)), None)


def _text_of_bytes(value: Any) -> Any:
    """What is no text stands in JSON as a list of its bytes."""
    if isinstance(value, list) and value and all(isinstance(one, int) and 0 <= one < _BYTE for one in value):
        return bytes(value).decode(errors="replace").replace("\0", "\ufffd")
    return value


FORMATS: Final = (
    Format("journal_export", _export_likeness, _parser, framing=Framing.JOURNAL),
    Format("journal_json", _json_likeness, _parser),
)
