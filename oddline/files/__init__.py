"""Files: streams of bytes of any kind and size that become entries."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.files.metadata import Metadata, MetadataFold
    from oddline.files.model import Block, Entry, Found, Problems
    from oddline.files.reading import EntryReader, read_entries
    from oddline.files.sniffing import look_at
    from oddline.files.unpacking import MAGIC_BYTES, NONE, compression_of, unpacked

__all__ = [
    "MAGIC_BYTES",
    "NONE",
    "Block",
    "Entry",
    "EntryReader",
    "Found",
    "Metadata",
    "MetadataFold",
    "Problems",
    "compression_of",
    "look_at",
    "read_entries",
    "unpacked",
]

__getattr__ = face(
    __name__,
    {
        "metadata": ["Metadata", "MetadataFold"],
        "model": ["Block", "Entry", "Found", "Problems"],
        "reading": ["EntryReader", "read_entries"],
        "sniffing": ["look_at"],
        "unpacking": ["MAGIC_BYTES", "NONE", "compression_of", "unpacked"],
    },
)
