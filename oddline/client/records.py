"""Turn records of `logging` into entries that the API takes, whatever the application put into them."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

MESSAGE_BYTES = 256 * 1024  # what the API takes
ATTRIBUTES_BYTES = 60 * 1024  # of extras as JSON; the API takes 64 KB, and some are ours
NAME_CHARACTERS = 200  # of a session
CUT = " … (cut: the message was too long)"
TRACE_ID_DIGITS, SPAN_ID_DIGITS = 32, 16
_HEX = frozenset("0123456789abcdefABCDEF")
_DEEPEST = 30  # levels of an extra; the API takes 32 of all attributes
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)

# What each record has; what it has beside them, the application gave as `extra`, or a formatter left there.
_COMMON = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_AS_THEY_ARE = frozenset({str, int, bool, type(None), float})
# From this level on; those between the usual ones count as the lower.
_SEVERITIES = (
    (logging.CRITICAL, "FATAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARN"),
    (logging.INFO, "INFO"),
    (logging.DEBUG, "DEBUG"),
)
_USUAL_LEVELS = frozenset(level for level, _ in _SEVERITIES)


class Noted(NamedTuple):
    """A record on its way to the background: nothing in it changes any more."""

    message: str
    record: logging.LogRecord
    extras: dict[str, Any]


def note(record: logging.LogRecord, *, message: str) -> Noted:
    """What must be taken from a record at once: the application may change its objects afterwards."""
    extras = {
        name: value if type(value) in _AS_THEY_ARE else _frozen(value)
        for name, value in record.__dict__.items()
        if name not in _COMMON
    }
    return Noted(message, record, extras)


def entry_of(noted: Noted, *, source: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The entry; `attributes` are those of all entries."""
    record, extras = noted.record, dict(noted.extras)
    entry: dict[str, Any] = {
        "message": _cut(_clean(noted.message)),
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        "severity": severity_of(record.levelno or 0),
        "source": source,
    }
    for name, is_taken in _TAKEN.items():
        if name in extras and is_taken(extras[name]):
            entry[name] = _clean(extras.pop(name))
    entry["attributes"] = dict(attributes) | _of_record(record) | _fitting(extras)
    return entry


def severity_of(level: int) -> str:
    """OpenTelemetry's name for a level."""
    return next((name for least, name in _SEVERITIES if level >= least), "TRACE")


def _of_record(record: logging.LogRecord) -> dict[str, Any]:
    """What `logging` itself says of a record, by OpenTelemetry's names."""
    told: dict[str, Any] = {
        "logger": _clean(str(record.name)),
        "code.file.path": _clean(str(record.pathname)),
        "code.line.number": record.lineno,
        "code.function.name": _clean(record.funcName or ""),
        "thread.name": _clean(record.threadName or ""),
        "process.pid": record.process,
    }
    if record.levelno not in _USUAL_LEVELS:
        told["level"] = _clean(str(record.levelname))
    if record.exc_info and record.exc_info[0]:
        kind = record.exc_info[0]
        told["exception.type"] = f"{kind.__module__}.{kind.__qualname__}"
    return told


def _fitting(extras: dict[str, Any]) -> dict[str, Any]:
    """Extras as the API takes them; without the largest, where all together are too large."""
    sized = sorted(((len(json.dumps([name, value])), name) for name, value in extras.items()), reverse=True)
    left_out = 0
    size = sum(length for length, _ in sized)
    while size > ATTRIBUTES_BYTES:
        length, name = sized[left_out]
        del extras[name]
        size -= length
        left_out += 1
    kept = {_clean(name): _plain(value) for name, value in extras.items()}
    return kept | {"oddline.left_out": left_out} if left_out else kept


def _frozen(value: Any) -> Any:
    """A copy that JSON can hold; as text where there is none."""
    try:
        text = json.dumps(value, default=str)
        copy = json.loads(text)
    except Exception:  # JSON's own, and whatever the object's text does
        return _text_of(value)
    return copy if _depth(copy) <= _DEEPEST else text


def _text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # whatever an application's object does, its log line goes on
        return f"<{type(value).__qualname__} without text: {type(error).__qualname__}>"


def _plain(value: Any) -> Any:
    """A value of an extra as the API can store it."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if _SMALLEST <= value <= _LARGEST else str(value)
    if isinstance(value, dict):
        return {_clean(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _clean(text: str) -> str:
    """Without what neither PostgreSQL nor UTF-8 can hold."""
    text = text.replace("\0", "␀")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _cut(message: str) -> str:
    raw = message.encode()
    if len(raw) <= MESSAGE_BYTES:
        return message
    return raw[: MESSAGE_BYTES - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def _is_hex(digits: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) == digits and _HEX.issuperset(value)


def _is_session(value: Any) -> bool:
    return isinstance(value, str) and bool(_clean(value).strip()) and len(value) <= NAME_CHARACTERS


# Extras that are fields of an entry, where they are what such a field takes; else they stay attributes.
_TAKEN = {"trace_id": _is_hex(TRACE_ID_DIGITS), "span_id": _is_hex(SPAN_ID_DIGITS), "session": _is_session}
