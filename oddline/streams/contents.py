"""Read what is in an object as files are read: the one place where a connection's objects become entries."""

from collections.abc import Iterable, Iterator
from typing import Final

from oddline.errors import DamagedFile
from oddline.files import Block, read_entries
from oddline.streams.model import FoundObject

SHOWN_KEY_BYTES: Final = 900  # of its end: what the reader leaves beside an entry's own attributes


def read_blocks(pieces: Iterable[bytes], found: FoundObject, *, source: str, most_entries: int) -> Iterator[Block]:
    """The entries behind those that are stored, always in the same blocks.

    Args:
        source: of entries that name none.

    Raises:
        NotText, LineTooLong: it is no log.
        DamagedFile: it cannot be unpacked to its end; all before that was given.
    """
    reader = read_entries(
        pieces,
        name=found.key,
        now=found.modified_at,
        year_hint=found.modified_at,
        after=found.position,
        most_entries=most_entries,
    )
    shown_key = found.key.encode()[-SHOWN_KEY_BYTES:].decode(errors="ignore")
    for block in reader:
        for entry in block.entries:
            entry.setdefault("source", source)
            entry["attributes"].setdefault("object", shown_key)
        yield block
    if reader.problems.damaged:
        raise DamagedFile(reader.problems.damaged)
