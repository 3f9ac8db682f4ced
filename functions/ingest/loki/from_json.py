"""Loki's push request in JSON: `{"streams": [{"stream": {…}, "values": [["<nanoseconds>", "<line>", {…}]]}]}`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from functions.ingest.loki.entries import Stream
from functions.ingest.shipping import Read
from oddline.errors import BadRequest
from oddline.submissions import decode_lenient

_MOST_DIGITS: Final = 20  # of a time: 64 bits have no more


def read_entries(body: bytes) -> Iterator[Read | None]:
    """The entries of a request; None for each stream, which may be empty.

    Raises:
        BadRequest: the body is no such request.
        TooLarge: it holds too many values.
    """
    for found in _list(_object(decode_lenient(body), "the body").get("streams"), "streams"):
        yield None
        told = _object(found, "a stream")
        stream = Stream.of(_object_or_none(told.get("stream"), "stream"))
        refused = stream.refused
        for value in _list(told.get("values"), "values"):
            yield refused or _entry(value, stream)


def _entry(value: Any, stream: Stream) -> Read:
    fields = _list(value, "a value")
    if len(fields) not in (2, 3) or not isinstance(fields[1], str):
        raise BadRequest("a value must be [time, line] or [time, line, structured metadata]", field="values")
    metadata = _object_or_none(fields[2], "structured metadata") if len(fields) == 3 else {}
    return stream.read(fields[1], nanoseconds=_nanoseconds(fields[0]), metadata=metadata)


def _nanoseconds(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and value.removeprefix("-").isdecimal():
        return int(value)
    raise BadRequest("a time must be nanoseconds since 1970, as a string", field="values")


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"{what} must be an object", field="streams")
    return value


def _object_or_none(value: Any, what: str) -> Mapping[str, Any]:
    return {} if value is None else _object(value, what)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequest(f"{what} must be an array", field="streams")
    return value
