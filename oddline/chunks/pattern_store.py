"""SQL of the index of rare patterns: in which merged chunks of a day each stands."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from oddline.chunks.model import CompactedChunk
from oddline.database import Transaction

RARE: Final = 0.1  # of the chunks that were merged: what stands in more of them is not worth a row for each
NO_CHUNK: Final = UUID(int=0)
EVERY_PATTERN: Final = -1


def common_patterns(tx: Transaction, chunks: Collection[UUID], *, project: UUID, day: date) -> set[int]:
    """The patterns that stand in RARE of the chunks of a day or more of them."""
    rows = tx.execute(
        "SELECT pattern FROM chunks CROSS JOIN LATERAL (SELECT DISTINCT unnest(pattern_ids) AS pattern) AS held"
        " WHERE project_id = %(project)s AND arrival_day = %(day)s AND id = ANY (%(chunks)s)"
        " GROUP BY pattern HAVING count(*) >= %(share)s * cardinality(%(chunks)s::uuid[])",
        {"project": project, "day": day, "chunks": list(chunks), "share": RARE},
    ).fetchall()
    return {row[0] for row in rows}


def insert_patterns(tx: Transaction, results: Sequence[CompactedChunk], *, common: Collection[int]) -> None:
    """Note in which results of a merge each pattern stands, and of the common ones that this is not told of each."""
    rows = [
        (result.project, pattern, result.arrival_day, NO_CHUNK if pattern in common else result.id)
        for result in results
        for pattern in result.pattern_ids
    ]
    projects, patterns, days, chunks = zip(*rows, strict=True)
    tx.execute(
        "INSERT INTO chunk_patterns (project_id, pattern_id, day, chunk_id)"
        " SELECT * FROM unnest(%s::uuid[], %s::int4[], %s::date[], %s::uuid[]) ON CONFLICT DO NOTHING",
        [list(projects), list(patterns), list(days), list(chunks)],
    )
