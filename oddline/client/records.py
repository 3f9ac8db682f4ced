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
_LONGEST_NUMBER = 4_000  # bits; Python writes no very long number in decimal digits
# So many characters of a text are kept: enough to be seen to be too many bytes.
_MESSAGE_CHARACTERS, _EXTRA_CHARACTERS = MESSAGE_BYTES + 1, ATTRIBUTES_BYTES + 1

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
    """What the background needs of a record: nothing in it changes any more, and it keeps nothing else alive.

    `size` is about that of its texts, in characters. The record itself is let go: its arguments, and the frames of its
    traceback, may hold much that the application has done with.
    """

    size: int
    message: str
    extras: dict[str, Any]
    created: float
    level: int
    level_name: str
    logger: str
    path: str
    line: int
    function: str | None
    thread: str | None
    process: int | None
    exception: type[BaseException] | None


def note(record: logging.LogRecord, *, message: str) -> Noted:
    """What must be taken from a record at once: the application may change its objects afterwards."""
    message = message[:_MESSAGE_CHARACTERS]
    size, extras = len(message), {}
    for name, value in record.__dict__.items():
        if name not in _COMMON:
            kept, length = _kept(value)
            extras[name if type(name) is str else _text_of(name)] = kept
            size += length
    return Noted(
        size,
        message,
        extras,
        record.created,
        record.levelno,
        record.levelname,
        record.name,
        record.pathname,
        record.lineno,
        record.funcName,
        record.threadName,
        record.process,
        record.exc_info[0] if record.exc_info else None,
    )


def entry_of(noted: Noted, *, source: str, attributes: Mapping[str, Any], room: int) -> dict[str, Any]:
    """The entry; `attributes` are those of all entries, and extras may have `room` bytes as JSON."""
    extras = dict(noted.extras)
    entry: dict[str, Any] = {
        "message": _cut(clean(noted.message)),
        "timestamp": datetime.fromtimestamp(noted.created, UTC).isoformat(),
        "severity": severity_of(noted.level or 0),
        "source": source,
    }
    for name, is_taken in _TAKEN.items():
        if name in extras and is_taken(extras[name]):
            entry[name] = clean(extras.pop(name))
    entry["attributes"] = dict(attributes) | _of_record(noted) | _fitting(extras, room=room)
    return entry


def constant(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The attributes of all entries as the API takes them, and how many bytes as JSON they leave for extras.

    Raises:
        ValueError: they leave none.
    """
    plain = {clean(_text_of(name)): _plain(_frozen(value)[0]) for name, value in attributes.items()}
    room = ATTRIBUTES_BYTES - len(json.dumps(plain))
    if room < 0:
        raise ValueError(f"the attributes of all entries have over {ATTRIBUTES_BYTES} bytes as JSON")
    return plain, room


def severity_of(level: int) -> str:
    """OpenTelemetry's name for a level."""
    return next((name for least, name in _SEVERITIES if level >= least), "TRACE")


def _of_record(noted: Noted) -> dict[str, Any]:
    """What `logging` itself says of a record, by OpenTelemetry's names."""
    told: dict[str, Any] = {
        "logger": clean(str(noted.logger)),
        "code.file.path": clean(str(noted.path)),
        "code.line.number": noted.line,
        "code.function.name": clean(noted.function or ""),
        "thread.name": clean(noted.thread or ""),
        "process.pid": noted.process,
    }
    if noted.level not in _USUAL_LEVELS:
        told["level"] = clean(str(noted.level_name))
    if kind := noted.exception:
        told["exception.type"] = f"{kind.__module__}.{kind.__qualname__}"
    return told


def _fitting(extras: dict[str, Any], *, room: int) -> dict[str, Any]:
    """Extras as the API takes them; without the largest, where all together have no room."""
    sized = sorted(((len(json.dumps([name, value])), name) for name, value in extras.items()), reverse=True)
    left_out = 0
    size = sum(length for length, _ in sized)
    while size > room:
        length, name = sized[left_out]
        del extras[name]
        size -= length
        left_out += 1
    kept = {clean(name): _plain(value) for name, value in extras.items()}
    return kept | {"oddline.left_out": left_out} if left_out else kept


def _kept(value: Any) -> tuple[Any, int]:
    """A value of an extra that nobody changes any more, and about how many characters it has."""
    kind = type(value)
    if kind is int and not _SMALLEST <= value <= _LARGEST:
        value, kind = str(value) if value.bit_length() < _LONGEST_NUMBER else hex(value), str
    if kind is str:
        value = value[:_EXTRA_CHARACTERS]
        return value, len(value)
    return (value, 0) if kind in _AS_THEY_ARE else _frozen(value)


def _frozen(value: Any) -> tuple[Any, int]:
    """A copy that JSON can hold; as text where there is none, or where it is too deep or too large."""
    try:
        text = json.dumps(value, default=str)
        copy = json.loads(text)
        is_kept = len(text) < _EXTRA_CHARACTERS and _is_flat(copy, levels=_DEEPEST)
    except Exception:  # JSON's own, and whatever the object's text does
        text, is_kept = _text_of(value), False
    return (copy, len(text)) if is_kept else (text[:_EXTRA_CHARACTERS], min(len(text), _EXTRA_CHARACTERS))


def _text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # whatever an application's object does, its log line goes on
        return f"<{type(value).__qualname__} without text: {type(error).__qualname__}>"


def _plain(value: Any) -> Any:
    """A value of an extra as the API can store it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if _SMALLEST <= value <= _LARGEST else str(value)
    if isinstance(value, dict):
        return {clean(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _is_flat(value: Any, *, levels: int) -> bool:
    """Whether it is nested at most so deeply."""
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or (levels > 0 and all(_is_flat(inner, levels=levels - 1) for inner in value))


def clean(text: str) -> str:
    """A text without what neither PostgreSQL nor UTF-8 can hold."""
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
    return isinstance(value, str) and bool(clean(value).strip()) and len(value) <= NAME_CHARACTERS


# Extras that are fields of an entry, where they are what such a field takes; else they stay attributes.
_TAKEN = {"trace_id": _is_hex(TRACE_ID_DIGITS), "span_id": _is_hex(SPAN_ID_DIGITS), "session": _is_session}
