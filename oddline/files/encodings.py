"""Know a text's encoding by looking, and read UTF-16 as UTF-8."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

UTF_8, UTF_8_MARKED, UTF_16_LE, UTF_16_BE, CP_1252 = "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "cp1252"

_LOOKED_AT_BYTES: Final = 64 * 1024
_ZEROS_SHARE: Final = 0.3  # of every other byte: as in UTF-16 of any text with lines, digits and spaces
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_CP_1252_TEXT: Final = re.compile(rb"[\x80\x82\x84-\x87\x8a\x8b\x8c\x8e\x91-\x97\x99\x9a\x9e\x9f\xa0-\xff]{1,4}")
_BROKEN_SHARE: Final = 0.1  # of the runs of high bytes; with more of them invalid the text is no UTF-8
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CONTROLS_SHARE: Final = 0.1


def encoding_of(start: bytes) -> str:
    """The encoding that the first bytes of a text are in."""
    if start.startswith(codecs.BOM_UTF8):
        return UTF_8_MARKED
    if start.startswith(codecs.BOM_UTF16_LE):
        return UTF_16_LE
    if start.startswith(codecs.BOM_UTF16_BE):
        return UTF_16_BE
    looked_at = start[:_LOOKED_AT_BYTES]
    even, odd = looked_at[::2].count(0), looked_at[1::2].count(0)
    if odd > len(looked_at) // 2 * _ZEROS_SHARE and even < odd // 8:
        return UTF_16_LE
    if even > len(looked_at) // 2 * _ZEROS_SHARE and odd < even // 8:
        return UTF_16_BE
    return CP_1252 if _is_cp_1252(start) else UTF_8


def without_colours(text: str) -> str:
    """A text without what tells a terminal in which colours to show it."""
    return _COLOURS.sub("", text)


def is_binary(start: bytes) -> bool:
    """Whether the first bytes are none of a text in UTF-8 or in an encoding of a byte a character."""
    return len(_CONTROLS.findall(start)) > len(start) * _CONTROLS_SHARE


def has_returns_alone(start: bytes) -> bool:
    """Whether lines end with carriage returns alone, by the first bytes of a text in UTF-8."""
    return b"\r" in start and b"\n" not in start


def with_line_feeds(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A stream whose lines ended with carriage returns."""
    for piece in pieces:
        yield piece.replace(b"\r", b"\n")


def as_utf_8(pieces: Iterable[bytes], *, encoding: str) -> Iterator[bytes]:
    """The stream in UTF-8 where it was in UTF-16, without its mark; as it is otherwise."""
    if encoding not in {UTF_16_LE, UTF_16_BE}:
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    is_first = True
    for piece in pieces:
        text = decoder.decode(piece)
        if text and is_first:
            text, is_first = text.removeprefix("\ufeff"), False
        if text:
            yield text.encode("utf-8", "replace")
    if text := decoder.decode(b"", final=True):
        yield text.encode("utf-8", "replace")


def _is_cp_1252(start: bytes) -> bool:
    """Bytes that are no UTF-8, but few at a time and as letters and signs stand in Western texts."""
    runs = _HIGH.findall(start[: len(start) - 3])  # what is cut at the end is no error
    broken = [run for run in runs if not _is_utf_8(run)]
    if not broken or len(broken) <= len(runs) * _BROKEN_SHARE:
        return False
    return all(map(_CP_1252_TEXT.fullmatch, broken))


def _is_utf_8(run: bytes) -> bool:
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True
