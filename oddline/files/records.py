"""Cut a stream into the records of its format, where a line end is not what stands between them."""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import Final

import orjson

from oddline.files.json_records import find_object, find_wrapped
from oddline.files.model import ENTRY_BYTES, Framing
from oddline.files.quoting import quoted_lines
from oddline.files.splitting import LONGEST_BYTES, Records, lines, refuse_longer_than

_GROWTH: Final = 2  # of what is held before it is looked through again: the cost stays linear
_LENGTH_BYTES: Final = 8


def split(pieces: Iterable[bytes], *, framing: Framing) -> Iterator[Records]:
    """The records of a stream. Of one over 256 KB only its beginning is kept.

    Raises:
        LineTooLong: 64 MB hold no end of a record.
    """
    return _SPLIT[framing](pieces)


def _bounded(raw: bytes, size: int) -> Records:
    refuse_longer_than(len(raw))
    return Records([raw[:ENTRY_BYTES]], [size], max(0, len(raw) - ENTRY_BYTES))


Find = Callable[[bytes, int], tuple[bytes, int] | None]
"""The record that begins at a place, and where the next begins; None where more is needed."""


def _by(find: Find, pieces: Iterable[bytes], *, last: Find) -> Iterator[Records]:
    """Records as `find` finds them, and `last` in what is left at the stream's end."""
    held, waiting, size, needed = b"", [], 0, 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= needed:
            held = yield from _found(find, b"".join((held, *waiting)))
            waiting.clear()
            size = len(held)
            refuse_longer_than(size)
            needed = size * _GROWTH if size > ENTRY_BYTES else 0
    held = yield from _found(find, b"".join((held, *waiting)))
    yield from _found(last, held)


def _found(find: Find, data: bytes) -> Generator[Records, None, bytes]:
    """The records that are whole; returns what is left behind them."""
    at = 0
    while found := find(data, at):
        raw, end = found
        yield _bounded(raw, end - at)
        at = end
    return data[at:]


def _find_journal_record(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The next record of `journalctl -o export`, as JSON."""
    fields: dict[str, list[str]] = {}
    place = at
    while True:
        line_end = data.find(b"\n", place)
        if line_end < 0:
            return None
        line = data[place:line_end]
        place = line_end + 1
        name, has_text, value = line.partition(b"=")
        if not line.strip(b"\r"):
            if fields:
                return _as_json(fields), place
            continue
        if not has_text:
            begin = place + _LENGTH_BYTES
            length = int.from_bytes(data[place:begin], "little")
            if begin > len(data) or (length <= LONGEST_BYTES and begin + length >= len(data)):
                return None
            if length > LONGEST_BYTES:  # the line is broken, and no name
                name, value = b"unreadable", line
            else:
                value, place = data[begin : begin + length], begin + length + 1
        fields.setdefault(name.decode(errors="replace"), []).append(value.decode(errors="replace"))


def _as_json(fields: dict[str, list[str]]) -> bytes:
    return orjson.dumps({name: values[0] if len(values) == 1 else values for name, values in fields.items()})


def _last_journal_record(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The record that the stream ends in, with no blank line behind it."""
    rest = data[at:]
    if not rest.strip():
        return None
    found = _find_journal_record(rest.rstrip(b"\n") + b"\n\n", 0)
    return found[0] if found else rest.strip(), len(data)


_SPLIT: Final[dict[Framing, Callable[[Iterable[bytes]], Iterator[Records]]]] = {
    Framing.LINES: lines,
    Framing.QUOTED_LINES: quoted_lines,
    Framing.JSON: lambda pieces: _by(find_object, pieces, last=partial(find_object, is_last=True)),
    Framing.WRAPPED_JSON: lambda pieces: _by(find_wrapped, pieces, last=partial(find_wrapped, is_last=True)),
    Framing.JOURNAL: lambda pieces: _by(_find_journal_record, pieces, last=_last_journal_record),
}
