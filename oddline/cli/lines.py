"""Read lines of files of any size, packed or not, in blocks: what a line or a file holds never costs memory."""

import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from oddline.errors import DamagedFile, UnreadableFile
from oddline.files import MAGIC_BYTES, NONE, compression_of, unpacked

BLOCK_BYTES: Final = 1024 * 1024  # Some thousand lines: larger ones gain nothing.
LINE_BYTES: Final = 256 * 1024  # As long as an entry may be; the rest of a longer line is skipped.
STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """A file to read. `size` is its bytes on disk where that is known, `is_packed` whether there is more in it."""

    path: str
    size: int | None
    is_packed: bool

    @property
    def name(self) -> str:
        """What to call it in front of people."""
        return "stdin" if self.path == STDIN else os.fsencode(self.path).decode("utf-8", "replace")


def look_at(path: str) -> Input:
    """See what can be known of a file before it is read, so that a wrong name stops a run before it starts.

    Raises:
        UnreadableFile: it is not there, a folder, or not ours to read.
    """
    if path == STDIN:
        return Input(path=path, size=None, is_packed=False)
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableFile(f"{path}: is a directory")
        if not stat.S_ISREG(status.st_mode):  # To open a pipe twice would end it.
            return Input(path=path, size=None, is_packed=False)
        with Path(path).open("rb") as file:
            return Input(path=path, size=status.st_size, is_packed=compression_of(file.read(MAGIC_BYTES)) != NONE)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error


class LineReader:
    """Reads one input's lines, of a pipe as soon as they are there.

    Gzip, xz and zstd are unpacked, and what is not UTF-8 becomes U+FFFD.

    Attributes:
        bytes_read: how much of the file was read so far (of a packed one, packed bytes).
    """

    def __init__(self, source: Input) -> None:
        self._source = source
        self.bytes_read = 0

    def blocks(self) -> Iterator[tuple[list[str], int]]:
        """Lists of lines, none empty, each with how many bytes they were.

        Raises:
            UnreadableFile: it cannot be opened or read on, or its packing is damaged.
        """
        try:
            if self._source.path == STDIN:
                yield from self._split(cast(io.BufferedReader, sys.stdin.buffer))
            else:
                with Path(self._source.path).open("rb") as file:
                    yield from self._split(file)
        except DamagedFile as error:
            raise UnreadableFile(f"{self._source.name}: {error.detail}") from error
        except OSError as error:
            raise UnreadableFile(f"{self._source.name}: {error.strerror or error}") from error

    def _split(self, file: io.BufferedReader) -> Iterator[tuple[list[str], int]]:
        rest, is_skipping = b"", False
        for chunk in self._chunks(file):
            start = 0
            if is_skipping:
                start = chunk.find(b"\n")
                if start < 0:
                    continue
                is_skipping = False
            data = rest + chunk[start:]
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if len(rest) > LINE_BYTES:
                rest, is_skipping = rest[:LINE_BYTES], True
            if end:
                yield _decode(data[:end]), end
        if rest:
            yield _decode(rest + b"\n"), len(rest)

    def _chunks(self, file: io.BufferedReader) -> Iterator[bytes]:
        compression = compression_of(file.peek(MAGIC_BYTES)[:MAGIC_BYTES])
        return unpacked(self._counted(file), compression=compression)

    def _counted(self, file: io.BufferedReader) -> Iterator[bytes]:
        while chunk := file.read1(BLOCK_BYTES):
            self.bytes_read += len(chunk)
            yield chunk


def expected_bytes(sources: Sequence[Input]) -> int | None:
    """How much there is to read from disk in all; None where a pipe is among the inputs."""
    sizes = [source.size for source in sources if source.size is not None]
    return sum(sizes) if len(sizes) == len(sources) else None


def _decode(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    lines.pop()
    return lines
