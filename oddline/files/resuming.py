"""Go on in a stream at the place that was reached: what lies before it is fetched again only where it must be."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final

from oddline.files.encodings import UTF_16_BE, UTF_16_LE
from oddline.files.model import SAMPLE_BYTES, Found
from oddline.files.sniffing import look_at
from oddline.files.unpacking import NONE
from oddline.objects import PIECE_BYTES

Pieces = Generator[bytes, None, None]

_SKIPPED: Final = bytes(PIECE_BYTES)


def from_place(stream: Callable[[int], Pieces], *, position: int, found: Found | None = None, name: str = "") -> Pieces:
    """A stream for `read_entries` with `after=position`, with as many bytes before that as there are.

    Where bytes stand as they are read, these are zeros but for the beginning. What is packed comes whole, and so does
    UTF-16, of which places are counted as UTF-8.

    Args:
        stream: the bytes from one on, in pieces; asked for the first one, and for the one at `position`.
        found: what it is, where that is known.
        name: as of `read_entries`.
    """
    with closing(stream(0)) as pieces:
        beginning = _beginning(pieces)
        found = found or look_at(beginning[:SAMPLE_BYTES], name=name)
        is_moved = found.compression != NONE or found.encoding in {UTF_16_LE, UTF_16_BE}
        if is_moved or position <= len(beginning):
            yield beginning
            yield from pieces
            return
    yield beginning
    for at in range(len(beginning), position, PIECE_BYTES):
        yield _SKIPPED[: position - at]
    yield from stream(position)


def _beginning(pieces: Pieces) -> bytes:
    """What it is found by, or a little more."""
    beginning = bytearray()
    for piece in pieces:
        beginning += piece
        if len(beginning) >= SAMPLE_BYTES:
            break
    return bytes(beginning)
