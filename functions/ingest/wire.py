"""Read protobuf messages whose texts need not be UTF-8: a byte that is none spoils no request, and no other entry."""

from collections.abc import Collection, Iterable
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from oddline.errors import BadRequest


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


def read(kind: type[Message], raw: bytes, *, what: str) -> Any:
    """A message.

    Raises:
        BadRequest: the bytes are none.
    """
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise BadRequest(f"the body is no {what} in protobuf: {error}", field="body") from error


def text_of(raw: bytes) -> str:
    """A text; what is not UTF-8 in it becomes lone surrogates, which are replaced where it is stored."""
    return raw.decode("utf-8", "surrogateescape")
