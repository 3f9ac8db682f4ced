"""OTLP in JSON: names in lowerCamelCase, ids in hexadecimal digits, whole numbers also as texts."""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from functions.ingest.otlp.entries import Origin, Record
from functions.ingest.otlp.values import MOST_LEVELS, deeper, dropped_of, number_of
from functions.ingest.shipping import Read
from oddline.errors import BadRequest
from oddline.submissions import SEVERITY_TEXTS, decode_lenient

_BASE64_LENGTHS: Final = (24, 12)
_SEVERITY_NAMES: Final = {
    f"SEVERITY_NUMBER_{text}{number - first + 1 if number > first else ''}": number
    for number, text in SEVERITY_TEXTS.items()
    for first in [min(other for other, name in SEVERITY_TEXTS.items() if name == text)]
}
_MOST_DIGITS: Final = 20  # of a whole number: 64 bits have no more


def read_entries(body: bytes) -> Iterator[Read | None]:
    """The entries of a request; None for each group of them, which may be empty.

    Raises:
        BadRequest: the body is no such request.
    """
    for group in _objects(_object(decode_lenient(body), "body"), "resourceLogs"):
        yield None
        resource = _shared(_object(group.get("resource"), "resource"))
        for scope_logs in _objects(group, "scopeLogs"):
            yield None
            origin = Origin.of(resource, _scope(_object(scope_logs.get("scope"), "scope")))
            refused = origin.refused
            for record in _objects(scope_logs, "logRecords"):
                yield refused or _record(record).read(origin)


def _record(record: Mapping[str, Any]) -> Record:
    return Record(
        time=_integer(record, "timeUnixNano", largest=2**64 - 1),
        observed=_integer(record, "observedTimeUnixNano", largest=2**64 - 1),
        severity_number=_severity(record),
        severity_text=_text(record, "severityText"),
        body=_value(record.get("body"), MOST_LEVELS),
        attributes=_attributes(record, MOST_LEVELS),
        dropped_attributes=_integer(record, "droppedAttributesCount", largest=2**32 - 1),
        flags=_integer(record, "flags", largest=2**32 - 1),
        trace_id=_id(record, "traceId"),
        span_id=_id(record, "spanId"),
        event_name=_text(record, "eventName"),
    )


def _scope(scope: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: _text(scope, name) for name in ("name", "version")}
    return _shared(scope) | {name: value for name, value in named.items() if value}


def _shared(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a resource or a scope."""
    dropped = _integer(holder, "droppedAttributesCount", largest=2**32 - 1)
    return _attributes(holder, MOST_LEVELS) | dropped_of(dropped)


def _attributes(holder: Mapping[str, Any], levels: int, name: str = "attributes") -> dict[str, Any]:
    inside = deeper(levels)
    return {_text(pair, "key"): _value(pair.get("value"), inside) for pair in _objects(holder, name)}


def _value(value: Any, levels: int) -> Any:
    holder = _object(value, "value")
    for kind in holder.keys() & _READERS.keys():
        return _READERS[kind](holder, kind, levels)
    return None


def _array(holder: Mapping[str, Any], kind: str, levels: int) -> list[Any]:
    inside = deeper(levels)
    return [_value(value, inside) for value in _objects(_object(holder[kind], kind), "values")]


def _pairs(holder: Mapping[str, Any], kind: str, levels: int) -> dict[str, Any]:
    return _attributes(_object(holder[kind], kind), levels, "values")


def _object(value: Any, name: str) -> Mapping[str, Any]:
    """An object; empty where there is none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(name, "an object")
    return value


def _objects(holder: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    values = holder.get(name)
    if values is None:
        return
    if not isinstance(values, list):
        raise _wrong(name, "an array")
    for value in values:
        yield _object(value, name)


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "a string")
    return value


def _severity(record: Mapping[str, Any]) -> int:
    """The number; by the names of the enumeration, too, which the protocol forbids and protobuf's own JSON writes."""
    value = record.get("severityNumber")
    if isinstance(value, str) and value in _SEVERITY_NAMES:
        return _SEVERITY_NAMES[value]
    return _integer(record, "severityNumber", largest=2**31 - 1, smallest=-(2**31))


def _id(holder: Mapping[str, Any], name: str) -> str:
    """Hexadecimal digits in lower case, also of an id in base64, as protobuf's own JSON has it; empty for what is none.

    The lengths tell them apart: 16 or 8 bytes are 32 or 16 digits, 24 or 12 characters of base64.
    """
    text = _text(holder, name)
    if len(text) in _BASE64_LENGTHS:
        try:
            return base64.b64decode(text, validate=True).hex()
        except ValueError:
            return ""
    return text.lower() if not text.strip("0123456789abcdefABCDEF") else ""


def _integer(holder: Mapping[str, Any], name: str, *, largest: int, smallest: int = 0) -> int:
    """A whole number; as text, too, or with an exponent, as JSON may write it."""
    value = holder.get(name)
    if value is None:
        return 0
    try:
        if isinstance(value, str) and len(value) <= _MOST_DIGITS:
            value = int(value)
    except ValueError as error:
        raise _wrong(name, "a whole number") from error
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not smallest <= value <= largest:
        raise _wrong(name, f"a whole number from {smallest} to {largest}")
    return value


def _double(holder: Mapping[str, Any], kind: str) -> float | str:
    value = holder[kind]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(kind, "a number")
    try:
        return number_of(float(value))  # texts too: "NaN", "Infinity", "-Infinity"
    except (ValueError, OverflowError) as error:
        raise _wrong(kind, "a number") from error


def _bool(holder: Mapping[str, Any], kind: str) -> bool:
    value = holder[kind]
    if not isinstance(value, bool):
        raise _wrong(kind, "true or false")
    return value


def _wrong(name: str, wanted: str) -> BadRequest:
    return BadRequest(f"`{name}` must be {wanted}", field=name)


_READERS: Final[dict[str, Callable[[Mapping[str, Any], str, int], Any]]] = {
    "stringValue": lambda holder, kind, _: _text(holder, kind),
    "bytesValue": lambda holder, kind, _: _text(holder, kind),
    "boolValue": lambda holder, kind, _: _bool(holder, kind),
    "intValue": lambda holder, kind, _: _integer(holder, kind, smallest=-(2**63), largest=2**63 - 1),
    "doubleValue": lambda holder, kind, _: _double(holder, kind),
    "arrayValue": _array,
    "kvlistValue": _pairs,
}
