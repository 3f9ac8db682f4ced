"""Choose the entries that people look at one by one: never a row a line, however many lines are odd at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks import Chunk
from oddline.entries.model import Kind, OddEntry
from oddline.submissions import entry_id

MOST_OF_A_PATTERN: Final = 10  # per claim, source and pattern: the eleventh shows nothing that the ten do not
ENOUGH: Final = 100  # per claim, of all patterns: beyond it each gets fewer rows, and one at least
MOST_PEAKS: Final = 100  # per claim: an old file can span more hours than anybody looks at

Explain = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The explanation of a scored entry (a row with the columns of `oddline.chunks.SCHEMA`), ready for JSON."""


def odd_rows(entries: pl.DataFrame, *, chunks: Sequence[Chunk], explain: Explain) -> list[OddEntry]:
    """The odd entries of one claim and project.

    `entries` has the columns of `oddline.chunks.SCHEMA`; `chunks` are what was built of it. Of each source and pattern
    up to MOST_OF_A_PATTERN anomalies are chosen, fewer where that would be more than ENOUGH: those with the highest
    scores, the oldest first where scores are equal; the first stands for all that were not chosen.
    """
    chosen: list[tuple[Kind, dict[str, Any], int]] = [
        *(("anomaly", entry, count) for entry, count in _anomalies(entries)),
        *(("peak", entry, 1) for entry in _peaks(entries)),
    ]
    return [
        OddEntry(
            kind=kind,
            entry=entry,
            count=count,
            chunk_id=_chunk_of(entry, chunks).id,
            arrival_day=entry["received_at"].date(),
            explanation=explain(entry),
        )
        for kind, entry, count in chosen
    ]


def _anomalies(entries: pl.DataFrame) -> Iterator[tuple[dict[str, Any], int]]:
    odd = entries.filter("is_anomaly").sort("score", "timestamp", descending=[True, False])
    groups = odd.partition_by("source_id", "pattern_id", maintain_order=True)
    of_each = max(min(MOST_OF_A_PATTERN, ENOUGH // max(len(groups), 1)), 1)
    for group in groups:
        chosen = group.head(of_each)
        for place, entry in enumerate(chosen.iter_rows(named=True)):
            yield entry, 1 if place else group.height - chosen.height + 1


def _peaks(entries: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Nothing is said of hours in which no entry has a score."""
    ordered = entries.filter(pl.col("score") > 0).sort("score", "timestamp", descending=[True, False])
    hours = pl.col("timestamp").dt.truncate("1h")
    highest = ordered.filter(pl.struct("source_id", hours).is_first_distinct())
    yield from highest.head(MOST_PEAKS).iter_rows(named=True)


def _chunk_of(entry: Mapping[str, Any], chunks: Sequence[Chunk]) -> Chunk:
    identifier = entry_id(UUID(bytes=entry["submission"]), entry["index"])
    times = {name: entry[name] for name in ("timestamp", "received_at")}
    return next(chunk for chunk in chunks if chunk.holds(identifier, **times))
