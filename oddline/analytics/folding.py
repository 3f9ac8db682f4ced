"""Bring what is asked of entries together while they are read, so that little more is held than the result."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

HELD_BYTES: Final = 16 * 1024 * 1024
"""Frames that wait to be brought together; as much as the result where that is larger, else it would be gone through
for each few of them."""

Narrow = Callable[[pl.LazyFrame], pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class Fold:
    """What is asked of entries, however many there are.

    `narrow` leaves frames of `schema` of them; `together` makes one of several that stand one behind the other, and
    what it made goes in again. Reading may end where `is_enough`.
    """

    narrow: Narrow
    schema: Mapping[str, pl.DataType]
    together: Callable[[pl.DataFrame], pl.DataFrame]
    is_enough: Callable[[pl.DataFrame], bool] = lambda _: False

    def of(self, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """What frames come to, in whatever order they are."""
        total = pl.DataFrame(schema=self.schema)
        waiting: list[pl.DataFrame] = []
        held = 0
        for frame in frames:
            waiting.append(frame)
            held += int(frame.estimated_size())
            if held >= max(HELD_BYTES, int(total.estimated_size())):
                total = self.together(pl.concat([total, *waiting]))
                waiting, held = [], 0
                if self.is_enough(total):
                    break
        return self.together(pl.concat([total, *waiting]))
