"""SQL of open sessions, and of what each source's sessions usually look like."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction

FEWEST_NEW: Final = 200  # sessions that make fitting again worth its seconds
MOST_NEW: Final = 5_000


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What a source's sessions have come to: `sessions` were closed, `profile` is of the first `fitted_sessions`."""

    source_id: int
    sessions: int
    training: bytes
    profile: bytes | None


@dataclass(frozen=True, slots=True)
class Learned:
    """What is to be learned from of a source, since `new_sessions` more were closed."""

    source_id: int
    new_sessions: int
    training: bytes


def find_open(tx: Transaction, project: UUID) -> bytes | None:
    """The blob of a project's open sessions."""
    with tx.cursor(binary=True) as cursor:
        row = cursor.execute("SELECT entries FROM open_sequences WHERE project_id = %s", [project]).fetchone()
    return row[0] if row else None


def projects_with_open(tx: Transaction) -> list[UUID]:
    """The projects that have open sessions."""
    return [row[0] for row in tx.execute("SELECT project_id FROM open_sequences").fetchall()]


def write_open(tx: Transaction, project: UUID, *, entries: bytes | None) -> None:
    """Put the blob of a project's open sessions in the place of the one before; None when none is open."""
    if entries is None:
        tx.execute("DELETE FROM open_sequences WHERE project_id = %s", [project])
        return
    tx.execute(
        "INSERT INTO open_sequences (project_id, entries) VALUES (%(project)s, %(entries)b)"
        " ON CONFLICT (project_id) DO UPDATE SET entries = excluded.entries",
        {"project": project, "entries": entries},
    )


def find_sources(tx: Transaction, project: UUID, *, source_ids: Sequence[int]) -> dict[int, SourceRow]:
    """Those of the sources that have had closed sessions."""
    with tx.cursor(row_factory=class_row(SourceRow), binary=True) as cursor:
        rows = cursor.execute(
            "SELECT source_id, sessions, training, profile FROM sequence_sources"
            " WHERE project_id = %s AND source_id = ANY (%s)",
            [project, list(source_ids)],
        ).fetchall()
    return {row.source_id: row for row in rows}


def write_training(tx: Transaction, project: UUID, learned: Sequence[Learned]) -> None:
    """Note that sources had closed sessions, and what is to be learned from now."""
    tx.cursor().executemany(
        "INSERT INTO sequence_sources AS s (project_id, source_id, sessions, training)"
        " VALUES (%(project)s, %(source)s, %(new)s, %(training)b) ON CONFLICT (project_id, source_id)"
        " DO UPDATE SET sessions = s.sessions + excluded.sessions, training = excluded.training",
        [
            {"project": project, "source": one.source_id, "new": one.new_sessions, "training": one.training}
            for one in learned
        ],
    )


def due_for_fitting(tx: Transaction, *, now: datetime, fewest: int) -> list[tuple[UUID, int]]:
    """(project, source) of sources that have had enough new sessions, those never fitted first; once a day any new."""
    return tx.execute(
        "SELECT project_id, source_id FROM sequence_sources WHERE sessions >= %(fewest)s AND (fitted_at IS NULL"
        " OR (fitted_at < %(now)s - interval '1 day' AND sessions > fitted_sessions)"
        " OR (fitted_at < %(now)s - interval '10 minutes' AND sessions - fitted_sessions"
        " >= least(greatest(%(fewest_new)s, fitted_sessions / 4), %(most_new)s)))"
        " ORDER BY fitted_at NULLS FIRST, project_id, source_id",
        {"now": now, "fewest": fewest, "fewest_new": FEWEST_NEW, "most_new": MOST_NEW},
    ).fetchall()


def write_profile(
    tx: Transaction, project: UUID, *, source_id: int, profile: bytes | None, sessions: int, now: datetime
) -> None:
    """Note what was fitted when the source had had so many sessions; None where too few may be learned from."""
    tx.execute(
        "UPDATE sequence_sources SET profile = coalesce(%(profile)b, profile), fitted_sessions = %(sessions)s,"
        " fitted_at = %(now)s WHERE project_id = %(project)s AND source_id = %(source)s",
        {"project": project, "source": source_id, "profile": profile, "sessions": sessions, "now": now},
    )
