"""Check the entries of a request and bring them into normal form: what the worker trusts is decided here, once."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from oddline.redaction import Redaction
from oddline.submissions.decoding import BadLine, json_type
from oddline.submissions.masking import mask_columns
from oddline.submissions.model import SEVERITY_NUMBERS, SEVERITY_TEXTS, UNSPECIFIED, Columns, Fault

MESSAGE_BYTES = 256 * 1024  # UTF-8; CloudWatch Logs takes the same
ATTRIBUTES_BYTES = 64 * 1024  # as JSON
ATTRIBUTES_DEPTH = 32
NAME_CHARACTERS = 200  # of a source, of a session: both are indexed
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
FUTURE = timedelta(days=1)  # clocks and zones that are wrong by less are let be
DEFAULT_SOURCE = "default"
SHOWN_CHARACTERS = 60  # of a refused value, in the fault that tells of it
DETAIL_CHARACTERS = 400  # of what a fault tells
LOOKED_BYTES = 4 * 1024  # of a refused entry, as JSON: a larger one is not looked through, and so not quoted
_QUOTING = frozenset({"format", "no-zone", "out-of-range", "unknown", "twice", "syntax"})  # codes of faults that do

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US, _SECOND_US = 86_400_000_000, 1_000_000
_FIELDS = frozenset({"message", "timestamp", "severity", "source", "attributes", "trace_id", "span_id", "session"})
# RFC 3339, 5.6; fromisoformat alone would also take week dates, basic forms and offsets of seconds.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]+")
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_BY_NUMBER = {number: (number, text) for number, text in SEVERITY_TEXTS.items()}
_BY_NAME = {
    spelling: (number, name)
    for name, number in SEVERITY_NUMBERS.items()
    for spelling in (name, name.lower(), name.capitalize())
}


class _EntryError(Exception):
    """The entry cannot be taken."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.code, self.detail = field, code, detail


class _Bounds(NamedTuple):
    """Microseconds since 1970."""

    now: int
    earliest: int
    latest: int


def take_entries(
    items: Sequence[Any], *, now: datetime, redaction: Redaction | None = None
) -> tuple[Columns, list[Fault]]:
    """The entries that can be taken, in normal form, and why the others cannot: each item is in one of the two.

    What is sensitive in them is masked by `redaction`, or else by what is masked by default: this is the one place that
    everything passes before it is stored. A session that holds something sensitive is left away, since all such
    sessions would be one.

    An item is an object with a `message` and, if it likes, `timestamp`, `severity` (or `level`), `source`,
    `attributes`, `trace_id`, `span_id` and `session`; further fields become attributes, null counts as absent. At most
    16,384 items.
    """
    redaction = redaction or Redaction()
    bounds = _Bounds(now=_microseconds(now), earliest=_microseconds(EARLIEST), latest=_microseconds(now + FUTURE))
    rows: list[tuple[Any, ...]] = []
    faults: list[Fault] = []
    for index, item in enumerate(items):
        try:
            rows.append((index, *_take(item, bounds)))
        except _EntryError as error:
            faults.append(_fault(index, error, item=item, redaction=redaction))
    columns = Columns(*map(list, zip(*rows, strict=True))) if rows else Columns()
    mask_columns(columns, redaction)
    return columns, faults


def _fault(index: int, error: _EntryError, *, item: Any, redaction: Redaction) -> Fault:
    """What is told of a refused entry, which is kept with the answer."""
    detail = error.detail[:DETAIL_CHARACTERS]
    if error.code in _QUOTING and not _is_quotable(item, redaction=redaction):
        what = error.field or "entry"
        detail = f"the {what} cannot be taken; it is not quoted, since the entry is large or holds what is masked"
    return Fault(index=index, field=error.field, code=error.code, detail=detail)


def _is_quotable(item: Any, *, redaction: Redaction) -> bool:
    """Whether a piece of an entry may be told: nothing in the entry is sensitive, as far as it is looked through."""
    try:
        told = orjson.dumps(item.detail if isinstance(item, BadLine) else item)
    except TypeError:  # nested too deeply, or no text
        return False
    if len(told) > LOOKED_BYTES:
        return False
    text = told.decode()
    return redaction.rules.whole.redact_text(text, budget=redaction.budget) == text


def _take(item: Any, bounds: _Bounds) -> tuple[int, int, str, str, str, str, str, str, str]:
    """One entry in the order of `Columns`, without its index."""
    if type(item) is not dict:
        raise _no_object(item)
    get = item.get
    message = _message(get("message"))
    timestamp = _timestamp(get("timestamp"), bounds)
    level_name = "severity" if get("severity") is not None else "level"
    number, text = _severity(get(level_name), level_name)
    source = _name(get("source"), "source") or DEFAULT_SOURCE
    attributes = ""
    if not _FIELDS.issuperset(item) or get("attributes") is not None:
        attributes = _attributes(_all_attributes(item, level_name))
    trace_id, span_id, session = get("trace_id"), get("span_id"), get("session")
    return (
        timestamp,
        number,
        text,
        source,
        message,
        attributes,
        _hex(trace_id, "trace_id", 32) if trace_id is not None else "",
        _hex(span_id, "span_id", 16) if span_id is not None else "",
        _name(session, "session") if session is not None else "",
    )


def _no_object(item: Any) -> _EntryError:
    if isinstance(item, BadLine):
        return _EntryError("", "syntax", item.detail)
    return _EntryError("", "type", f"an entry must be an object, not {json_type(item)}")


def _message(value: Any) -> str:
    message = _text(value, "message") if value is not None else ""
    if value is None:
        raise _EntryError("message", "missing", "an entry needs a message")
    if not message or message.isspace():
        raise _EntryError("message", "blank", "the message is blank")
    size = len(message) if message.isascii() else len(message.encode())
    if size > MESSAGE_BYTES:
        raise _EntryError("message", "too-long", f"the message has {size} bytes; at most {MESSAGE_BYTES} are taken")
    return message


def _timestamp(value: Any, bounds: _Bounds) -> int:
    """Microseconds since 1970; arrival where there is no timestamp."""
    if value is None:
        return bounds.now
    if type(value) is not str:
        raise _EntryError("timestamp", "type", f"the timestamp must be a string as in RFC 3339, not {json_type(value)}")
    form = _RFC_3339.fullmatch(value)
    if form is None:
        raise _EntryError("timestamp", "format", f"{_shown(value)} is no time as in RFC 3339")
    if form[2] is None:
        raise _EntryError("timestamp", "no-zone", f"{_shown(value)} names no zone: add Z or an offset such as +02:00")
    try:
        moment = _microseconds(datetime.fromisoformat(value.upper()))
    except ValueError as error:
        raise _EntryError("timestamp", "format", f"{_shown(value)} is no time: {error}") from error
    if not bounds.earliest <= moment <= bounds.latest:
        raise _EntryError("timestamp", "out-of-range", f"{_shown(value)} is not between 1990 and a day from now")
    return moment


def _severity(value: Any, field: str) -> tuple[int, str]:
    if value is None:
        return 0, UNSPECIFIED
    if type(value) is str:
        known = _BY_NAME.get(value) or _BY_NAME.get(value.strip().capitalize())
    elif type(value) is int:
        known = _BY_NUMBER.get(value)
    else:
        raise _EntryError(field, "type", f"the severity must be a name or a number, not {json_type(value)}")
    if known is None:
        raise _EntryError(field, "unknown", f"{_shown(value)} is no severity: OpenTelemetry's names, or 1 to 24")
    return known


def _name(value: Any, field: str) -> str:
    """A source or a session; empty where there is none."""
    if value is None:
        return ""
    name = _text(value, field)
    if not name or name.isspace():
        raise _EntryError(field, "blank", f"the {field} is blank: leave it away")
    if len(name) > NAME_CHARACTERS:
        raise _EntryError(
            field, "too-long", f"the {field} has {len(name)} characters; at most {NAME_CHARACTERS} are taken"
        )
    return name


def _text(value: Any, field: str) -> str:
    """A string that PostgreSQL and UTF-8 can hold."""
    if type(value) is not str:
        raise _EntryError(field, "type", f"the {field} must be a string, not {json_type(value)}")
    if "\0" in value:
        raise _EntryError(field, "nul", f"the {field} holds a NUL character at position {value.index(chr(0))}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _lone_surrogate(field, error.start) from error
    return value


def _hex(value: Any, field: str, digits: int) -> str:
    if type(value) is not str:
        raise _EntryError(field, "type", f"the {field} must be a string, not {json_type(value)}")
    if len(value) != digits or not _HEX.fullmatch(value):
        raise _EntryError(field, "format", f"{_shown(value)} is no {field}: {digits} hexadecimal digits")
    return value.lower()


def _all_attributes(item: Mapping[str, Any], level_name: str) -> dict[str, Any]:
    """The attributes with the further fields of the entry: what came is kept, wherever it stood."""
    given = item.get("attributes")
    if given is not None and type(given) is not dict:
        raise _EntryError("attributes", "type", f"the attributes must be an object, not {json_type(given)}")
    further = {name: value for name, value in item.items() if name not in _FIELDS and name != level_name}
    if given is None:
        return further
    if twice := further.keys() & given.keys():
        raise _EntryError("attributes", "twice", f"{_shown(min(twice))} stands both beside and in the attributes")
    return given | further


def _attributes(attributes: dict[str, Any]) -> str:
    """JSON text; empty where there are none."""
    if not attributes:
        return ""
    if _deeper_than(attributes, ATTRIBUTES_DEPTH):
        raise _EntryError("attributes", "too-deep", f"the attributes are nested deeper than {ATTRIBUTES_DEPTH} levels")
    try:
        stored = orjson.dumps(attributes)
    except TypeError as error:
        raise _EntryError("attributes", "surrogate", f"the attributes cannot be stored as JSON: {error}") from error
    if len(stored) > ATTRIBUTES_BYTES:
        detail = f"the attributes have {len(stored)} bytes as JSON; at most {ATTRIBUTES_BYTES} are taken"
        raise _EntryError("attributes", "too-long", detail)
    text = stored.decode()
    if "\\u0000" in text and _NUL_ESCAPE.search(text):
        raise _EntryError("attributes", "nul", "the attributes hold a NUL character")
    return text


def _deeper_than(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_deeper_than(inner, levels - 1) for inner in value)


def _lone_surrogate(field: str, position: int) -> _EntryError:
    return _EntryError(field, "surrogate", f"the {field} holds a lone surrogate at position {position}")


def _shown(value: Any) -> str:
    """A value as a fault may quote it: short, and with whatever is not printable escaped."""
    return ascii(value[:SHOWN_CHARACTERS] if isinstance(value, str) else value)


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return since.days * _DAY_US + since.seconds * _SECOND_US + since.microseconds
