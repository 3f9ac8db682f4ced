"""Find the objects in a stream of JSON, and what is left where one is broken: it must not take the others with it."""

import re
from typing import Final

from oddline.files.model import ENTRY_BYTES, ENTRY_LINES

_TEXT: Final = r"\"(?:[^\"\\\n]++|\\[^\n])*+\""
_SCALAR: Final = rf"(?:{_TEXT}|[-+\d.eE]+|true|false|null|\[[^\[\]{{}}]*\])"
WRAPPER: Final = (
    rf"\{{(?:\s*\"\w+\"\s*:\s*{_SCALAR}\s*,)*"
    r"\s*\"(?:events|logEvents|Events|Records|records|entries|logs|hits|result|results|data|items)\"\s*:\s*\["
)
"""An object up to the array in it that holds the entries."""

_WRAPPER: Final = re.compile(WRAPPER.encode())
_PAIRS: Final = rf"\](?:\s*,\s*\"\w+\"\s*:\s*(?:{_SCALAR}|\[?(?=\s*\{{)))*+"
_TAIL: Final = re.compile(rf"{_PAIRS}(?:\s*\}})*+".encode())
"""What stands behind that array."""
_CUT_VALUE: Final = r"(?:\"(?:[^\"\\\n]++|\\[^\n])*+\\?|[-+\w.]*+|\[[^\[\]{}]*+)"
_CUT_TAIL: Final = re.compile(rf"{_PAIRS}\s*+(?:,\s*+(?:\"\w*+(?:\"\s*+(?::\s*+{_CUT_VALUE})?)?)?)?\Z".encode())
_BETWEEN: Final = re.compile(rb"[\s,\[\]]*+")
_WITHIN_WRAPPER: Final = re.compile(rb"[\s,\[}]*+")
_OPENED: Final = re.compile(rb"\{\s*+(?:[\"}]|\Z)")
_CUT_OPENED: Final = re.compile(rb"\{\s*+\Z")
_STRAY: Final = re.compile(rf"(?:[^{{\"\n]++|\{{(?!\s*+(?:[\"}}]|\Z))|{_TEXT}|\"[^\n]*+)*+".encode())
_SIGN: Final = re.compile(rf"(?:[^{{}}\[\]\"]++|{_TEXT}(?=\s*+[,:\]}}]))*+[{{}}\[\]\"]".encode())
_BROKEN_TEXT: Final = re.compile(rb"\"(?:[^\"\\\n]++|\\[^\n])*+(?:\\?\n|\"\s*+\S)")
_BEFORE_OBJECT: Final = re.compile(rb"\}(?=[\s,]*+\{)|(?=\n[ \t\r,\[\]]*+\{)")
_OPENED_BY: Final = {ord("}"): ord("{"), ord("]"): ord("[")}
_DEEPEST: Final = 100  # over three times what attributes may be; so broken objects in each other cost little
_BROKEN: Final = -1


def find_object(data: bytes, at: int, *, is_last: bool = False) -> tuple[bytes, int] | None:
    """The next object, and where it ends; what is none in its place is told as well.

    What comes of the bytes hangs on nothing before `at`, and not on how many of them are held.

    Args:
        is_last: nothing follows the data.
    """
    between = _BETWEEN.match(data, at)
    return _find(data, at, start=between.end() if between else at, is_last=is_last)


def find_wrapped(data: bytes, at: int, *, is_last: bool = False) -> tuple[bytes, int] | None:
    """As `find_object`, of objects in an array that an object holds: what stands around the array is left out."""
    start = at
    while True:
        before = start
        for around in (_TAIL, _WITHIN_WRAPPER, _WRAPPER):
            if around is _TAIL and not is_last and _CUT_TAIL.match(data, start):
                return None
            found = around.match(data, start)
            if found and (around is not _WRAPPER or found.end() - start <= ENTRY_BYTES):
                start = found.end()
        if start == before:
            return _find(data, at, start=start, is_last=is_last)


def _find(data: bytes, at: int, *, start: int, is_last: bool) -> tuple[bytes, int] | None:
    if start == len(data):
        return None
    if not _OPENED.match(data, start):
        return _stray(data, start, is_last=is_last)
    end = _end_of_object(data, start)
    if end == _BROKEN or (end is None and is_last):
        return _given_up(data, at, start=start, is_last=is_last)
    return None if end is None else (data[start:end], end)


def _stray(data: bytes, start: int, *, is_last: bool) -> tuple[bytes, int] | None:
    """Text between objects, to the next one in its line or the line's end."""
    found = _STRAY.match(data, start)
    end = found.end() if found else start
    is_sure = is_last or (end < len(data) and not _CUT_OPENED.match(data, end))
    return (data[start:end].rstrip(), end) if is_sure else None


def _end_of_object(data: bytes, start: int) -> int | None:
    """Where an object ends; `_BROKEN` where it does not, None where more is needed to say."""
    opened, at = bytearray(), start
    while found := _SIGN.match(data, at):
        before, at = at, found.end()
        sign = data[at - 1]
        if sign == ord('"'):
            return _BROKEN if _BROKEN_TEXT.match(data, at - 1) else _unless_too_long(data, start)
        opener = _OPENED_BY.get(sign)
        if opener is None:
            is_member = sign == ord("{") and opened[-1:] == b"{"
            if len(opened) >= _DEEPEST or (is_member and not data[before : at - 1].rstrip().endswith(b":")):
                return _BROKEN
            opened.append(sign)
        elif opened.pop() != opener:
            return _BROKEN
        elif not opened:
            is_too_long = at - start > ENTRY_BYTES and data.find(b"\n", start, at) >= 0
            return _BROKEN if is_too_long else at
    return _unless_too_long(data, start)


def _unless_too_long(data: bytes, start: int) -> int | None:
    """What has no end within the bytes of an entry is broken, unless it stands in one line."""
    return _BROKEN if len(data) - start > ENTRY_BYTES and data.find(b"\n", start) >= 0 else None


def _given_up(data: bytes, at: int, *, start: int, is_last: bool) -> tuple[bytes, int] | None:
    """A broken object, to the next line that begins with one, not further in, or else its first line.

    The next is looked for in as many bytes and lines as may be one entry.

    Where objects follow each other in a line, to the next that follows one.
    """
    line = data.rfind(b"\n", at, start) + 1
    bound = start + ENTRY_BYTES
    if start > at and not line:
        before = _BEFORE_OBJECT.search(data, start, bound)
        end, is_sure = before.end() if before else -1, before is not None or len(data) >= bound
    else:
        end, is_sure = _next_line(data, start, bound=bound, indent=start - line if line else 0)
    if end < 0:
        end = data.find(b"\n", start)
    if not is_last and (end < 0 or not is_sure):
        return None
    end = end if end >= 0 else len(data)
    return data[start:end].rstrip(), end


def _next_line(data: bytes, start: int, *, bound: int, indent: int) -> tuple[int, bool]:
    """The end of what is before the next line that begins with an object, -1 if too far; whether that is sure."""
    begin = rb"\n[ \t\r,\[\]]{0,%d}+\{" % indent
    lines = re.compile(rb"[^\n]*+(?:(?!%b)\n[^\n]*+){0,%d}+(%b)?" % (begin, ENTRY_LINES - 1, begin))
    found = lines.match(data, start, bound)
    if found is None or found[1] is None:
        return -1, len(data) >= bound or (found is not None and found.end() < len(data))
    return found.start(1), True
