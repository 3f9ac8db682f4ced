"""Count what was accepted against what stands in chunks: every entry is in one, waits, failed, or was dropped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import polars as pl
from psycopg.rows import class_row

from oddline.chunks import Reader, list_parts_of
from oddline.database import Database
from oddline.errors import ChunkMissing, CorruptBody
from oddline.objects import ObjectStore

_COUNTS: Final = """
WITH settled AS (
    SELECT project_id, day, accepted, stored, dropped, 0::bigint AS waiting, 0::bigint AS dead FROM day_counts
    UNION ALL
    SELECT project_id, (received_at AT TIME ZONE 'UTC')::date, sum(entries),
        coalesce(sum(entries) FILTER (WHERE state = 'done'), 0),
        coalesce(sum(entries) FILTER (WHERE state = 'dropped'), 0),
        coalesce(sum(entries) FILTER (WHERE state IN ('accepted', 'claimed')), 0),
        coalesce(sum(entries) FILTER (WHERE state = 'dead'), 0)
    FROM submission_state GROUP BY 1, 2
), told AS (
    SELECT project_id, day, sum(accepted) AS accepted, sum(stored) AS stored, sum(dropped) AS dropped,
        sum(waiting) AS waiting, sum(dead) AS dead FROM settled GROUP BY 1, 2
), held AS (
    SELECT project_id, arrival_day AS day, sum(entries) AS entries FROM chunks WHERE replaced_by IS NULL GROUP BY 1, 2
)
SELECT p.id AS project, p.name, day, coalesce(accepted, 0)::bigint AS accepted, coalesce(stored, 0)::bigint AS stored,
    coalesce(waiting, 0)::bigint AS waiting, coalesce(dead, 0)::bigint AS dead, coalesce(dropped, 0)::bigint AS dropped,
    coalesce(entries, 0)::bigint AS in_chunks
FROM told FULL JOIN held USING (project_id, day) JOIN projects p ON p.id = project_id
WHERE day >= %(today)s - p.retention_days AND (%(project)s::uuid IS NULL OR p.id = %(project)s) ORDER BY p.name, day
"""


@dataclass(frozen=True, slots=True)
class DayCount:
    """What became of the entries that a project sent on a day; `in_chunks` is how many its chunks are to hold."""

    project: UUID
    name: str
    day: date
    accepted: int
    stored: int
    waiting: int
    dead: int
    dropped: int
    in_chunks: int

    @property
    def is_right(self) -> bool:
        """Whether nothing is missing and nothing is there twice."""
        return self.stored == self.in_chunks and self.accepted == (
            self.stored + self.waiting + self.dead + self.dropped
        )


def count_days(db: Database, *, project: UUID | None, now: datetime) -> list[DayCount]:
    """The counts of each day that is within its project's retention; of all projects where none is named.

    One statement: what is scored meanwhile is counted either as waiting or as stored.
    """
    with db.transaction() as tx, tx.cursor(row_factory=class_row(DayCount)) as cursor:
        return cursor.execute(_COUNTS, {"project": project, "today": now.date()}).fetchall()


def check_chunks(db: Database, objects: ObjectStore, *, project: UUID, day: date) -> Iterator[str]:
    """Open the chunks of a project and day, and tell of each that does not hold what its row says, in a sentence."""
    with db.transaction() as tx:
        rows = tx.execute(
            "SELECT id, entries FROM chunks WHERE project_id = %s AND arrival_day = %s AND replaced_by IS NULL",
            [project, day],
        ).fetchall()
    for chunk, entries in rows:
        with db.transaction(project=project) as tx:
            parts = list_parts_of(tx, project=project, chunks=[chunk])
        reader = Reader(db=db, objects=objects, project=project)
        try:
            frames = reader.read(parts, lambda held: held.select("submission", "index"))
        except (ChunkMissing, CorruptBody) as error:
            fault: str | None = error.detail
        else:
            fault = _difference(frames, entries=entries)
        if fault is not None and not _is_gone(db, chunk, project=project):
            yield f"chunk {chunk}: {fault}"


def _difference(frames: Sequence[pl.DataFrame], *, entries: int) -> str | None:
    """How what a chunk holds differs from what its row tells of; None where it does not."""
    found = sum(frame.height for frame in frames)
    different = sum(frame.unique().height for frame in frames)
    if found == different == entries:
        return None
    return f"its row tells of {entries} entries, it holds {found}, {different} of them different"


def _is_gone(db: Database, chunk: UUID, *, project: UUID) -> bool:
    """Whether a merge, an erasure or retention has taken it away since it was listed."""
    with db.transaction(project=project) as tx:
        rows = tx.execute(
            "SELECT 1 FROM chunks WHERE id = %s AND project_id = %s AND replaced_by IS NULL", [chunk, project]
        ).fetchall()
    return not rows
