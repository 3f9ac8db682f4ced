"""Loki's push request in protobuf. Loaded by the first request that comes so."""

from collections.abc import Iterator
from typing import Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from functions.ingest.loki.entries import Stream
from functions.ingest.loki.labels import read_labels
from functions.ingest.shipping import MOST_ENTRIES, Read
from functions.ingest.wire import lenient_pool, message_class, read, text_of
from oddline.errors import TooLarge
from oddline.submissions import BadLine

LARGEST_MESSAGE: Final = 1024 * 1024  # bytes of an entry, of labels: more than an entry of ours can have
_WHAT: Final = "PushRequest"
_NANOSECONDS: Final = 10**9

# Of each message the fields that are read, by their numbers: what Loki's push.proto says of them.
_ONE, _MANY = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
_BYTES, _MESSAGE = FieldDescriptorProto.TYPE_BYTES, FieldDescriptorProto.TYPE_MESSAGE
_INT64, _INT32 = FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_INT32
_MESSAGES: Final[dict[str, list[tuple[str, int, int, str]]]] = {
    "PushRequest": [("streams", _MANY, _BYTES, "")],
    "Stream": [("labels", _ONE, _BYTES, ""), ("entries", _MANY, _BYTES, "")],
    "Entry": [
        ("timestamp", _ONE, _MESSAGE, "Timestamp"),
        ("line", _ONE, _BYTES, ""),
        ("metadata", _MANY, _MESSAGE, "Pair"),
    ],
    "Timestamp": [("seconds", _ONE, _INT64, ""), ("nanos", _ONE, _INT32, "")],
    "Pair": [("name", _ONE, _BYTES, ""), ("value", _ONE, _BYTES, "")],
}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="push", package="push", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, label, kind, of) in enumerate(fields, start=1):
            type_name = f".push.{of}" if of else None
            message.field.add(name=field, number=number, label=label, type=kind, type_name=type_name)
    return file


_POOL = lenient_pool([_file()])
_PushRequest = message_class(_POOL, "push.PushRequest")
_Stream = message_class(_POOL, "push.Stream")
_Entry = message_class(_POOL, "push.Entry")


def read_entries(body: bytes) -> Iterator[Read | None]:
    """The entries of a request; None for each stream, which may be empty.

    Raises:
        BadRequest: the body is no such request.
        TooLarge: the labels of a stream are larger than any entry can be, or there are too many messages.
    """
    for raw_stream in read(_PushRequest, body, what=_WHAT, most_fields=MOST_ENTRIES).streams:
        yield None
        found = read(_Stream, raw_stream, what=_WHAT, most_fields=MOST_ENTRIES)
        if len(found.labels) > LARGEST_MESSAGE:
            detail = f"a stream's labels have at most {LARGEST_MESSAGE} bytes"
            raise TooLarge(detail, field="labels", limit=LARGEST_MESSAGE, unit="bytes")
        stream = Stream.of(read_labels(text_of(found.labels)))
        refused = stream.refused
        for raw_entry in found.entries:
            yield refused or _entry(raw_entry, stream)


def _entry(raw: bytes, stream: Stream) -> Read:
    if len(raw) > LARGEST_MESSAGE:
        return Read(BadLine(f"the entry has {len(raw)} bytes; at most {LARGEST_MESSAGE} are taken"), size=0)
    entry = read(_Entry, raw, what=_WHAT)
    at = entry.timestamp
    return stream.read(
        text_of(entry.line),
        nanoseconds=at.seconds * _NANOSECONDS + at.nanos,
        metadata={text_of(pair.name): text_of(pair.value) for pair in entry.metadata},
    )
