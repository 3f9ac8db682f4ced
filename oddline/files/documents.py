"""Read an entry from a JSON document, whichever library wrote it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from oddline.files.assembling import are_storable
from oddline.files.encodings import without_colours
from oddline.files.levels import look_for_level
from oddline.files.model import Entry, Sample
from oddline.files.severities import SEVERITIES, SYSLOG
from oddline.files.timestamps import Clock
from oddline.submissions import SEVERITY_TEXTS

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
    "@message",
    "textPayload",
    "jsonPayload",
    "line",
    "title",
    "Text",
    "Msg",
    "M",
)
_TIMES: Final = (
    "timestamp", "@timestamp", "time", "ts", "@t", "datetime", "date", "asctime", "eventTime", "Timestamp", "instant",
    "timeMillis", "created", "log.time", "_time", "t", "log_time", "T", "timeUnixNano", "TimeGenerated", "TimeCreated",
    "Date and Time", "Time", "TIMESTAMP", "DateTime",
)  # fmt: skip
_LEVELS: Final = (
    "level", "severity", "log.level", "levelname", "@l", "lvl", "loglevel", "severity_text", "severityText", "Level",
    "level_name", "syslog_severity", "error_severity", "LevelDisplayName", "log_level", "L",
    "Severity", "LEVEL", "SEVERITY",
)  # fmt: skip
_TRACE_NAMES: Final = ("trace_id", "traceId", "trace.id", "traceid", "TraceId", "@tr")
_SPAN_NAMES: Final = ("span_id", "spanId", "span.id", "spanid", "SpanId", "@sp")
_LIKE_TIME: Final = re.compile(r"time|date|stamp|created|utc$|ts$|(?<=[a-z_])at$", re.IGNORECASE)
_DAYS_AND_HOURS: Final = (("date", "time"), ("Date", "Time"))
_OTEL_NAMES: Final = ("severityNumber", "SeverityNumber", "severity_number")
_BUNYAN: Final = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
_IDS: Final = (
    ("trace_id", _TRACE_NAMES, re.compile(r"[0-9a-fA-F]{32}")),
    ("span_id", _SPAN_NAMES, re.compile(r"[0-9a-fA-F]{16}")),
)
SOURCE_CHARACTERS: Final = 200  # as long as a source's name may be
_SLASHED_DAY: Final = re.compile(r"(?<![\w/])[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})(?![\d/])")
_MANY_BRACKETS: Final = 30
_NAMES_CHARACTERS: Final = 16 * 1024  # of the sample: some dozens of documents


class DocumentReader:
    """Reads the documents of one file, which name their fields alike: names in its sample are looked for first."""

    def __init__(self, sample: Sample, clock: Clock) -> None:
        self._clock = clock
        clock.settle(set(_SLASHED_DAY.findall(sample.text.replace("\\/", "/"))))
        start = sample.text[:_NAMES_CHARACTERS]
        self._times, self._levels, self._messages = (
            sorted(names, key=lambda name: name not in start) for names in (_TIMES, _LEVELS, _MESSAGES)
        )
        self._days_and_hours = [names for names in _DAYS_AND_HOURS if all(name in start for name in names)]

    def read(self, document: dict[str, Any], text: str) -> Entry:
        """The entry that a document is.

        Args:
            document: becomes the entry's attributes.
            text: the document as it stands: the message where no field is one.
        """
        if "\\u0000" in text:
            document = _without_nul(document)
        if text.count("{") + text.count("[") > _MANY_BRACKETS and not are_storable(document):
            return {"message": text, "attributes": {}}
        entry: Entry = {"message": "", "attributes": document}
        self._take_time(document, entry)
        self._take(document, self._levels, severity_of, entry, "severity")
        self._take(document, self._messages, _message_of, entry, "message")
        for field, names, form in _IDS:
            for name in names:
                if name in document and isinstance(value := document[name], str) and form.fullmatch(value):
                    entry[field] = document.pop(name)
                    break
        if "severity" not in entry:
            _guess_severity(entry, document)
        if source := _source_of(document):
            entry["source"] = source
        return entry

    def _take(
        self,
        document: dict[str, Any],
        names: Sequence[str],
        read: Callable[[Any], str | None],
        entry: Entry,
        field: str,
    ) -> None:
        """Move what a field says from the document to the entry; one that says more than that stays."""
        for name in names:
            if name in document and (said := read(document[name])):
                entry[field] = said
                if field == "timestamp" or not isinstance(document[name], dict):
                    del document[name]
                return

    def _take_time(self, document: dict[str, Any], entry: Entry) -> None:
        for names in self._days_and_hours:
            self._take_day_and_hour(document, names, entry)
        if "timestamp" not in entry:
            self._take(document, self._times, self._time, entry, "timestamp")
        if "timestamp" not in entry and (stamp := self._any_time(document)):
            entry["timestamp"] = stamp

    def _take_day_and_hour(self, document: dict[str, Any], names: tuple[str, str], entry: Entry) -> None:
        """Move the time where a day and an hour have a field each."""
        day, hour = document.get(names[0]), document.get(names[1])
        if isinstance(day, str) and isinstance(hour, str) and (said := self._clock.read(f"{day} {hour}")):
            entry["timestamp"] = said
            del document[names[0]], document[names[1]]

    def _any_time(self, document: Mapping[str, Any]) -> str | None:
        """The first time in a field whose name sounds like it, here or one level further in; it stays there."""
        within = [value for value in document.values() if isinstance(value, dict)]
        for fields in (document, *within):
            for name, value in fields.items():
                if _LIKE_TIME.search(name) and (said := self._time(value)):
                    return said
        return None

    def _time(self, value: Any) -> str | None:
        if isinstance(value, dict) and "$date" in value:  # MongoDB's
            return self._clock.read(value["$date"])
        if isinstance(value, dict):  # log4j's JSON layout
            seconds, nanoseconds = value.get("epochSecond"), value.get("nanoOfSecond", 0)
            if isinstance(seconds, int) and isinstance(nanoseconds, int) and 0 <= nanoseconds < 1_000_000_000:
                return self._clock.epoch(seconds, f"{nanoseconds:09}")
            return None
        return self._clock.read(value)


def _message_of(value: Any) -> str | None:
    if isinstance(value, dict):  # of Google's or OpenTelemetry's, a field further in
        value = next((value[name] for name in ("message", "msg", "stringValue") if name in value), None)
    if not isinstance(value, str):
        return None
    value = _plain(value)
    return value.rstrip("\r\n") if value and not value.isspace() else None


def _plain(text: str) -> str:
    """A text without colours, which JSON escapes, so that reading its line does not find them."""
    return without_colours(text) if "\x1b" in text else text


def _guess_severity(entry: Entry, document: Mapping[str, Any]) -> None:
    """From where only some libraries have it: ECS one level down; Serilog leaves out what is mere information."""
    log = document.get("log")
    severity = severity_of(log.get("level")) if isinstance(log, dict) else None
    severity = severity or _by_number(document) or _of_mongodb(document)
    if severity or "@i" in document or "@mt" in document:
        entry["severity"] = severity or "INFO"
    else:
        look_for_level(entry)


def _by_number(document: Mapping[str, Any]) -> str | None:
    """By the numbers of OpenTelemetry, of which 0 says nothing."""
    number = next((document[name] for name in _OTEL_NAMES if name in document), None)
    return SEVERITY_TEXTS.get(number) if type(number) is int and number else None


def _of_mongodb(document: Mapping[str, Any]) -> str | None:
    """MongoDB's letters, which mean nothing elsewhere."""
    return SEVERITIES.get(str(document.get("s"))[:1]) if {"s", "c", "ctx"} <= document.keys() else None


def _source_of(document: Mapping[str, Any]) -> str | None:
    """The service's name by ECS and OpenTelemetry."""
    name = document.get("service.name")
    if name is None and isinstance(service := document.get("service"), dict):
        name = service.get("name")
    return name[:SOURCE_CHARACTERS] if isinstance(name, str) and name and not name.isspace() else None


def severity_of(value: Any) -> str | None:
    """What a level says, by name or by the numbers of bunyan and pino, Python or syslog."""
    if isinstance(value, dict):
        value = value.get("name")
    if isinstance(value, str):
        value = _plain(value)
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
