"""Look whether a file holds something that must not be kept, whatever its packing, its encoding and its size."""

from collections.abc import Callable, Iterator
from typing import Final

from oddline.errors import DamagedFile
from oddline.files.encodings import as_utf_8
from oddline.files.log_file import LogFile
from oddline.files.model import SAMPLE_BYTES
from oddline.files.opening import stream
from oddline.files.sniffing import look_at
from oddline.files.unpacking import unpacked
from oddline.objects import ObjectStore

LOOKED_AT_BYTES: Final = 4 * 1024 * 1024  # at once
OVERLAP_BYTES: Final = 64 * 1024  # longer than any value in its longest spelling
MOST_BYTES: Final = 50 * 1024**3  # of a file as it is kept; more cannot be read within a task's limits


def holds(objects: ObjectStore, file: LogFile, is_held: Callable[[str], bool]) -> bool:
    """Whether some of a file is `is_held`; of one that is too large to be looked through it is taken for so.

    Raises:
        ObjectMissing: its object is gone.
    """
    if (file.kept_size or 0) > MOST_BYTES:
        return True
    return any(is_held(text) for text in _texts(objects, file))


def _texts(objects: ObjectStore, file: LogFile) -> Iterator[str]:
    """The file's text, each with the end of the one before."""
    held = b""
    for piece in _plain(objects, file):
        held += piece
        if len(held) >= LOOKED_AT_BYTES:
            yield held.decode(errors="replace")
            held = held[-OVERLAP_BYTES:]
    yield held.decode(errors="replace")


def _plain(objects: ObjectStore, file: LogFile) -> Iterator[bytes]:
    pieces = stream(objects, file)
    start = next(pieces, b"")
    found = file.kept or look_at(start[:SAMPLE_BYTES], name=file.name)
    try:
        plain = unpacked(_behind(start, pieces), compression=found.compression)
        yield from as_utf_8(plain, encoding=found.encoding)
    except DamagedFile:  # nobody can read the rest
        return


def _behind(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from pieces
