"""SQL of restores: what a backup has of a range, and what is here already."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from oddline.chunks.compaction_store import ENTRY_DAY
from oddline.chunks.model import MergeGroup, Part
from oddline.chunks.store import BOUNDS, PLACE, fetch, parts_of
from oddline.database import Database, Transaction
from oddline.submissions import INDEX_MASK, submission_of


@dataclass(frozen=True, slots=True)
class Found:
    """A live chunk, in all its parts, and what it may be merged with."""

    id: UUID
    group: MergeGroup
    object_key: str | None
    parts: tuple[Part, ...]

    @property
    def decoded(self) -> int:
        """As `RowGroup.decoded`, of all of it."""
        return sum(part.group.decoded for part in self.parts)

    @property
    def entries(self) -> int:
        """How many its row says that it has."""
        return self.parts[0].place.entries

    @property
    def lowest_time(self) -> datetime:
        """Of its entries."""
        return min(part.group.lowest_time for part in self.parts)

    @property
    def highest_time(self) -> datetime:
        """Of its entries."""
        return max(part.group.highest_time for part in self.parts)

    @property
    def lowest_id(self) -> UUID:
        """Of its entries."""
        return min(part.group.lowest_id for part in self.parts)

    @property
    def highest_id(self) -> UUID:
        """Of its entries."""
        return max(part.group.highest_id for part in self.parts)


def list_chunks(
    db: Database, project: UUID, *, time_from: datetime, time_to: datetime, since: date, with_object: bool
) -> list[Found]:
    """The live chunks that reach into a time, of arrival days from `since` on; by what may be merged, then by id.

    Args:
        with_object: only those that stand in objects.
    """
    with db.transaction(project=project) as tx:
        rows = fetch(
            tx,
            f"SELECT {PLACE}, {BOUNDS}, arrival_day, late, {ENTRY_DAY}"
            " FROM chunks WHERE project_id = %(project)s AND replaced_by IS NULL AND arrival_day >= %(since)s"
            " AND lowest_time < %(time_to)s AND highest_time >= %(time_from)s"
            " AND (NOT %(with_object)s OR object_key IS NOT NULL) ORDER BY arrival_day, late, entry_day, id",
            {
                "project": project,
                "time_from": time_from,
                "time_to": time_to,
                "since": since,
                "with_object": with_object,
            },
        )
    return [
        Found(
            row["chunk"],
            MergeGroup(
                project=project,
                arrival_day=row["arrival_day"],
                late=row["late"],
                entry_day=row["entry_day"],
                level=1,
            ),
            row["object_key"],
            tuple(parts_of(row)),
        )
        for row in rows
    ]


def list_overlapping(db: Database, group: MergeGroup, *, lowest: UUID, highest: UUID) -> list[Part]:
    """The parts of live chunks that may hold entries of a group, of the submissions of ids from `lowest` to `highest`.

    Both may be those of submissions or of entries.
    """
    low, high = submission_of(lowest), UUID(int=highest.int | INDEX_MASK)
    with db.transaction(project=group.project) as tx:
        rows = fetch(
            tx,
            f"SELECT {PLACE}, {BOUNDS} FROM chunks WHERE project_id = %(project)s AND replaced_by IS NULL"
            " AND arrival_day = %(day)s AND late = %(late)s AND lowest_id <= %(high)s AND highest_id >= %(low)s",
            {"project": group.project, "day": group.arrival_day, "late": group.late, "low": low, "high": high},
        )
    parts = (part for row in rows for part in parts_of(row))
    return [part for part in parts if part.group.lowest_id <= high and part.group.highest_id >= low]


def is_live(db: Database, chunk: UUID, *, project: UUID) -> bool:
    """Whether a merged chunk is there, and nothing has replaced it."""
    with db.transaction(project=project) as tx:
        rows = tx.execute("SELECT 1 FROM compacted_chunks WHERE id = %s AND replaced_by IS NULL", [chunk]).fetchall()
    return bool(rows)


def delete_live(tx: Transaction, chunk: UUID) -> bool:
    """Forget a merged chunk; False when something has replaced it, or it is gone."""
    return bool(tx.execute("DELETE FROM compacted_chunks WHERE id = %s AND replaced_by IS NULL", [chunk]).rowcount)


def lock(tx: Transaction, project: UUID) -> None:
    """Wait until nobody else brings back entries of a project; until the transaction ends, nobody can."""
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"restore {project}"])
