"""Turn the bytes of a request into JSON values, within limits: what cannot be read here refuses the request whole."""

import codecs
import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from oddline.errors import BadRequest, InvalidEntries, TooLarge, UnsupportedEncoding
from oddline.submissions.unpacking import FAULTS, UNPACK

# What a 413 tells those who have more than one request takes.
BY_FILE = "larger logs are taken as files: POST /api/v1/files"

NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
JSON_TYPES = frozenset({"", "application/json", "text/json", "text/plain", "application/x-www-form-urlencoded"})
"""What counts as JSON. The last two because `curl --data` and old shippers name them whatever they send."""

LARGEST_INTEGER, SMALLEST_INTEGER = 2**64 - 1, -(2**63)
LONGEST_INTEGER = 20  # characters of either
_DOCUMENT_START = re.compile(rb"\S[^\n]*")
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads it
_PLAIN = frozenset({"", "identity"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may bring."""

    wire_bytes: int = 4 * 1024 * 1024  # Lambda's event of 6 MB holds it as base64, with the headers
    unpacked_bytes: int = 32 * 1024 * 1024
    entries: int = 10_000
    values: int = 4_000_000  # JSON values, of about 60 B each in memory whatever they take in the text


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is no entry, as a line of NDJSON that is no JSON: it stands in its entry's place, which alone is refused."""

    detail: str


def unpack_body(raw: bytes, *, content_encoding: str, limits: Limits = LIMITS) -> bytes:
    """A request's body without its content encoding.

    Raises:
        BadRequest: the body is empty, or no whole stream of its encoding.
        TooLarge: it is over the limits, packed or unpacked; no more than the limit is ever unpacked.
        UnsupportedEncoding: the encoding is none of those that are taken.
    """
    encoding = content_encoding.strip().lower()
    if encoding not in _PLAIN | UNPACK.keys():
        detail = f"a body is taken plain or with one of {', '.join(UNPACK)}"
        raise UnsupportedEncoding(detail, field="Content-Encoding")
    if len(raw) > limits.wire_bytes:
        raise too_large_on_the_wire(limits)
    body = raw if encoding in _PLAIN else _unpack(raw, encoding, limits)
    if not body or body.isspace():
        raise BadRequest("the body is empty", field="body")
    return body


def decode_batch(body: bytes, *, content_type: str, limits: Limits = LIMITS) -> list[Any]:
    """The entries of a batch: a JSON array, an object with one under `entries`, `logs` or `log_entries`, or NDJSON.

    NDJSON is known by itself where it is sent as JSON; an object with a message is a batch of one, the last line of it.
    A line of NDJSON that is no JSON stands as a `BadLine` in the list; blank lines are not counted.

    Raises:
        BadRequest: the body is no such JSON, nested too deeply, or holds NaN or Infinity.
        InvalidEntries: there is no entry in it.
        TooLarge: it holds too many entries.
        UnsupportedEncoding: the content type is not one that is taken.
    """
    if is_ndjson(content_type):
        return _decode_lines(body, limits)
    try:
        document = _decode_bounded(body, limits)
    except BadRequest:
        if not _is_lines(body):
            raise
        return _decode_lines(body, limits)
    entries = document
    if isinstance(document, dict):
        names = [name for name in ("entries", "logs", "log_entries") if name in document]
        if not names and "message" in document:
            return [document]
        if len(names) != 1:
            raise BadRequest("an object must hold its entries as `entries`, `logs` or `log_entries`", field="entries")
        entries = document[names[0]]
    if not isinstance(entries, list):
        raise BadRequest(f"the entries must be an array, not {json_type(entries)}", field="entries")
    if len(entries) > limits.entries:
        raise _too_many(limits)
    if not entries:
        raise InvalidEntries("there is no entry in the request", field="entries")
    return entries


def decode_single(body: bytes, *, content_type: str, limits: Limits = LIMITS) -> list[Any]:
    """The one entry of a request, as a list.

    Raises:
        BadRequest: the body is no JSON object, nested too deeply, or holds NaN or Infinity.
        UnsupportedEncoding: the content type is not one that is taken.
    """
    if is_ndjson(content_type):
        raise UnsupportedEncoding("NDJSON is taken at /api/v1/logs/batch", field="Content-Type")
    document = _decode_bounded(body, limits)
    if not isinstance(document, dict):
        raise BadRequest(
            f"the body must be one object, not {json_type(document)}; several entries go to /api/v1/logs/batch",
            field="body",
            index=0,
        )
    return [document]


def is_ndjson(content_type: str) -> bool:
    """Whether the body is a document a line.

    Raises:
        UnsupportedEncoding: the type is neither JSON nor NDJSON, or its charset is not UTF-8.
    """
    media_type, _, parameters = content_type.lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters)
    if charset and charset[1] not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedEncoding("JSON is taken as UTF-8 (RFC 8259)", field="Content-Type")
    if media_type.strip() in NDJSON_TYPES:
        return True
    if media_type.strip() in JSON_TYPES or media_type.strip().endswith("+json"):
        return False
    raise UnsupportedEncoding("application/json and application/x-ndjson are taken here", field="Content-Type")


def decode_document(raw: bytes, *, what: str = "body") -> Any:
    """One JSON document; lone surrogates, which orjson refuses, are let through, since only their entry pays for them.

    Raises:
        BadRequest: it is no JSON in UTF-8, nested too deeply, or holds NaN or Infinity.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error):
            raise BadRequest(f"the {what} is nested too deeply", field="body") from error
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode()
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_bounded_int, parse_float=_finite_float)
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"the {what} is not UTF-8 at byte {error.start}", field="body", position=error.start
        ) from error
    except json.JSONDecodeError as error:
        detail = f"the {what} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise BadRequest(detail, field="body") from error
    except RecursionError as error:
        raise BadRequest(f"the {what} is nested too deeply", field="body") from error


def decode_lenient(raw: bytes, *, limits: Limits = LIMITS) -> Any:
    """One JSON document that need not be UTF-8: each byte that is not becomes a lone surrogate in its text.

    Raises:
        BadRequest, TooLarge: as `decode_document`; or it holds too many values.
    """
    try:
        raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "surrogateescape")
        raw = _NOT_UTF_8.sub(lambda found: f"\\u{ord(found[0]):x}", text).encode()
    return _decode_bounded(raw, limits)


def json_type(value: Any) -> str:
    """What JSON calls a value's type, with its article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "an object")


def too_large_on_the_wire(limits: Limits = LIMITS) -> TooLarge:
    """The error for a body over the limit on the wire."""
    limit = limits.wire_bytes
    return TooLarge(f"a body has at most {limit} bytes; {BY_FILE}", field="body", limit=limit, unit="bytes")


def _unpack(raw: bytes, encoding: str, limits: Limits) -> bytes:
    limit = limits.unpacked_bytes
    try:
        body = UNPACK[encoding](raw, limit)
    except FAULTS as error:
        raise BadRequest(f"the body is no whole {encoding} stream: {error}", field="body") from error
    if len(body) > limit:
        raise TooLarge(f"a body has at most {limit} bytes unpacked; {BY_FILE}", field="body", limit=limit, unit="bytes")
    return body


def _is_lines(body: bytes) -> bool:
    """Whether it is NDJSON by whatever name: Fluent Bit's `json_lines`, say, which comes as application/json."""
    first = _DOCUMENT_START.search(body)
    if first is None or not body[first.end() :].strip():
        return False
    try:
        return isinstance(decode_document(first[0]), dict)
    except BadRequest:
        return False


def _decode_lines(body: bytes, limits: Limits) -> list[Any]:
    _refuse_crowd(body, limits)
    entries: list[Any] = []
    for line in _DOCUMENT_START.finditer(body):
        if len(entries) == limits.entries:
            raise _too_many(limits)
        try:
            entries.append(decode_document(line[0], what="line"))
        except BadRequest as error:
            entries.append(BadLine(error.detail))
    return entries


def _decode_bounded(body: bytes, limits: Limits) -> Any:
    _refuse_crowd(body, limits)
    return decode_document(body)


def _refuse_crowd(body: bytes, limits: Limits) -> None:
    """A comma or an opening bracket comes before each JSON value but those that follow a key or stand alone."""
    if len(body) > limits.values and body.count(b",") + body.count(b"[") + body.count(b"{") > limits.values:
        detail = f"a body holds at most about {limits.values} JSON values; {BY_FILE}"
        raise TooLarge(detail, field="body", limit=limits.values, unit="values")


def _too_many(limits: Limits) -> TooLarge:
    return TooLarge(
        f"a request has at most {limits.entries} entries; {BY_FILE}",
        field="entries",
        index=limits.entries,
        limit=limits.entries,
        unit="entries",
    )


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is no JSON", field="body")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadRequest("a number is larger than a double can hold", field="body")
    return number


def _bounded_int(text: str) -> int | float:
    """As orjson does, so that one entry's surrogate changes no other entry: what 64 bits cannot hold is a double."""
    if len(text) <= LONGEST_INTEGER and SMALLEST_INTEGER <= (number := int(text)) <= LARGEST_INTEGER:
        return number
    return _finite_float(text)
