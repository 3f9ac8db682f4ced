"""SQL of compaction and retention: what is to be merged, the swap, and what may go."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from oddline.chunks.model import CompactedChunk, MergeGroup, Original, row_group_to_json
from oddline.chunks.store import BOUNDS, PLACE, fetch, names, parts_of, placeholders, row_of
from oddline.database import Transaction

ENTRY_DAY: Final = "CASE WHEN NOT late THEN (highest_time AT TIME ZONE 'UTC')::date END AS entry_day"
_GROUP: Final = f"project_id AS project, arrival_day, late, {ENTRY_DAY}"
_TABLES: Final = {0: "hot_chunks", 1: "compacted_chunks"}
_COLUMNS: Final = "project_id, arrival_day, late, highest_time, entries, created_at"
# By the two indexes of live chunks: what was replaced, and stays for readers, is a hundred times as much.
_LIVE: Final = {
    0: f"SELECT {_COLUMNS} FROM hot_chunks WHERE replaced_by IS NULL AND NOT late"
    f" UNION ALL SELECT {_COLUMNS} FROM hot_chunks WHERE replaced_by IS NULL AND late",
    1: f"SELECT {_COLUMNS} FROM compacted_chunks WHERE replaced_by IS NULL AND level = 1",
}
_IS_OVER: Final = {0: "min(created_at) < date_trunc('hour', %(now)s::timestamptz, 'UTC')", 1: "arrival_day < %(today)s"}
_NOT_EXPIRED: Final = (
    "EXISTS (SELECT 1 FROM projects p WHERE p.id = project_id AND arrival_day >= %(today)s::date - p.retention_days)"
)


def due_groups(tx: Transaction, *, level: int, chunks: int, entries: int, now: datetime) -> list[MergeGroup]:
    """Groups of unreplaced chunks of a level (0 or 1) that are due, the largest first.

    Due is what has at least so many chunks or entries, or whose hour (level 0) or day (level 1) is over. What is past
    its project's retention is left out.
    """
    rows = fetch(
        tx,
        f"SELECT {_GROUP} FROM ({_LIVE[level]}) AS live WHERE {_NOT_EXPIRED}"
        " GROUP BY 1, 2, 3, 4 HAVING count(*) >= %(chunks)s OR sum(entries) >= %(entries)s"
        f" OR {_IS_OVER[level]} ORDER BY sum(entries) DESC",
        {"chunks": chunks, "entries": entries, "now": now, "today": now.date()},
    )
    return [MergeGroup(**row, level=level) for row in rows]


def list_originals(tx: Transaction, group: MergeGroup, *, limit: int) -> list[Original]:
    """Up to `limit` unreplaced chunks of a group, oldest first."""
    rows = fetch(
        tx,
        f"SELECT {PLACE}, {BOUNDS} FROM chunks WHERE replaced_by IS NULL AND level = %(level)s"
        " AND project_id = %(project)s AND arrival_day = %(arrival_day)s AND late = %(late)s"
        " AND (late OR (highest_time AT TIME ZONE 'UTC')::date = %(entry_day)s) ORDER BY id LIMIT %(limit)s",
        {
            "level": group.level,
            "project": group.project,
            "arrival_day": group.arrival_day,
            "late": group.late,
            "entry_day": group.entry_day,
            "limit": limit,
        },
    )
    return [
        Original(
            chunk=row["chunk"],
            entries=row["entries"],
            bytes=row["bytes"],
            object_key=row["object_key"],
            parts=tuple(parts_of(row)),
        )
        for row in rows
    ]


def replace(
    tx: Transaction, originals: Collection[UUID], *, level: int, merge: UUID, project: UUID, day: date, now: datetime
) -> bool:
    """Mark the originals as replaced by a merge; False, with nothing changed, if one of them is replaced or gone."""
    rows = tx.execute(
        f"SELECT id FROM {_TABLES[level]} WHERE id = ANY (%s) AND arrival_day = %s AND project_id = %s"
        " AND replaced_by IS NULL ORDER BY id FOR UPDATE",
        [list(originals), day, project],
    ).fetchall()
    if len(rows) < len(originals):
        return False
    tx.execute(
        f"UPDATE {_TABLES[level]} SET replaced_by = %s, replaced_at = %s WHERE id = ANY (%s) AND arrival_day = %s",
        [merge, now, list(originals), day],
    )
    return True


def insert_compacted(tx: Transaction, chunks: Sequence[CompactedChunk]) -> None:
    """Write the rows of a merge's results; the blob of one with an object is in the object alone."""
    for chunk in chunks:
        row = row_of(chunk, without=("format",)) | {
            "blob": chunk.blob if chunk.object_key is None else None,
            "row_groups": Jsonb([row_group_to_json(group) for group in chunk.row_groups]),
        }
        tx.execute(f"INSERT INTO compacted_chunks ({names(row)}) VALUES ({placeholders(row)})", row)


def doom(tx: Transaction, keys: Sequence[str], *, delete_after: datetime) -> None:
    """Let objects be deleted after a moment: an open page may still read them until then."""
    tx.execute(
        "INSERT INTO doomed_objects (object_key, delete_after) SELECT unnest(%s::text[]), %s ON CONFLICT DO NOTHING",
        [list(keys), delete_after],
    )


def doomed(tx: Transaction, *, now: datetime, limit: int) -> list[str]:
    """Keys of objects whose time has come."""
    rows = tx.execute(
        "SELECT object_key FROM doomed_objects WHERE delete_after <= %s LIMIT %s", [now, limit]
    ).fetchall()
    return [row[0] for row in rows]


def forget_doomed(tx: Transaction, keys: Sequence[str]) -> None:
    """Note that these objects are deleted."""
    tx.execute("DELETE FROM doomed_objects WHERE object_key = ANY (%s)", [list(keys)])


def delete_replaced(tx: Transaction, *, before: datetime) -> int:
    """Delete the rows of compacted chunks that were replaced before a moment; returns how many."""
    return tx.execute(
        "DELETE FROM compacted_chunks WHERE replaced_by IS NOT NULL AND replaced_at < %s", [before]
    ).rowcount


def delete_expired(tx: Transaction, *, today: date, delete_after: datetime, limit: int) -> int:
    """Delete up to `limit` rows of compacted chunks past their project's retention and doom their objects.

    Returns how many rows.
    """
    rows = tx.execute(
        "WITH gone AS (DELETE FROM compacted_chunks WHERE id = ANY (ARRAY (SELECT c.id FROM compacted_chunks c"
        " JOIN projects p ON p.id = c.project_id WHERE c.arrival_day < %s::date - p.retention_days LIMIT %s))"
        " RETURNING object_key), dooming AS (INSERT INTO doomed_objects (object_key, delete_after)"
        " SELECT object_key, %s FROM gone WHERE object_key IS NOT NULL ON CONFLICT DO NOTHING)"
        " SELECT count(*) FROM gone",
        [today, limit, delete_after],
    ).fetchall()
    return int(rows[0][0])


def delete_expired_copies(tx: Transaction, *, today: date, limit: int) -> int:
    """Delete up to `limit` odd entries of days past their project's retention; returns how many.

    They are copies of what went with its chunk.
    """
    return tx.execute(
        "DELETE FROM odd_entries WHERE ctid = ANY (ARRAY (SELECT o.ctid FROM odd_entries o"
        " JOIN projects p ON p.id = o.project_id WHERE o.arrival_day < %s::date - p.retention_days LIMIT %s))",
        [today, limit],
    ).rowcount


def delete_day_counts(tx: Transaction, *, today: date, days_longer: int) -> int:
    """Delete the counts of days that went past their project's retention so many days ago; returns how many."""
    return tx.execute(
        "DELETE FROM day_counts d USING projects p"
        " WHERE p.id = d.project_id AND d.day < %s::date - p.retention_days - %s",
        [today, days_longer],
    ).rowcount


def named_objects(tx: Transaction, keys: Sequence[str]) -> set[str]:
    """Those of the keys (which end with their chunk's id) that a row names."""
    rows = tx.execute(
        "SELECT object_key FROM compacted_chunks WHERE id = ANY (%(ids)s) AND object_key = ANY (%(keys)s)"
        " UNION ALL SELECT object_key FROM doomed_objects WHERE object_key = ANY (%(keys)s)",
        {"keys": list(keys), "ids": [UUID(key.rpartition("/")[2]) for key in keys]},
    ).fetchall()
    return {row[0] for row in rows}


def why_kept(
    tx: Transaction, *, day: date, today: date, replaced_before: datetime, whole_readers: Collection[str]
) -> list[str]:
    """Why the hot chunks of a day cannot go yet, in sentences; none when they can.

    What was replaced since `replaced_before` may still be read by an open page.
    """
    counts = {
        "cursors are not past them": (
            "SELECT count(*) FROM cursors c WHERE EXISTS (SELECT 1 FROM hot_chunks h WHERE h.arrival_day = %(day)s"
            " AND h.project_id = c.project_id AND (h.era, h.xid, h.id) > (c.era, c.xid, c.chunk_id))"
        ),
        "projects have not been read by a reader that needs every chunk": (
            "SELECT count(DISTINCT had.project_id)"
            " FROM (SELECT DISTINCT project_id FROM hot_chunks WHERE arrival_day = %(day)s) AS had"
            " CROSS JOIN unnest(%(whole_readers)s::text[]) AS reader WHERE NOT EXISTS (SELECT 1 FROM cursors c"
            " WHERE c.project_id = had.project_id AND c.consumer = reader)"
        ),
        "chunks are neither replaced nor past their retention": (
            f"SELECT count(*) FROM hot_chunks WHERE arrival_day = %(day)s AND replaced_by IS NULL AND {_NOT_EXPIRED}"
        ),
        "chunks were replaced so lately that an open page may read them": (
            "SELECT count(*) FROM hot_chunks WHERE arrival_day = %(day)s AND replaced_at >= %(replaced_before)s"
        ),
        "submissions of the day may still become chunks": (
            "SELECT count(*) FROM submission_state WHERE state IN ('accepted', 'claimed', 'dead')"
            " AND received_at >= %(day)s::timestamp AT TIME ZONE 'UTC'"
            " AND received_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'"
        ),
    }
    # One statement sees one moment: between two a submission could become a chunk that neither would count.
    found = tx.execute(
        "SELECT " + ", ".join(f"({sql})" for sql in counts.values()),
        {"day": day, "today": today, "replaced_before": replaced_before, "whole_readers": list(whole_readers)},
    ).fetchall()[0]
    return [f"{count} {reason}" for reason, count in zip(counts, found, strict=True) if count]
