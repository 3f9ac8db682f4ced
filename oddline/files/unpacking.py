"""Unpack a stream of bytes as it comes: what is in a file never costs memory, nor depends on its pieces."""

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import zstandard

from oddline.errors import DamagedFile

NONE: Final = "none"
MAGIC: Final = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}
MAGIC_BYTES: Final = 6

_STEP_BYTES: Final = 1024  # a step of packed bytes makes at most 32 MB, by zstd's worst ratio
_MOST_BYTES: Final = 256 * 1024  # given at once, where the library can be told
_WINDOW_BYTES: Final = 128 * 1024 * 1024  # what zstd's own command takes without being told to
_DAMAGED: Final = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


def compression_of(start: bytes) -> str:
    """The compression that a file's first bytes tell."""
    return next((name for name, magic in MAGIC.items() if start.startswith(magic)), NONE)


def unpacked(pieces: Iterable[bytes], *, compression: str) -> Iterator[bytes]:
    """The stream without its packing, in pieces; members and frames behind each other are one stream.

    Raises:
        DamagedFile: the rest cannot be unpacked; all before it was given.
    """
    if compression == NONE:
        yield from filter(None, pieces)
        return
    unpack = _UNPACK[compression](_steps(pieces))
    held = bytearray()
    try:
        for piece in unpack:
            held += piece
            if len(held) >= _MOST_BYTES:
                yield bytes(held)
                held.clear()
    except _DAMAGED as error:
        if held:
            yield bytes(held)
        raise DamagedFile(f"its {compression} packing is damaged: {error}") from error
    if held:
        yield bytes(held)


def _steps(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size: how much comes out before an error depends on where they are cut."""
    rest = b""
    for piece in pieces:
        held = rest + piece if rest else piece
        whole = len(held) - len(held) % _STEP_BYTES
        for at in range(0, whole, _STEP_BYTES):
            yield held[at : at + _STEP_BYTES]
        rest = held[whole:]
    if rest:
        yield rest


def _gzip(steps: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = None
    for step in steps:
        left = step
        while left:
            if unpacker is None:
                left = left.lstrip(b"\0")  # padding between members
                if not left:
                    break
                unpacker = zlib.decompressobj(wbits=31)
            out = unpacker.decompress(left, _MOST_BYTES)
            while out:
                yield out
                out = unpacker.decompress(unpacker.unconsumed_tail, _MOST_BYTES)
            left = b""
            if unpacker.eof:
                left, unpacker = unpacker.unused_data, None
    if unpacker is not None:
        raise EOFError("it ends in the middle")


def _xz(steps: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = None
    for step in steps:
        left = step
        while left:
            if unpacker is None:
                left = left.lstrip(b"\0")
                if not left:
                    break
                unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_WINDOW_BYTES)
            out = unpacker.decompress(left, _MOST_BYTES)
            while out:
                yield out
                out = b"" if unpacker.needs_input or unpacker.eof else unpacker.decompress(b"", _MOST_BYTES)
            left = b""
            if unpacker.eof:
                left, unpacker = unpacker.unused_data, None
    if unpacker is not None:
        raise EOFError("it ends in the middle")


def _zstd(steps: Iterator[bytes]) -> Iterator[bytes]:
    library, unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES), None
    for step in steps:
        left = step
        while left:
            unpacker = unpacker or library.decompressobj()
            if out := unpacker.decompress(left):
                yield out
            left = b""
            if unpacker.eof:
                left, unpacker = unpacker.unused_data, None
    if unpacker is not None:
        raise EOFError("it ends in the middle")


_UNPACK: Final[dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]]] = {"gzip": _gzip, "xz": _xz, "zstd": _zstd}
