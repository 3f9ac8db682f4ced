"""Cut a stream of bytes into lines, whatever their length, without ever holding more than a bound of it."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from oddline.errors import LineTooLong
from oddline.files.model import ENTRY_BYTES

LONGEST_BYTES: Final = 64 * 1024 * 1024  # of a record, of which 256 KB are kept: what is longer is no log


class Records(NamedTuple):
    """Some records without what ends them.

    Attributes:
        sizes: how many bytes each takes in the stream; None where each takes one more than it has.
        left_out: how many bytes of the one record that these are were too many.
    """

    raws: list[bytes]
    sizes: list[int] | None = None
    left_out: int = 0


def lines(pieces: Iterable[bytes]) -> Iterator[Records]:
    """The lines of a stream. Of one over 256 KB only its beginning is kept.

    Raises:
        LineTooLong: 64 MB hold no line end.
    """
    rest, skipped = b"", 0
    for piece in pieces:
        data = piece
        if skipped:
            end = data.find(b"\n")
            if end < 0:
                skipped += len(data)
                refuse_longer_than(skipped)
                continue
            yield _cut(rest, skipped + end)
            rest, skipped, data = b"", 0, data[end + 1 :]
        found = data.split(b"\n")
        found[0] = rest + found[0] if rest else found[0]
        rest = found.pop()
        if found:
            yield from _with_bound(found)
        if len(rest) > ENTRY_BYTES:
            rest, skipped = rest[:ENTRY_BYTES], len(rest) - ENTRY_BYTES
            refuse_longer_than(skipped)
    if rest:
        yield Records([rest], [len(rest) + skipped], skipped)


def _with_bound(found: list[bytes]) -> Iterator[Records]:
    if max(map(len, found)) <= ENTRY_BYTES:
        yield Records(found)
        return
    for line in found:
        yield _cut(line[:ENTRY_BYTES], len(line) - ENTRY_BYTES) if len(line) > ENTRY_BYTES else Records([line])


def _cut(line: bytes, left_out: int) -> Records:
    return Records([line], [len(line) + left_out + 1], left_out)


def refuse_longer_than(size: int) -> None:
    """Raise where a record has more bytes than any log's."""
    if size > LONGEST_BYTES:
        raise LineTooLong(f"{LONGEST_BYTES // 1024 // 1024} MB of it hold no end of a line or record")
