"""Take the content encoding off a request's body; no more than a limit is ever unpacked, whatever the body says."""

import gzip
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final

import zstandard

_STEP_BYTES: Final = 128  # a step of packed bytes makes at most 4 MB, by zstd's worst ratio
_WINDOW_BYTES: Final = 8 * 1024 * 1024  # RFC 9659: no more is needed to read what HTTP calls zstd

FAULTS: Final = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What an unpacker raises where the bytes are no whole stream of its kind."""


def _gzip(raw: bytes, limit: int) -> bytes:
    with gzip.GzipFile(fileobj=BytesIO(raw)) as stream:
        return stream.read(limit + 1)


def _deflate(raw: bytes, limit: int) -> bytes:
    """Within zlib's frame, as HTTP has it, or without, as many send it."""
    is_framed = len(raw) > 1 and raw[0] & 0x0F == zlib.DEFLATED and int.from_bytes(raw[:2]) % 31 == 0
    stream = zlib.decompressobj(zlib.MAX_WBITS if is_framed else -zlib.MAX_WBITS)
    body = stream.decompress(raw, limit + 1)
    if len(body) <= limit and (stream.unused_data or not stream.eof):
        raise EOFError("it does not end where the body does")
    return body


def _zstd(raw: bytes, limit: int) -> bytes:
    library, unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES), None
    body = bytearray()
    for start in range(0, len(raw), _STEP_BYTES):
        left = raw[start : start + _STEP_BYTES]
        while left and len(body) <= limit:
            unpacker = unpacker or library.decompressobj()
            body += unpacker.decompress(left)
            left = b""
            if unpacker.eof:
                left, unpacker = unpacker.unused_data, None
    if unpacker is not None and len(body) <= limit:
        raise EOFError("it ends in the middle")
    return bytes(body)


UNPACK: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zlib": _deflate,  # as OpenTelemetry's Collector and Vector name it
    "zstd": _zstd,
}
"""By the name in `Content-Encoding`: the body of some bytes, or its beginning of more bytes than the limit."""
