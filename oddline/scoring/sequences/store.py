"""SQL of open sessions, of what each source's sessions usually look like, and of odd ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.identity import WITHIN_RETENTION
from oddline.scoring.sequences.grouping import Grouping

FEWEST_NEW: Final = 200  # sessions that make fitting again worth its seconds
MOST_NEW: Final = 5_000


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What a source's sessions have come to: `sessions` were closed, `profile` is of the first `fitted_sessions`."""

    source_id: int
    grouping: str
    sessions: int
    training: bytes | None
    profile: bytes | None


@dataclass(frozen=True, slots=True)
class Learned:
    """What is to be learned from of a source, since `new_sessions` more were closed."""

    source_id: int
    grouping: str
    new_sessions: int
    training: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OddSequence:
    """An odd sequence that is told: its entry, and its packed steps."""

    entry_id: UUID
    source_id: int
    grouping: str
    key: bytes
    steps: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSequence:
    """An odd sequence of the past with its session's key, or its window's; `count` is how many it stands for."""

    entry_id: UUID
    steps: bytes
    session: str
    count: int
    is_recent: bool


def find_groupings(tx: Transaction, project: UUID) -> list[Grouping]:
    """What people have set for sources whose entries bear no session."""
    with tx.cursor(row_factory=class_row(Grouping)) as cursor:
        return cursor.execute(
            'SELECT id AS source_id, session_attribute AS attribute, sequence_window AS "window" FROM sources'
            " WHERE project_id = %s AND (session_attribute IS NOT NULL OR sequence_window IS NOT NULL)",
            [project],
        ).fetchall()


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


def find_sources(tx: Transaction, project: UUID, *, source_ids: Sequence[int]) -> dict[tuple[int, str], SourceRow]:
    """What there is of the sources that have had closed sessions, by source and grouping."""
    with tx.cursor(row_factory=class_row(SourceRow), binary=True) as cursor:
        rows = cursor.execute(
            "SELECT source_id, grouping, sessions, training, profile FROM sequence_sources"
            " WHERE project_id = %s AND source_id = ANY (%s)",
            [project, list(source_ids)],
        ).fetchall()
    return {(row.source_id, row.grouping): row for row in rows}


def write_training(tx: Transaction, project: UUID, learned: Sequence[Learned]) -> None:
    """Note that sources had closed sessions, and what is to be learned from now."""
    tx.cursor().executemany(
        "INSERT INTO sequence_sources AS s (project_id, source_id, grouping, sessions, training) VALUES (%(project)s,"
        " %(source)s, %(grouping)s, %(new)s, %(training)b) ON CONFLICT (project_id, source_id, grouping)"
        " DO UPDATE SET sessions = s.sessions + excluded.sessions, training = excluded.training",
        [
            {
                "project": project,
                "source": one.source_id,
                "grouping": one.grouping,
                "new": one.new_sessions,
                "training": one.training,
            }
            for one in learned
        ],
    )


def due_for_fitting(tx: Transaction, *, now: datetime, fewest: int) -> list[tuple[UUID, int, str]]:
    """(project, source, grouping) of what is to be fitted, what never was first.

    That is where there were enough new sessions, once a day any, or of which people have said or undone something.
    """
    return tx.execute(
        "SELECT project_id, source_id, grouping FROM sequence_sources s WHERE sessions >= %(fewest)s"
        " AND (fitted_at IS NULL"
        " OR (fitted_at < %(now)s - interval '1 day' AND sessions > fitted_sessions)"
        " OR (fitted_at < %(now)s - interval '10 minutes' AND sessions - fitted_sessions"
        " >= least(greatest(%(fewest_new)s, fitted_sessions / 4), %(most_new)s))"
        " OR EXISTS (SELECT 1 FROM sequence_feedback f WHERE f.project_id = s.project_id"
        " AND f.source_id = s.source_id AND f.grouping = s.grouping"
        " AND greatest(f.since, f.undone_at) > s.fitted_at))"
        " ORDER BY fitted_at NULLS FIRST, project_id, source_id, grouping",
        {"now": now, "fewest": fewest, "fewest_new": FEWEST_NEW, "most_new": MOST_NEW},
    ).fetchall()


def write_profile(tx: Transaction, project: UUID, *, row: SourceRow, profile: bytes | None, now: datetime) -> None:
    """Note what was fitted of a row as it was read; None where too few sessions may be learned from."""
    tx.execute(
        "UPDATE sequence_sources SET profile = coalesce(%(profile)b, profile), fitted_sessions = %(sessions)s,"
        " fitted_at = %(now)s WHERE project_id = %(project)s AND source_id = %(source)s AND grouping = %(grouping)s",
        {
            "project": project,
            "source": row.source_id,
            "grouping": row.grouping,
            "profile": profile,
            "sessions": row.sessions,
            "now": now,
        },
    )


def insert_odd_sequences(tx: Transaction, project: UUID, *, odd: Sequence[OddSequence]) -> None:
    """Write the steps of odd sequences whose odd entries are written."""
    tx.execute(
        "INSERT INTO odd_sequences (project_id, entry_id, source_id, grouping, key, steps) SELECT %s, *"
        " FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::bytea[], %s::bytea[]) AS n ON CONFLICT DO NOTHING",
        [
            project,
            [one.entry_id for one in odd],
            [one.source_id for one in odd],
            [one.grouping for one in odd],
            [one.key for one in odd],
            [one.steps for one in odd],
        ],
    )


def find_odd_sequence(tx: Transaction, project: UUID, *, entry: UUID, today: date) -> OddSequence | None:
    """The odd sequence that the odd entry tells of."""
    with tx.cursor(binary=True, row_factory=class_row(OddSequence)) as cursor:
        return cursor.execute(
            "SELECT q.entry_id, q.source_id, q.grouping, q.key, q.steps FROM odd_sequences q"
            " JOIN odd_entries o ON o.project_id = q.project_id AND o.id = q.entry_id AND o.kind = q.kind"
            f" WHERE q.project_id = %(project)s AND q.entry_id = %(entry)s AND {WITHIN_RETENTION}",
            {"project": project, "entry": entry, "today": today},
        ).fetchone()


def list_alike(
    tx: Transaction, project: UUID, *, key: bytes, since: datetime, today: date, most: int
) -> list[PastSequence]:
    """The odd sequences of a key, the newest first; `is_recent` since `since`."""
    with tx.cursor(binary=True, row_factory=class_row(PastSequence)) as cursor:
        return cursor.execute(
            "SELECT q.entry_id, q.steps, coalesce(o.explanation ->> 'session', o.explanation #>> '{window,from}')"
            " AS session, o.count, o.timestamp >= %(since)s AS is_recent FROM odd_sequences q"
            " JOIN odd_entries o ON o.project_id = q.project_id AND o.id = q.entry_id AND o.kind = q.kind"
            f" WHERE q.project_id = %(project)s AND q.key = %(key)s AND {WITHIN_RETENTION}"
            " ORDER BY o.timestamp DESC, q.entry_id DESC LIMIT %(most)s",
            {"project": project, "key": key, "since": since, "today": today, "most": most},
        ).fetchall()


def count_odd_sequences(tx: Transaction, project: UUID, *, source_id: int, since: datetime, today: date) -> int:
    """How many odd sequences a source has had."""
    rows = tx.execute(
        "SELECT coalesce(sum(count), 0) FROM odd_entries WHERE project_id = %(project)s AND kind = 'sequence'"
        f" AND source_id = %(source)s AND timestamp >= %(since)s AND {WITHIN_RETENTION}",
        {"project": project, "source": source_id, "since": since, "today": today},
    ).fetchall()
    return int(rows[0][0])


def failed_runs(tx: Transaction, project: UUID) -> int:
    """How many runs in a row could not read something of a project."""
    rows = tx.execute("SELECT runs FROM sequence_stalls WHERE project_id = %s", [project]).fetchall()
    return int(rows[0][0]) if rows else 0


def count_failed_run(tx: Transaction, project: UUID) -> None:
    """Note that a run could not read something."""
    tx.execute(
        "INSERT INTO sequence_stalls AS s VALUES (%s, 1) ON CONFLICT (project_id) DO UPDATE SET runs = s.runs + 1",
        [project],
    )


def forget_failed_runs(tx: Transaction, project: UUID) -> None:
    """Note that a run could read all it wanted, or went on without."""
    tx.execute("DELETE FROM sequence_stalls WHERE project_id = %s", [project])


def lock_open(tx: Transaction, project: UUID) -> bytes | None:
    """As `find_open`; until the transaction ends nobody else writes it."""
    with tx.cursor(binary=True) as cursor:
        row = cursor.execute(
            "SELECT entries FROM open_sequences WHERE project_id = %s FOR UPDATE", [project]
        ).fetchone()
    return row[0] if row else None
