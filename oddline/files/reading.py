"""Read a file of any kind and size, as a stream, into blocks of entries."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Final

from oddline.errors import DamagedFile, NotText
from oddline.files.assembling import Assembler
from oddline.files.encodings import CP_1252, UTF_8_MARKED, as_utf_8, has_returns_alone, with_line_feeds
from oddline.files.formats import FORMATS
from oddline.files.model import BINARY, SAMPLE_BYTES, Block, Found, Problems
from oddline.files.records import split
from oddline.files.sniffing import look_at_unpacked, sample_of
from oddline.files.timestamps import Clock
from oddline.files.unpacking import MAGIC_BYTES, compression_of, unpacked

MOST_ENTRIES: Final = 10_000  # a block, as of a request
_MARK_BYTES: Final = 3


def read_entries(
    blocks: Iterable[bytes],
    *,
    found: Found | None = None,
    name: str = "",
    now: datetime,
    year_hint: datetime | None = None,
    after: int = 0,
    zone: tzinfo | None = None,
    most_entries: int = MOST_ENTRIES,
) -> "EntryReader":
    """The entries of a stream, block by block.

    The same bytes with the same arguments give the same blocks, whatever pieces they come in. With `after`, the `end`
    of an earlier block, those come that followed it.

    Args:
        blocks: the file from its first byte, in pieces of any size.
        found: what it is, where that is known.
        name: of the file, where it is to be found out what it is: see `look_at`.
        now: what no entry's time may be later than by over a day; the same when reading goes on.
        year_hint: when the file was written or came: times without a year lie before it.
        zone: of times without one; UTC where it is not given.
    """
    return EntryReader(
        blocks,
        found=found,
        name=name,
        clock=Clock(now=now, year_hint=year_hint, zone=zone),
        after=after,
        most_entries=most_entries,
    )


class EntryReader(Iterator[Block]):
    """Gives blocks of entries.

    Iterating raises `NotText` where the stream is no text, and `LineTooLong` where 64 MB hold no line end. Damaged
    packing is noted in `problems` and ends the stream.

    Attributes:
        found: what the file is; set before the first block.
        problems: of what was read so far.
        packed_bytes, unpacked_bytes: read so far, with those that were skipped.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        *,
        found: Found | None,
        name: str,
        clock: Clock,
        after: int,
        most_entries: int,
    ) -> None:
        self.found, self.problems = found, Problems()
        self.packed_bytes = self.unpacked_bytes = 0
        self._name, self._clock, self._after, self._most_entries = name, clock, after, most_entries
        self._blocks = self._read(iter(blocks))

    def __next__(self) -> Block:
        block = next(self._blocks)
        self.problems.add(block.problems)
        return block

    def _read(self, pieces: Iterator[bytes]) -> Iterator[Block]:
        plain, compression = self._plain(pieces)
        start, held = _take(plain, SAMPLE_BYTES)
        if self.found is None:
            self.found = look_at_unpacked(start[:SAMPLE_BYTES], compression=compression, name=self._name)
        found = self.found
        if found.format == BINARY:
            raise NotText("it is neither text nor packed in a way that is known")
        one = FORMATS[found.format]
        parser = one.parser(sample_of(start[:SAMPLE_BYTES], encoding=found.encoding), self._clock)
        text = as_utf_8(_chain(held, plain), encoding=found.encoding)
        if has_returns_alone(b"".join(as_utf_8([start[:SAMPLE_BYTES]], encoding=found.encoding))):
            text = with_line_feeds(text)
        begin = max(self._after, _MARK_BYTES if found.encoding == UTF_8_MARKED else 0)
        assembler = Assembler(
            parser,
            clock=self._clock,
            encoding="cp1252" if found.encoding == CP_1252 else "utf-8",
            most_entries=self._most_entries,
            start=begin,
        )
        for records in split(_skip(text, begin), framing=one.framing):
            yield from assembler.take(records)
        yield from assembler.end()

    def _plain(self, pieces: Iterator[bytes]) -> tuple[Iterator[bytes], str]:
        """The unpacked stream, which ends where its packing is damaged, and its compression."""
        start, held = _take(pieces, MAGIC_BYTES)
        compression = self.found.compression if self.found else compression_of(start)
        return self._noting_damage(unpacked(self._counted(_chain(held, pieces)), compression=compression)), compression

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.packed_bytes += len(piece)
            yield piece

    def _noting_damage(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            for piece in pieces:
                self.unpacked_bytes += len(piece)
                yield piece
        except DamagedFile as error:
            self.problems.damaged = error.detail


def _take(pieces: Iterator[bytes], size: int) -> tuple[bytes, list[bytes]]:
    """The first `size` bytes or more, and the pieces that they came in."""
    held: list[bytes] = []
    taken = 0
    for piece in pieces:
        held.append(piece)
        taken += len(piece)
        if taken >= size:
            break
    return b"".join(held), held


def _chain(held: list[bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    held.reverse()
    while held:  # let go of each as it is read
        yield held.pop()
    yield from pieces


def _skip(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    left = size
    for piece in pieces:
        if left >= len(piece):
            left -= len(piece)
        else:
            yield piece[left:] if left else piece
            left = 0
