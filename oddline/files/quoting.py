"""Put lines together that are one record because a quote is open between them."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from oddline.files.model import ENTRY_BYTES, ENTRY_LINES
from oddline.files.splitting import Records, lines


class _Line(NamedTuple):
    raw: bytes
    size: int
    left_out: int


def quoted_lines(pieces: Iterable[bytes]) -> Iterator[Records]:
    """Lines, of which those that open a quote go on until it is closed.

    A quote that is not closed within what an entry may be is a sign like any other, and its line stands alone.
    """
    joiner = _Joiner()
    for records in lines(pieces):
        raws, sizes, left_out = records
        if not joiner.opened and not any(b'"' in raw for raw in raws):
            yield records
            continue
        sizes = sizes or [len(raw) + 1 for raw in raws]
        joiner.waiting.extend(_Line(raw, size, left_out) for raw, size in zip(raws, sizes, strict=True))
        yield from joiner.records()
    while joiner.opened:
        yield joiner.give_up()
        yield from joiner.records()


class _Joiner:
    """Holds the lines of the record that is open and those that wait behind it."""

    def __init__(self) -> None:
        self.waiting: deque[_Line] = deque()
        self.opened: list[_Line] = []
        self._bytes = 0

    def records(self) -> Iterator[Records]:
        """What is whole by the lines that wait."""
        while self.waiting:
            line = self.waiting.popleft()
            has_turned = line.raw.count(b'"') % 2 == 1 and not line.left_out
            if not self.opened and not has_turned:
                yield Records([line.raw], [line.size], line.left_out)
                continue
            self.opened.append(line)
            self._bytes += line.size
            if len(self.opened) > 1 and has_turned:
                yield Records([b"\n".join(one.raw for one in self.opened)], [self._bytes])
                self.opened, self._bytes = [], 0
            elif line.left_out or self._bytes > ENTRY_BYTES or len(self.opened) >= ENTRY_LINES:
                yield self.give_up()

    def give_up(self) -> Records:
        """The first line of the open record alone; the others wait to be looked at again."""
        first, *others = self.opened
        self.waiting.extendleft(reversed(others))
        self.opened, self._bytes = [], 0
        return Records([first.raw], [first.size], first.left_out)
