"""Cut a stream into the records of its format, where a line end is not what stands between them."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final

import orjson

from oddline.files.model import ENTRY_BYTES, Framing
from oddline.files.quoting import quoted_lines
from oddline.files.splitting import LONGEST_BYTES, Records, lines, refuse_longer_than

WRAPPER: Final = (
    r"\{(?:\s*\"\w+\"\s*:\s*(?:\"(?:[^\"\\]|\\.)*\"|[\d.]+|true|false|null|\[[^\[\]{}]*\])\s*,)*"
    r"\s*\"(?:events|logEvents|Events|Records|records|entries|logs|hits|result|results|data|items)\"\s*:\s*\["
)
"""An object up to the array in it that holds the entries."""

_WRAPPER: Final = re.compile(WRAPPER.encode(), re.DOTALL)
_BETWEEN_OBJECTS: Final = re.compile(rb"(?:[^{\"]+|\"(?:[^\"\\]++|\\.)*+\")*+", re.DOTALL)
_BRACES: Final = re.compile(rb"\"(?:[^\"\\]++|\\.)*+\"|[{}\"]", re.DOTALL)
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


def _by(find: Find, pieces: Iterable[bytes], *, rest_of: Callable[[bytes], bytes]) -> Iterator[Records]:
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
    if raw := rest_of(held):
        yield _bounded(raw, len(held))


def _found(find: Find, data: bytes) -> Generator[Records, None, bytes]:
    """The records that are whole; returns what is left behind them."""
    at = 0
    while found := find(data, at):
        raw, end = found
        yield _bounded(raw, end - at)
        at = end
    return data[at:]


def _find_object(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The next object, whatever stands before it."""
    between = _BETWEEN_OBJECTS.match(data, at)
    start = between.end() if between else at
    if data.find(b"}", start) < 0:
        return None
    depth = 0
    for found in _BRACES.finditer(data, start):
        sign = found[0]
        if sign == b"{":
            depth += 1
        elif sign == b"}":
            depth -= 1
            if depth == 0:
                return data[start : found.end()], found.end()
        elif sign == b'"':  # a text that goes on behind what is held
            return None
    return None


def _wrapped_objects(pieces: Iterable[bytes]) -> Iterator[Records]:
    return _by(_find_wrapped, pieces, rest_of=_from_brace)


def _find_wrapped(data: bytes, at: int) -> tuple[bytes, int] | None:
    between = _BETWEEN_OBJECTS.match(data, at)
    start = between.end() if between else at
    wrapper = _WRAPPER.match(data, start)
    if wrapper is None:
        return _find_object(data, at)
    return _find_wrapped(data, wrapper.end())


def _from_brace(data: bytes) -> bytes:
    """What is left of an object that the stream ends in."""
    between = _BETWEEN_OBJECTS.match(data)
    rest = data[between.end() if between else 0 :].strip()
    return rest if rest.startswith(b"{") else b""


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


def _journal_rest(data: bytes) -> bytes:
    """The record that the stream ends in, with no blank line behind it."""
    found = _find_journal_record(data.rstrip(b"\n") + b"\n\n", 0) if data.strip() else None
    return found[0] if found else data.strip()


_SPLIT: Final[dict[Framing, Callable[[Iterable[bytes]], Iterator[Records]]]] = {
    Framing.LINES: lines,
    Framing.QUOTED_LINES: quoted_lines,
    Framing.JSON: lambda pieces: _by(_find_object, pieces, rest_of=_from_brace),
    Framing.WRAPPED_JSON: _wrapped_objects,
    Framing.JOURNAL: lambda pieces: _by(_find_journal_record, pieces, rest_of=_journal_rest),
}
