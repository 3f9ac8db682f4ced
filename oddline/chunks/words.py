"""Cut texts into words and hash them, at the price of a few nanoseconds a byte: what a chunk's filter is made of.

A word is a run of ASCII letters, digits and underscores and of whatever lies beyond ASCII; case does not matter. Two
short words with one sign between them that is no blank are also one: 10.0.4.7 would else be four that stand everywhere.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

SHORT_WORD: Final = 4  # bytes: longer ones are rare enough alone
MOST_REQUIRED: Final = 6  # words that are looked up in each filter: more of them rule out little more
_BLOCK_BYTES: Final = 64 * 1024  # worked on at once: its arrays stay in a core's cache
_MOST_TABLE_BITS: Final = 18  # 2 MB
_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE: Final = pow(_BASE, -1, 2**64)
_BLANKS: Final = b" \t\n\v\f\r"
_IS_WORD: Final = bytes(byte >= 128 or chr(byte).isalnum() or byte == ord("_") for byte in range(256))
_LOWER: Final = bytes(range(256)).lower()
_IS_BLANK: Final = np.isin(np.arange(256), list(_BLANKS))
_WORD: Final = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff]+")

Hashes = NDArray[np.uint64]


def hashes_of(entries: pl.DataFrame) -> Hashes:
    """The hashes of the different words in the messages, attributes, traces, spans and sessions of entries."""
    repeated: set[str] = set().union(
        *(entries[name].to_list() for name in ("attributes", "trace_id", "span_id", "session"))
    )
    # Messages are joined, not listed: so that none of them becomes an object of Python's.
    return hashes_in("\n".join([entries["message"].str.join("\n").item(), *repeated]))


def hashes_in(text: str) -> Hashes:
    """The hashes of the different words of a text, in no order."""
    data = b"\n" + text.encode("utf-8", "surrogatepass").translate(_LOWER) + b"\n"
    if not text.isascii():
        # What a search that ignores case takes for ASCII letters: long s and the sign of Kelvin.
        data = data.replace("\u017f".encode(), b"s").replace("\u212a".encode(), b"k")
    # Block by block first: a word of one letter takes two bytes, and its hash eight.
    return _mixed(_different(np.concatenate([_different(_hashes(block)) for block in _blocks(data)])))


def required_hashes(text: str, *, is_whole: bool) -> list[int]:
    """Hashes that stand among those of every text that holds `text`, whatever the case of its letters; maybe none.

    With `is_whole` its ends must be ends of words there, otherwise the word at either end may go on.
    """
    found = list(_WORD.finditer(text))
    words = [one for one in found if one[0].isascii() and (is_whole or (one.start() > 0 and one.end() < len(text)))]
    pairs = [
        text[one.start() : other.end()]
        for one, other in pairwise(words)
        if len(one[0]) <= SHORT_WORD >= len(other[0])
        and other.start() - one.end() == 1
        and not text[one.end()].isspace()
        and text[one.end()].isascii()
    ]
    longest = sorted([*pairs, *(one[0] for one in words)], key=len, reverse=True)[:MOST_REQUIRED]
    return [_hash_of(one) for one in longest]


def _hash_of(word: str) -> int:
    """The hash of a word, or of a pair of short ones as a whole."""
    value = 0
    for byte in reversed(word.lower().encode()):
        value = (value * _BASE + byte) % 2**64
    return int(_mixed(np.array([value], dtype=np.uint64))[0])


def _blocks(data: bytes) -> Iterator[bytes]:
    """Pieces that begin and end at line breaks, so that no word is cut."""
    start = 0
    while start < len(data) - 1:
        end = data.rfind(b"\n", start + 1, start + _BLOCK_BYTES)
        if end < 0:
            end = data.find(b"\n", start + _BLOCK_BYTES)
        if end < 0:
            end = len(data) - 1
        yield data[start : end + 1]
        start = end


def _hashes(block: bytes) -> Hashes:
    """A number for each word of a block: differences of one running sum of its bytes times powers of a base."""
    codes = np.frombuffer(block, dtype=np.uint8)
    in_word = np.frombuffer(block.translate(_IS_WORD), dtype=np.bool_)
    edges = np.flatnonzero(in_word[1:] != in_word[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    powers, inverses = _powers(1 << (len(block) - 1).bit_length())
    sums = np.empty(len(block) + 1, dtype=np.uint64)
    sums[0] = 0
    np.cumsum(codes * powers[: len(block)], out=sums[1:])
    is_short = ends - starts <= SHORT_WORD
    is_pair = is_short[:-1] & is_short[1:] & (starts[1:] - ends[:-1] == 1) & ~_IS_BLANK[codes[ends[:-1]]]
    first, behind = np.concatenate([starts, starts[:-1][is_pair]]), np.concatenate([ends, ends[1:][is_pair]])
    numbers: Hashes = (sums[behind] - sums[first]) * inverses[first]
    return numbers


def _different(values: Hashes) -> Hashes:
    """Each value once. Most words come again and again, and a table is a tenth of the price of sorting them all."""
    bits = min(max(len(values).bit_length(), 1), _MOST_TABLE_BITS)
    places = (values * np.uint64(_BASE)) >> np.uint64(64 - bits)
    table = np.zeros(1 << bits, dtype=np.uint64)
    table[places] = values
    displaced = values[table[places] != values]
    kept = table[np.flatnonzero(table)]
    return np.concatenate([kept, np.unique(displaced)]) if len(displaced) else kept


@cache
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The first powers of the base and of its inverse, modulo 2^64."""
    both = np.full((2, count), [[_BASE], [_INVERSE]], dtype=np.uint64)
    both[:, 0] = 1
    np.multiply.accumulate(both, axis=1, out=both)
    return both[0], both[1]


def _mixed(values: Hashes) -> Hashes:
    """Values with all bits depending on all (the finaliser of SplitMix64: Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
