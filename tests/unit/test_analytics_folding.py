"""What is read is brought together as it comes: little more than the result is held."""

import weakref
from collections.abc import Iterator

import polars as pl
import pytest

from oddline.analytics import Fold, folding

SCHEMA = {"key": pl.Int64(), "count": pl.Int64()}


def added_up(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.group_by("key").agg(pl.col("count").sum())


def test_frames_are_let_go_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "HELD_BYTES", 5_000)
    given: list[weakref.ref[pl.DataFrame]] = []
    held: list[int] = []

    def frames() -> Iterator[pl.DataFrame]:
        for _ in range(50):
            frame = pl.DataFrame({"key": range(100), "count": 1}, schema=SCHEMA)
            given.append(weakref.ref(frame))
            yield frame
            held.append(sum(one() is not None for one in given))

    total = Fold(lambda entries: entries, SCHEMA, added_up).of(frames())

    assert (total.height, total["count"].sum()) == (100, 5_000)
    assert max(held) <= 6


def test_reading_ends_where_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "HELD_BYTES", 1)
    frames = iter([pl.DataFrame({"key": [number], "count": [1]}, schema=SCHEMA) for number in range(1_000)])

    total = Fold(lambda entries: entries, SCHEMA, added_up, lambda found: found.height >= 3).of(frames)

    assert 3 <= total.height < 10
    assert next(frames, None) is not None
