"""Read an object as lines, plain or gzip, in constant memory: the one place that knows what is in an object."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, BinaryIO, Final, cast

from oddline.errors import BadRequest
from oddline.streams.model import FoundObject
from oddline.submissions import rfc3339, storable_entry

LONGEST_LINE: Final = 1024 * 1024  # bytes; what has none of these is no text
_GZIP: Final = b"\x1f\x8b"
_LOOKED_AT: Final = 8 * 1024  # bytes in which what is no text shows itself
_UTF_8_MARK: Final = b"\xef\xbb\xbf"


def read_entries(stream: BinaryIO, found: FoundObject, *, source: str) -> Iterator[dict[str, Any]]:
    """An entry for each line that is not blank, always the same ones in the same order.

    Raises:
        BadRequest: it is no text, no whole gzip stream, or a line is over 1 MB.
        OSError: the stream breaks off.
    """
    plain = BufferedReader(cast("Any", stream))
    try:
        if plain.peek(2).startswith(_GZIP):
            plain = BufferedReader(cast("Any", gzip.GzipFile(fileobj=plain)))
        if b"\0" in plain.peek(_LOOKED_AT)[:_LOOKED_AT]:
            raise BadRequest(f"{found.key} is no text in UTF-8, neither plain nor gzip")
        number = 0
        while line := plain.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadRequest(f"{found.key}: line {number} has over {LONGEST_LINE} bytes")
            if line.strip():
                yield _entry(line, number, found, source=source)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadRequest(f"{found.key} is no whole gzip stream: {error}") from error


def _entry(line: bytes, number: int, found: FoundObject, *, source: str) -> dict[str, Any]:
    text = line.removeprefix(_UTF_8_MARK) if number == 1 else line
    return storable_entry(
        text.rstrip(b"\r\n").decode(errors="replace"),
        source=source,
        timestamp=rfc3339(found.modified_at),
        attributes={"object": found.key, "line": number},
    )
