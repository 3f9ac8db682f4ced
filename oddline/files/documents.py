"""Read an entry from a JSON document, whichever library wrote it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from oddline.files.assembling import are_storable
from oddline.files.model import Entry
from oddline.files.severities import SEVERITIES, SYSLOG
from oddline.files.timestamps import Clock

# In the order in which they are looked for; what is not used stays an attribute.
_MESSAGES: Final = (
    "message",
    "msg",
    "@m",
    "short_message",
    "event",
    "log",
    "text",
    "body",
    "MESSAGE",
    "Message",
    "@mt",
)
_TIMES: Final = (
    "timestamp", "@timestamp", "time", "ts", "@t", "datetime", "date", "asctime", "eventTime", "Timestamp", "instant",
    "timeMillis", "created", "log.time", "_time", "t",
)  # fmt: skip
_LEVELS: Final = (
    "level", "severity", "log.level", "levelname", "@l", "lvl", "loglevel", "severity_text", "severityText", "Level",
    "level_name", "syslog_severity", "levelno",
)  # fmt: skip
_TRACES: Final = ("trace_id", "traceId", "trace.id", "traceid", "TraceId", "@tr")
_SPANS: Final = ("span_id", "spanId", "span.id", "spanid", "SpanId", "@sp")
_BUNYAN: Final = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-fA-F]{16}")
_MANY_BRACKETS: Final = 30


class DocumentReader:
    """Reads the documents of one file."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def read(self, document: dict[str, Any], text: str) -> Entry:
        """The entry that a document is.

        Args:
            text: the document as it stands: the message where no field is one.
        """
        if "\\u0000" in text:
            document = _without_nul(document)
        if text.count("{") + text.count("[") > _MANY_BRACKETS and not are_storable(document):
            return {"message": text, "attributes": {}}
        entry: Entry = {"message": "", "attributes": document}
        for name in _TIMES:
            if name in document and (stamp := self._time(document[name])):
                entry["timestamp"] = stamp
                del document[name]
                break
        for name in _LEVELS:
            if name in document and (severity := severity_of(document[name])):
                entry["severity"] = severity
                del document[name]
                break
        self._take_ids(entry, document)
        for name in _MESSAGES:
            if name in document and isinstance(value := document[name], str) and value and not value.isspace():
                entry["message"] = value
                del document[name]
                break
        return entry

    def _time(self, value: Any) -> str | None:
        if isinstance(value, dict):  # log4j's JSON layout
            seconds, nanoseconds = value.get("epochSecond"), value.get("nanoOfSecond", 0)
            if isinstance(seconds, int) and isinstance(nanoseconds, int) and 0 <= nanoseconds < 1_000_000_000:
                return self._clock.epoch(seconds, f"{nanoseconds:09}")
            return None
        return self._clock.read(value)

    @staticmethod
    def _take_ids(entry: Entry, document: dict[str, Any]) -> None:
        for field, names, form in (("trace_id", _TRACES, _TRACE_ID), ("span_id", _SPANS, _SPAN_ID)):
            for name in names:
                if isinstance(value := document.get(name), str) and form.fullmatch(value):
                    entry[field] = document.pop(name)
                    break


def severity_of(value: Any) -> str | None:
    """What a level says, by name or by the numbers of bunyan and pino, Python or syslog."""
    if isinstance(value, str):
        return SEVERITIES.get(value) or SEVERITIES.get(value.strip().lower())
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return SYSLOG[value] if 0 <= value < len(SYSLOG) else _BUNYAN.get(value)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, Mapping):
        return {name.replace("\0", "\ufffd"): _without_nul(inner) for name, inner in value.items()}
    return [_without_nul(inner) for inner in value] if isinstance(value, list) else value
