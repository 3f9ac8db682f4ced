"""A request's body is unpacked by each encoding that is taken, whole or not at all, and never beyond the limit."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard

from oddline.errors import BadRequest, TooLarge, UnsupportedEncoding
from oddline.submissions.decoding import Limits, unpack_body

BODY = b'{"message": "a"}\n' * 50_000
LIMITS = Limits(wire_bytes=4 * 1024 * 1024, unpacked_bytes=1024 * 1024)


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def zstd_without_size(body: bytes) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(body) + packer.flush()


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    (" X-GZip ", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zlib", zlib.compress),
    ("zstd", zstandard.compress),
    ("zstd", zstd_without_size),
]


def unpacked(body: bytes, encoding: str) -> bytes:
    return unpack_body(body, content_encoding=encoding, limits=LIMITS)


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
def test_what_was_packed_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    assert unpacked(pack(BODY), encoding) == BODY
    assert unpacked(pack(b"x"), encoding) == b"x"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_streams_one_after_the_other_are_one_body(encoding: str) -> None:
    pack = dict(PACKERS)[encoding]

    assert unpacked(pack(b"one") + pack(b"two"), encoding) == b"onetwo"


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
@pytest.mark.parametrize(
    "spoil", [lambda packed: packed[:-1], lambda packed: packed[: len(packed) // 2], lambda _: BODY]
)
def test_what_is_not_whole_is_refused(
    encoding: str, pack: Callable[[bytes], bytes], spoil: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(BadRequest, match=f"no whole {encoding.strip().lower()} stream"):
        unpacked(spoil(pack(BODY)), encoding)


@pytest.mark.parametrize(("encoding", "pack"), [("deflate", zlib.compress), ("deflate", raw_deflate)])
def test_what_follows_the_end_is_refused(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadRequest):
        unpacked(pack(BODY) + b"more", encoding)


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
def test_a_bomb_is_refused_and_takes_no_memory(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(200 * 1024 * 1024))
    tracemalloc.start()

    with pytest.raises(TooLarge):
        unpacked(bomb, encoding)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_a_window_larger_than_http_has_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True, write_content_size=False)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    with pytest.raises(BadRequest):
        unpacked(packed.compress(BODY) + packed.flush(), "zstd")


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, gzip", "utf-8"])
def test_an_encoding_that_is_not_taken_is_told_with_those_that_are(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding, match=r"gzip.*deflate.*zstd"):
        unpacked(b"x", encoding)
