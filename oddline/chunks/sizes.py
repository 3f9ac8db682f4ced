"""How much room entries take unpacked: what compresses a thousand to one must not fill the memory of who opens it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oddline.chunks.model import ROW_BYTES

MOST_BORN_BYTES: Final = 16 * 1024 * 1024  # of a newborn chunk, which is read as a whole
MOST_GROUP_BYTES: Final = 16 * 1024 * 1024  # of a row group, which is read as a whole
MOST_AT_ONCE_BYTES: Final = 32 * 1024 * 1024  # opened at once: decoded and filtered it takes some 150 MB
_LONG: Final = ("message", "attributes")  # the others have bounds of some hundred bytes

T = TypeVar("T")


def decoded_bytes(entries: pl.DataFrame) -> int:
    """About how many bytes entries take unpacked: all that they say, though equal texts may share their place."""
    return entries.height * ROW_BYTES + sum(int(entries[name].str.len_bytes().sum()) for name in _LONG)


def slices(entries: pl.DataFrame, *, most: int) -> Iterator[pl.DataFrame]:
    """The entries in pieces of at most `most` bytes unpacked, in their order; one that is larger by itself, alone."""
    if decoded_bytes(entries) <= most:
        yield entries
        return
    ends = _of_each(entries).cumsum()
    start = 0
    while start < entries.height:
        before = ends[start - 1] if start else 0
        end = max(int(np.searchsorted(ends, before + most, side="right")), start + 1)
        yield entries[start:end]
        start = end


def batches(things: Iterable[T], *, size_of: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Things in groups of at most `most` bytes unpacked, in their order; one that is larger by itself, alone."""
    batch: list[T] = []
    held = 0
    for thing in things:
        size = size_of(thing)
        held += size
        if batch and held > most:
            yield batch
            batch, held = [], size
        batch.append(thing)
    if batch:
        yield batch


def rows_of_groups(entries: pl.DataFrame, *, most: int) -> int:
    """Of how many rows, at most `most`, row groups of one size may be, so that none is too large unpacked."""
    if decoded_bytes(entries) <= MOST_GROUP_BYTES:
        return most
    of_each = _of_each(entries)
    rows = most
    while rows > 1 and np.add.reduceat(of_each, np.arange(0, entries.height, rows)).max() > MOST_GROUP_BYTES:
        rows = (rows + 1) // 2
    return rows


def _of_each(entries: pl.DataFrame) -> NDArray[np.int64]:
    sizes: NDArray[np.int64] = np.full(entries.height, ROW_BYTES, dtype=np.int64)
    for name in _LONG:
        sizes += entries[name].str.len_bytes().to_numpy()
    return sizes
