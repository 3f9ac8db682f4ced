"""The filter of a chunk's words, which tells for most words that are not in it that they are not.

A split block Bloom filter (Apache Parquet format, "Bloom Filter"): a word's hash chooses a block of 32 bytes and sets
eight bits in it, so that one question reads one block. All row groups of a chunk have filters of one size, and what a
hash chooses in each of them stands side by side: one question to all of them reads one piece of the file.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oddline.chunks.words import Hashes

VERSION: Final = 1
"""Of the words and of the filter: what has another one is not asked."""
BITS_PER_WORD: Final = 10  # one in a hundred words that are not there seems to be
LARGEST_BYTES: Final = 4 * 1024 * 1024  # beyond it more words that are not there seem to be
BLOCK_BYTES: Final = 32
_BLOCK_BITS: Final = 8 * BLOCK_BYTES
_SALTS: Final = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
_SALT_ARRAY: Final = np.array(_SALTS, dtype=np.uint32)
_HEADER: Final = struct.Struct("<BxHI")  # version, groups, blocks of each


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a filter is: `groups` row groups with so many `blocks` each."""

    groups: int
    blocks: int

    @property
    def size(self) -> int:
        """Bytes of all blocks together."""
        return self.groups * self.blocks * BLOCK_BYTES

    def span(self, word: int) -> tuple[int, int]:
        """First byte and end of the blocks, one of each group, that a word's hash chooses."""
        start = block_of(word, self.blocks) * self.groups * BLOCK_BYTES
        return start, start + self.groups * BLOCK_BYTES

    def header(self) -> bytes:
        """What stands before the blocks."""
        return _HEADER.pack(VERSION, self.groups, self.blocks)


def make(groups: Sequence[Hashes]) -> tuple[Shape, bytes]:
    """The shape and the blocks of a filter of the words of some row groups."""
    most_words = max(map(len, groups))
    most_blocks = max(LARGEST_BYTES // (len(groups) * BLOCK_BYTES), 1)
    shape = Shape(len(groups), min(most_words * BITS_PER_WORD // _BLOCK_BITS + 1, most_blocks))
    flags = np.zeros(shape.size * 8, dtype=np.bool_)
    steps = np.arange(0, _BLOCK_BITS, 32, dtype=np.int64)
    for number, words in enumerate(groups):
        blocks = ((words >> np.uint64(32)) * np.uint64(shape.blocks)) >> np.uint64(32)
        places = (blocks.astype(np.int64) * shape.groups + number) * _BLOCK_BITS
        bits = (words.astype(np.uint32)[:, np.newaxis] * _SALT_ARRAY) >> np.uint32(27)
        flags[places[:, np.newaxis] + steps + bits] = True
    return shape, np.packbits(flags, bitorder="little").tobytes()


def shape_of(header: bytes | None) -> Shape | None:
    """The shape that a filter's first bytes tell; None where there is no filter, or one of another version."""
    if header is None or len(header) < _HEADER.size or header[0] != VERSION:
        return None
    _, groups, blocks = _HEADER.unpack_from(header)
    return Shape(groups, blocks)


def block_of(word: int, blocks: int) -> int:
    """Which of so many blocks a word's hash chooses."""
    return (word >> 32) * blocks >> 32


def may_hold(blocks: bytes, word: int, *, group: int) -> bool:
    """Whether a row group may hold a word, of which `blocks` are those of all groups that its hash chooses."""
    block = blocks[group * BLOCK_BYTES : (group + 1) * BLOCK_BYTES]
    low = word & 0xFFFFFFFF
    for number, salt in enumerate(_SALTS):
        bit = number * 32 + ((low * salt & 0xFFFFFFFF) >> 27)
        if not block[bit >> 3] >> (bit & 7) & 1:
            return False
    return True
