"""Read protobuf messages whose texts need not be UTF-8: a byte that is none spoils no request, and no other entry."""

from collections.abc import Collection, Iterable
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from oddline.errors import BadRequest, TooLarge

_UNCOUNTED_BYTES = 512 * 1024  # of a message whose fields may be read whatever their number
_OTHER_FIELDS = 100  # that a message may have beside those that are counted
_NUMBER, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # how a field is written: the low three bits of its tag
_WIDTHS = {_DOUBLE: 8, _FLOAT: 4}
_LONGEST_NUMBER = 10  # bytes


def descriptor_of(file: FileDescriptor) -> FileDescriptorProto:
    """The description of a generated module's messages."""
    return FileDescriptorProto.FromString(file.serialized_pb)


def lenient_pool(files: Iterable[FileDescriptorProto], *, unread: Collection[str] = ()) -> DescriptorPool:
    """The messages of these files, which must come after those that they use, with each text as its bytes.

    Args:
        unread: names of fields whose messages stay bytes too, to be read one by one: a request of millions of empty
            ones would otherwise take gigabytes.
    """
    pool = DescriptorPool()
    for file in files:
        for message in file.message_type:
            for field in message.field:
                if field.type == FieldDescriptorProto.TYPE_STRING or field.name in unread:
                    field.type = FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("type_name")
        pool.Add(file)
    return pool


def message_class(pool: DescriptorPool, name: str) -> type[Message]:
    """The class of a pool's message."""
    return GetMessageClass(pool.FindMessageTypeByName(name))


def read(kind: type[Message], raw: bytes, *, what: str, most_fields: int = 0) -> Any:
    """A message.

    Args:
        most_fields: how many it may have, counted before they are read: millions of empty ones take no more; 0, any.

    Raises:
        BadRequest: the bytes are none.
        TooLarge: it has too many fields.
    """
    if most_fields and len(raw) > _UNCOUNTED_BYTES and _has_more_fields(raw, most_fields + _OTHER_FIELDS):
        detail = f"a request has at most {most_fields} messages within one"
        raise TooLarge(detail, field="body", limit=most_fields, unit="messages")
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise BadRequest(f"the body is no {what} in protobuf: {error}", field="body") from error


def _has_more_fields(raw: bytes, most: int) -> bool:
    """Whether a message has more fields than so many; where it is none, that is told when it is read."""
    at = count = 0
    try:
        while at < len(raw) and count <= most:
            kind = raw[at] & 7
            _, at = _number(raw, at)
            if kind == _BYTES:
                size, at = _number(raw, at)
                at += size
            elif kind == _NUMBER:
                _, at = _number(raw, at)
            else:
                at += _WIDTHS.get(kind, 0)
            count += 1
    except IndexError:
        return False
    return count > most


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    byte = raw[at]
    if byte < 0x80:
        return byte, at + 1
    number = byte & 0x7F
    for place in range(1, _LONGEST_NUMBER):
        byte = raw[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise IndexError(at)


def text_of(raw: bytes) -> str:
    """A text; what is not UTF-8 in it becomes lone surrogates, which are replaced where it is stored."""
    return raw.decode("utf-8", "surrogateescape")
