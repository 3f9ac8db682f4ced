"""Turn scored entries into newborn chunks: where one must be split, and what its row says of it."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oddline.chunks.codec import encode
from oddline.chunks.frame import SCHEMA_VERSION
from oddline.chunks.model import HISTOGRAM_BINS, LATE_AFTER, BornChunk
from oddline.chunks.sizes import MOST_BORN_BYTES, decoded_bytes, slices
from oddline.chunks.word_filter import make
from oddline.chunks.words import hashes_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 24 * 3600 * 1_000_000
_LATE_US: Final = LATE_AFTER // timedelta(microseconds=1)


def build(entries: pl.DataFrame, *, project: UUID, now: datetime, new_id: Callable[[], UUID]) -> list[BornChunk]:
    """The chunks that hold `entries` (columns of SCHEMA, any order), all of one project; none for no entries.

    Each holds entries of one arrival day and one UTC day of timestamps; those more than a day off their arrival stand
    together in one chunk per arrival day, marked late. What is too large to be opened at once is in several, by ids.
    """
    return [
        _born(piece, arrival_day=arrival_day, late=late, project=project, now=now, identifier=new_id())
        for arrival_day, late, part in _split(entries)
        for piece in _pieces(part)
    ]


def whole_filter(entries: pl.DataFrame) -> bytes:
    """The filter of the words of a chunk that has no row groups."""
    shape, blocks = make([hashes_of(entries)])
    return shape.header() + blocks


def bounds(entries: pl.DataFrame) -> dict[str, Any]:
    """What the row of a chunk or row group says of the values of its entries (at least one)."""
    timestamps = entries["timestamp"].to_physical()
    severities = np.unique(entries["severity_number"].to_numpy())
    return {
        "lowest_time": _EPOCH + timedelta(microseconds=int(timestamps.min())),  # type: ignore[arg-type]
        "highest_time": _EPOCH + timedelta(microseconds=int(timestamps.max())),  # type: ignore[arg-type]
        "lowest_id": _extreme_id(entries, lowest=True),
        "highest_id": _extreme_id(entries, lowest=False),
        "highest_score": float(entries["score"].max()),  # type: ignore[arg-type]
        "severities": int(np.bitwise_or.reduce(np.left_shift(1, severities, dtype=np.int64))),
        "source_ids": tuple(np.unique(entries["source_id"].to_numpy()).tolist()),
    }


def _split(entries: pl.DataFrame) -> list[tuple[date, bool, pl.DataFrame]]:
    """(arrival day, late, entries) for each chunk to be; numpy, since nearly always there is one."""
    if entries.is_empty():
        return []
    timestamps = entries["timestamp"].to_physical().to_numpy()
    received = entries["received_at"].to_physical().to_numpy()
    arrival_days = received // _DAY_US
    late = np.abs(timestamps - received) > _LATE_US
    days = np.where(late, 0, timestamps // _DAY_US)
    keys = np.stack([arrival_days, late.astype(np.int64), days], axis=1)
    if (keys == keys[0]).all():
        return [(_day(arrival_days[0]), bool(late[0]), entries)]
    distinct, owners = np.unique(keys, axis=0, return_inverse=True)
    return [
        (_day(key[0]), bool(key[1]), entries.filter(pl.Series(owners.reshape(-1) == number)))
        for number, key in enumerate(distinct)
    ]


def _pieces(entries: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """The entries, where they are large in pieces with ranges of ids that do not overlap."""
    if decoded_bytes(entries) <= MOST_BORN_BYTES:
        return [entries]
    return slices(entries.sort("submission", "index"), most=MOST_BORN_BYTES)


def _born(
    entries: pl.DataFrame, *, arrival_day: date, late: bool, project: UUID, now: datetime, identifier: UUID
) -> BornChunk:
    form, blob = encode(entries)
    bounded = bounds(entries)
    pairs = _pairs(entries)
    return BornChunk(
        id=identifier,
        project=project,
        arrival_day=arrival_day,
        level=0,
        format=form,
        schema_version=SCHEMA_VERSION,
        late=late,
        entries=entries.height,
        decoded_bytes=decoded_bytes(entries),
        anomalies=int(entries["is_anomaly"].sum()),
        model_version=entries["model_version"][0],
        analyzed_at=entries["analyzed_at"][0],
        histograms=_histograms(entries, source_ids=bounded["source_ids"]),
        created_at=now,
        bytes=len(blob),
        token_filter=whole_filter(entries),
        blob=blob,
        **pairs,
        **bounded,
    )


def _pairs(entries: pl.DataFrame) -> dict[str, Any]:
    """For each pair of pattern and source that occurs: both, its entries and anomalies, its highest score."""
    patterns = entries["pattern_id"].to_numpy().astype(np.int64)
    sources = entries["source_id"].to_numpy().astype(np.int64)
    pairs, owners, counts = np.unique(patterns << 32 | sources, return_inverse=True, return_counts=True)
    scores = np.zeros(len(pairs), dtype=np.float32)
    np.maximum.at(scores, owners, entries["score"].to_numpy())
    anomalies = np.bincount(owners[entries["is_anomaly"].to_numpy()], minlength=len(pairs))
    return {
        "pattern_ids": tuple((pairs >> 32).tolist()),
        "pattern_sources": tuple((pairs & 0xFFFFFFFF).tolist()),
        "pattern_counts": tuple(counts.tolist()),
        "pattern_scores": tuple(scores.tolist()),
        "pattern_anomalies": tuple(anomalies.tolist()),
    }


def _histograms(entries: pl.DataFrame, *, source_ids: tuple[int, ...]) -> tuple[int, ...]:
    bins = np.minimum(entries["score"].to_numpy() * HISTOGRAM_BINS, HISTOGRAM_BINS - 1).astype(np.int64)
    rows = np.searchsorted(np.asarray(source_ids), entries["source_id"].to_numpy())
    counts: NDArray[np.int64] = np.bincount(rows * HISTOGRAM_BINS + bins, minlength=len(source_ids) * HISTOGRAM_BINS)
    return tuple(counts.tolist())


def _extreme_id(entries: pl.DataFrame, *, lowest: bool) -> UUID:
    submissions = entries["submission"]
    extreme = submissions.min() if lowest else submissions.max()
    indices = entries["index"].filter(submissions == pl.Series([extreme], dtype=pl.Binary))
    index = indices.min() if lowest else indices.max()
    return UUID(int=int.from_bytes(extreme) | int(index))  # type: ignore[arg-type]


def _day(days: int) -> date:
    return (_EPOCH + timedelta(days=int(days))).date()
