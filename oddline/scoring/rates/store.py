"""SQL of what is known of each source's rates, and of what keeps a bin from being over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction

PATIENCE: Final = 2  # attempts of a submission that is waited for; one that fails again and again holds up nothing


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The blobs of one source; `version` counts how often they were written."""

    source_id: int
    version: int
    recent: bytes
    season: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written of one source: `season` None where it stays, `due_at` None where nothing is to be done."""

    source_id: int
    recent: bytes
    season: bytes | None
    due_at: datetime | None


def projects_due(tx: Transaction, *, now: datetime) -> list[UUID]:
    """The projects with sources that are to be looked at even if nothing comes in."""
    rows = tx.execute("SELECT DISTINCT project_id FROM rate_sources WHERE due_at <= %s", [now]).fetchall()
    return [row[0] for row in rows]


def sources_due(tx: Transaction, project: UUID, *, now: datetime, limit: int) -> list[int]:
    """Some sources of a project that are to be looked at, those first that have waited the longest."""
    rows = tx.execute(
        "SELECT source_id FROM rate_sources WHERE project_id = %s AND due_at <= %s ORDER BY due_at, source_id LIMIT %s",
        [project, now, limit],
    ).fetchall()
    return [row[0] for row in rows]


def find_sources(tx: Transaction, project: UUID, *, source_ids: Sequence[int]) -> dict[int, SourceRow]:
    """Those of the sources of which anything is known."""
    with tx.cursor(row_factory=class_row(SourceRow), binary=True) as cursor:
        rows = cursor.execute(
            "SELECT source_id, version, recent, season FROM rate_sources"
            " WHERE project_id = %s AND source_id = ANY (%s)",
            [project, list(source_ids)],
        ).fetchall()
    return {row.source_id: row for row in rows}


def versions(tx: Transaction, project: UUID, *, source_ids: Sequence[int]) -> dict[int, int]:
    """How often what is known of the sources was written."""
    rows = tx.execute(
        "SELECT source_id, version FROM rate_sources WHERE project_id = %s AND source_id = ANY (%s)",
        [project, list(source_ids)],
    ).fetchall()
    return dict(rows)


def write_sources(tx: Transaction, project: UUID, changes: Sequence[Change]) -> None:
    """Put what is known of sources in the place of what was."""
    tx.cursor().executemany(
        "INSERT INTO rate_sources AS r (project_id, source_id, version, recent, season, due_at)"
        " VALUES (%(project)s, %(source)s, 1, %(recent)b, %(season)b, %(due)s)"
        " ON CONFLICT (project_id, source_id) DO UPDATE SET version = r.version + 1, recent = excluded.recent,"
        " season = coalesce(excluded.season, r.season), due_at = excluded.due_at",
        [
            {"project": project, "source": one.source_id, "recent": one.recent, "season": one.season, "due": one.due_at}
            for one in changes
        ],
    )


def oldest_waiting(tx: Transaction, project: UUID) -> datetime | None:
    """When the oldest submission was received that is not in a chunk yet."""
    row = tx.execute(
        "SELECT least((SELECT received_at FROM submission_state WHERE project_id = %(project)s AND state = 'accepted'"
        " AND attempt <= %(patience)s ORDER BY id LIMIT 1),"
        " (SELECT min(received_at) FROM submission_state WHERE project_id = %(project)s AND state = 'claimed'"
        " AND attempt <= %(patience)s))",
        {"project": project, "patience": PATIENCE},
    ).fetchone()
    return row[0] if row else None


def has_unsettled(tx: Transaction, project: UUID) -> bool:
    """Whether chunks are there that incremental readers are not shown yet."""
    row = tx.execute(
        "SELECT EXISTS (SELECT 1 FROM hot_chunks, instance WHERE project_id = %s AND hot_chunks.era = instance.era"
        " AND hot_chunks.xid >= pg_snapshot_xmin(pg_current_snapshot()))",
        [project],
    ).fetchone()
    return bool(row and row[0])


def source_names(tx: Transaction, project: UUID, *, source_ids: Sequence[int]) -> dict[int, str]:
    """The names of sources by their ids."""
    rows = tx.execute(
        "SELECT id, name FROM sources WHERE project_id = %s AND id = ANY (%s)", [project, list(source_ids)]
    ).fetchall()
    return dict(rows)
