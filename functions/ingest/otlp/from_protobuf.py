"""OTLP in protobuf: `ExportLogsServiceRequest`. Loaded by the first request that comes so."""

import base64
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from functions.ingest.otlp.entries import Origin, Record
from functions.ingest.otlp.values import MOST_LEVELS, deeper, dropped_of, number_of
from functions.ingest.shipping import MOST_ENTRIES, Read
from functions.ingest.wire import descriptor_of, lenient_pool, message_class, read, text_of
from oddline.errors import TooLarge
from oddline.submissions import BadLine

LARGEST_MESSAGE: Final = 1024 * 1024  # bytes of a record, a resource, a scope: more than an entry can have
_WHAT: Final = "ExportLogsServiceRequest"
_FILES = (common_pb2, resource_pb2, logs_pb2, logs_service_pb2)
_POOL = lenient_pool(
    (descriptor_of(module.DESCRIPTOR) for module in _FILES),
    unread=("resource_logs", "scope_logs", "log_records", "resource", "scope"),
)
_Request = message_class(_POOL, "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest")
_ResourceLogs = message_class(_POOL, "opentelemetry.proto.logs.v1.ResourceLogs")
_ScopeLogs = message_class(_POOL, "opentelemetry.proto.logs.v1.ScopeLogs")
_LogRecord = message_class(_POOL, "opentelemetry.proto.logs.v1.LogRecord")
_Resource = message_class(_POOL, "opentelemetry.proto.resource.v1.Resource")
_Scope = message_class(_POOL, "opentelemetry.proto.common.v1.InstrumentationScope")


def read_entries(body: bytes) -> Iterator[Read | None]:
    """The entries of a request; None for each group of them, which may be empty.

    Raises:
        BadRequest: the body is no such request.
        TooLarge: a resource or a scope is larger than any entry can be, or there are too many messages.
    """
    read_many = partial(read, what=_WHAT, most_fields=MOST_ENTRIES)
    for raw_group in read_many(_Request, body).resource_logs:
        yield None
        group = read_many(_ResourceLogs, raw_group)
        resource = _resource(_bounded(group.resource))
        for raw_scope_logs in group.scope_logs:
            yield None
            scope_logs = read_many(_ScopeLogs, raw_scope_logs)
            origin = Origin.of(resource, _scope(_bounded(scope_logs.scope)))
            refused = origin.refused
            for raw_record in scope_logs.log_records:
                yield refused or _entry(raw_record, origin)


def _bounded(raw: bytes) -> bytes:
    if len(raw) > LARGEST_MESSAGE:
        detail = f"a resource or a scope has {len(raw)} bytes; at most {LARGEST_MESSAGE} are taken"
        raise TooLarge(detail, field="body", limit=LARGEST_MESSAGE, unit="bytes")
    return raw


def _entry(raw: bytes, origin: Origin) -> Read:
    if len(raw) > LARGEST_MESSAGE:
        return Read(BadLine(f"the record has {len(raw)} bytes; at most {LARGEST_MESSAGE} are taken"), size=0)
    return _record(raw).read(origin)


def _record(raw: bytes) -> Record:
    message = read(_LogRecord, raw, what=_WHAT)
    return Record(
        time=message.time_unix_nano,
        observed=message.observed_time_unix_nano,
        severity_number=message.severity_number,
        severity_text=text_of(message.severity_text),
        body=_value(message.body, MOST_LEVELS),
        attributes=_attributes(message.attributes, MOST_LEVELS),
        dropped_attributes=message.dropped_attributes_count,
        flags=message.flags,
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        event_name=text_of(message.event_name),
    )


def _resource(raw: bytes) -> dict[str, Any]:
    return _shared(read(_Resource, raw, what=_WHAT))


def _scope(raw: bytes) -> dict[str, Any]:
    scope = read(_Scope, raw, what=_WHAT)
    named = {"name": text_of(scope.name), "version": text_of(scope.version)}
    return _shared(scope) | {name: value for name, value in named.items() if value}


def _shared(message: Any) -> dict[str, Any]:
    """The attributes of a resource or a scope."""
    return _attributes(message.attributes, MOST_LEVELS) | dropped_of(message.dropped_attributes_count)


def _attributes(pairs: Iterable[Any], levels: int) -> dict[str, Any]:
    inside = deeper(levels)
    return {text_of(pair.key): _value(pair.value, inside) for pair in pairs}


def _value(value: Any, levels: int) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value_strindex":  # the latter belongs to profiles
        return None
    found = getattr(value, kind)
    return _READERS[kind](found, levels) if kind in _READERS else found


def _array(array: Any, levels: int) -> list[Any]:
    inside = deeper(levels)
    return [_value(value, inside) for value in array.values]


_READERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "string_value": lambda raw, _: text_of(raw),
    "double_value": lambda number, _: number_of(number),
    "bytes_value": lambda raw, _: base64.b64encode(raw).decode(),
    "array_value": _array,
    "kvlist_value": lambda pairs, levels: _attributes(pairs.values, levels),
}
