"""Find where the row groups of a Parquet file lie, so that one can be fetched without the others.

The footer is a FileMetaData structure in Thrift's compact protocol (Apache Parquet format, "File format" and
parquet.thrift; Apache Thrift, "Thrift Compact protocol encoding").
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from oddline.errors import CorruptBody

MAGIC: Final = b"PAR1"
_TAIL: Final = struct.Struct("<I4s")  # length of the footer, magic

# Numbers of fields in parquet.thrift.
_ROW_GROUPS: Final = 4  # of FileMetaData
_COLUMNS, _ROWS = 1, 3  # of RowGroup
_META: Final = 3  # of ColumnChunk
_COMPRESSED, _DATA_PAGE, _DICTIONARY_PAGE = 7, 9, 11  # of ColumnMetaData

# Types of the compact protocol.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the pages of a row group lie in the file: bytes `start` up to `end`, of `rows` rows."""

    start: int
    end: int
    rows: int


def footer_offset(blob: bytes) -> int:
    """Where the footer begins.

    Raises:
        CorruptBody: this is not the whole of a Parquet file.
    """
    if len(blob) < _TAIL.size or not blob.endswith(MAGIC):
        raise CorruptBody("this is not a Parquet file")
    length: int = _TAIL.unpack_from(blob, len(blob) - _TAIL.size)[0]
    return len(blob) - _TAIL.size - length


def row_group_extents(blob: bytes) -> list[Extent]:
    """The row groups of a Parquet file, in their order.

    Raises:
        CorruptBody: this is not the whole of a Parquet file.
    """
    metadata = _Compact(blob, footer_offset(blob)).structure()
    try:
        return [_extent(group) for group in metadata[_ROW_GROUPS]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptBody(f"a Parquet footer lacks what it must have: {error!r}") from error


def _extent(group: Mapping[int, Any]) -> Extent:
    columns = [column[_META] for column in group[_COLUMNS]]
    starts = [min(column[_DATA_PAGE], column.get(_DICTIONARY_PAGE, column[_DATA_PAGE])) for column in columns]
    ends = [start + column[_COMPRESSED] for start, column in zip(starts, columns, strict=True)]
    return Extent(start=min(starts), end=max(ends), rows=group[_ROWS])


class _Compact:
    """Reads values of the compact protocol; a structure becomes a mapping from field numbers to values."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def structure(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while header := self._byte():
            number = number + (header >> 4) if header >> 4 else self._zigzag()
            kind = header & 0x0F
            fields[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in {_TRUE, _FALSE, _BYTE}:  # in a list a boolean is a byte
            return self._byte()
        if kind in {_I16, _I32, _I64}:
            return self._zigzag()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind in {_LIST, _SET}:
            return self._list()
        if kind == _STRUCT:
            return self.structure()
        raise CorruptBody(f"a Parquet footer has a value of type {kind}")

    def _list(self) -> list[Any]:
        header = self._byte()
        count = self._varint() if header >> 4 == 0x0F else header >> 4
        return [self._value(header & 0x0F) for _ in range(count)]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        if len(taken) < count:
            raise CorruptBody("a Parquet footer ends too soon")
        self._position += count
        return taken

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
