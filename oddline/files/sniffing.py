"""Find out by looking what a file is: how it is packed, its encoding, and its format."""

from contextlib import suppress
from typing import Final

from oddline.errors import DamagedFile
from oddline.files.encodings import (
    CP_1252,
    UTF_8,
    as_utf_8,
    encoding_of,
    has_returns_alone,
    is_binary,
    without_colours,
)
from oddline.files.formats import FORMATS, TEXT
from oddline.files.model import BINARY, SAMPLE_BYTES, Found, Framing, Sample
from oddline.files.unpacking import MAGIC_BYTES, compression_of, unpacked

_SAMPLE_LINES: Final = 200
_SAMPLE_LINE_CHARACTERS: Final = 8 * 1024
_LEAST_LIKENESS: Final = 0.3


def look_at(start: bytes, *, name: str = "") -> Found:
    """What a file is, by its first up to 256 KB, packed or not.

    Args:
        name: of the file, where it tells something (`.csv`); what the bytes tell counts for more.
    """
    compression = compression_of(start[:MAGIC_BYTES])
    plain = bytearray()
    with suppress(DamagedFile):
        for piece in unpacked([start], compression=compression):
            plain += piece
            if len(plain) >= SAMPLE_BYTES:
                break
    return look_at_unpacked(bytes(plain[:SAMPLE_BYTES]), compression=compression, name=name)


def look_at_unpacked(start: bytes, *, compression: str, name: str = "") -> Found:
    """What a file is, by its first 256 KB without its packing."""
    encoding = encoding_of(start)
    sample = sample_of(start, encoding=encoding, name=name)
    likeness = {one.name: one.likeness(sample) for one in FORMATS.values()}
    best = max(FORMATS, key=lambda one: likeness[one])
    if likeness[best] < _LEAST_LIKENESS:
        best = TEXT.name
    if FORMATS[best].framing is Framing.JOURNAL:
        return Found(format=best, encoding=UTF_8, compression=compression)
    is_text = not is_binary(b"".join(as_utf_8([start], encoding=encoding)))
    return Found(format=best if is_text else BINARY, encoding=encoding, compression=compression)


def sample_of(start: bytes, *, encoding: str, name: str = "") -> Sample:
    """The first 256 KB of a stream as those see it that know formats."""
    plain = b"".join(as_utf_8([start], encoding=encoding))
    if has_returns_alone(plain):
        plain = plain.replace(b"\r", b"\n")
    text = plain.decode(CP_1252 if encoding == CP_1252 else "utf-8", "replace").removeprefix("\ufeff")
    if "\x1b" in text:
        text = without_colours(text)
    lines = [line.rstrip("\r")[:_SAMPLE_LINE_CHARACTERS] for line in text.split("\n") if line and not line.isspace()]
    if len(lines) > 1 and len(start) >= SAMPLE_BYTES:
        lines.pop()  # it is not whole
    return Sample(text=text, lines=lines[:_SAMPLE_LINES], name=name)
