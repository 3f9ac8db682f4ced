"""SQL of feedback: verdicts, and the patterns and sequences of past odd entries that each covers."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.feedback.model import (
    Feedback,
    NewFeedback,
    NewSequenceFeedback,
    SequenceVerdict,
    Verdict,
    VerdictInForce,
)

VERDICT: Final = (
    "SELECT f.verdict FROM feedback_patterns c JOIN feedback f"
    " ON f.project_id = c.project_id AND f.id = c.feedback_id AND f.undone_at IS NULL"
    " WHERE c.project_id = o.project_id AND c.pattern_id = o.pattern_id"
    " AND (f.source_id IS NULL OR f.source_id = o.source_id)"
    " ORDER BY c.distance, f.since DESC, f.id DESC LIMIT 1"
)
"""The verdict in force on a row `o` (project_id, source_id, pattern_id): the nearest pattern's latest."""

SEQUENCE_VERDICT: Final = (
    "SELECT f.verdict FROM sequence_feedback_entries c JOIN sequence_feedback f"
    " ON f.project_id = c.project_id AND f.id = c.feedback_id AND f.undone_at IS NULL"
    " WHERE c.project_id = o.project_id AND c.entry_id = o.id ORDER BY c.distance, f.since DESC, f.id DESC LIMIT 1"
)
"""The verdict in force on an odd sequence `o` (project_id, id): that of the nearest one, of those the latest."""

_LISTED: Final = (
    "SELECT f.id, s.name AS source, f.pattern_id, p.pattern, f.entry_id, f.steps, f.verdict, f.note, f.key_id,"
    " f.since, f.undone_at FROM (SELECT project_id, id, source_id, pattern_id, NULL::uuid AS entry_id,"
    " NULL::int AS steps, verdict, note, key_id, since, undone_at FROM feedback UNION ALL SELECT project_id, id,"
    " source_id, NULL, entry_id, length, verdict, note, key_id, since, undone_at FROM sequence_feedback) AS f"
    " LEFT JOIN patterns p ON p.project_id = f.project_id AND p.id = f.pattern_id"
    " LEFT JOIN sources s ON s.project_id = f.project_id AND s.id = f.source_id WHERE f.project_id = %(project)s"
)


def find_same(tx: Transaction, project: UUID, *, feedback: NewFeedback) -> UUID | None:
    """The id of what says the same already: a verdict like this on exactly this source, with no later one over it.

    Until the transaction ends nobody else gets an answer about this pattern, so that a double click gives one verdict.
    """
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"feedback {project} {feedback.pattern_id}"])
    rows = tx.execute(
        "SELECT id, source_id, verdict FROM feedback WHERE project_id = %s AND pattern_id = %s AND undone_at IS NULL"
        " AND (%s::int IS NULL OR source_id IS NULL OR source_id = %s) ORDER BY since DESC, id DESC LIMIT 1",
        [project, feedback.pattern_id, feedback.source_id, feedback.source_id],
    ).fetchall()
    wanted = (feedback.source_id, feedback.verdict)
    return next((identifier for identifier, *said in rows if tuple(said) == wanted), None)


def insert_feedback(tx: Transaction, project: UUID, *, feedback: NewFeedback, covered: Mapping[int, float]) -> None:
    """Write a verdict; `covered` are the patterns that it covers, with their cosine distance from its own."""
    tx.execute(
        "INSERT INTO feedback (project_id, id, source_id, pattern_id, verdict, note, key_id, since)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            project,
            feedback.id,
            feedback.source_id,
            feedback.pattern_id,
            feedback.verdict,
            feedback.note,
            feedback.key_id,
            feedback.since,
        ],
    )
    tx.execute(
        "INSERT INTO feedback_patterns (project_id, pattern_id, feedback_id, distance)"
        " SELECT %s, pattern, %s, distance FROM unnest(%s::int[], %s::real[]) AS n (pattern, distance)",
        [project, feedback.id, list(covered), list(covered.values())],
    )


def count_in_force(tx: Transaction, project: UUID) -> int:
    """How many verdicts of a project are not undone."""
    rows = tx.execute("SELECT count(*) FROM feedback WHERE project_id = %s AND undone_at IS NULL", [project]).fetchall()
    return int(rows[0][0])


def list_feedback(
    tx: Transaction, project: UUID, *, only: UUID | None = None, undone: bool, after: UUID | None = None, limit: int
) -> list[Feedback]:
    """Verdicts on patterns and sequences, newest first, from behind the id `after`; with `undone` those undone, too."""
    with tx.cursor(row_factory=class_row(Feedback)) as cursor:
        return cursor.execute(
            f"{_LISTED} AND (%(undone)s OR f.undone_at IS NULL)"
            f" {'' if only is None else 'AND f.id = %(only)s'} {'' if after is None else 'AND f.id < %(after)s'}"
            " ORDER BY f.id DESC LIMIT %(limit)s",
            {"project": project, "only": only, "undone": undone, "after": after, "limit": limit},
        ).fetchall()


def undo_feedback(tx: Transaction, project: UUID, *, feedback: UUID, now: datetime) -> bool:
    """Take a verdict back, unless it is already; False when there is no such verdict."""
    return any(
        tx.execute(
            f"UPDATE {table} SET undone_at = coalesce(undone_at, %s) WHERE project_id = %s AND id = %s",
            [now, project, feedback],
        ).rowcount
        for table in ("feedback", "sequence_feedback")
    )


def verdicts_in_force(tx: Transaction, project: UUID, *, model_version: str) -> list[VerdictInForce]:
    """All verdicts of a project that count, the earlier first, with the embeddings of this model."""
    with tx.cursor(binary=True, row_factory=class_row(VerdictInForce)) as cursor:
        return cursor.execute(
            "SELECT f.source_id, f.pattern_id, p.pattern, f.verdict, m.embedding FROM feedback f"
            " JOIN patterns p ON p.project_id = f.project_id AND p.id = f.pattern_id"
            " LEFT JOIN pattern_memo m ON m.project_id = f.project_id AND m.pattern_id = f.pattern_id"
            " AND m.model_version = %s WHERE f.project_id = %s AND f.undone_at IS NULL ORDER BY f.since, f.id",
            [model_version, project],
        ).fetchall()


def verdicts_of(
    tx: Transaction, project: UUID, *, pairs: Collection[tuple[int, int]]
) -> dict[tuple[int, int], Verdict]:
    """The verdicts in force on pairs of (source, pattern), of those that have one."""
    rows = tx.execute(
        "SELECT source_id, pattern_id, verdict FROM (SELECT %s::uuid AS project_id, n.* FROM"
        " unnest(%s::int[], %s::int[]) AS n (source_id, pattern_id)) AS o"
        f" CROSS JOIN LATERAL ({VERDICT}) AS v",
        [project, [source for source, _ in pairs], [pattern for _, pattern in pairs]],
    ).fetchall()
    return {(source, pattern): Verdict(verdict) for source, pattern, verdict in rows}


def find_same_sequence(tx: Transaction, project: UUID, *, feedback: NewSequenceFeedback) -> UUID | None:
    """The id of what says the same of exactly this sequence already, with no later verdict on it.

    Until the transaction ends nobody else gets an answer about such sequences, so that a double click gives one.
    """
    lock = f"feedback {project} {feedback.key.hex()}"
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
    row = tx.execute(
        "SELECT id, verdict FROM sequence_feedback WHERE project_id = %s AND source_id = %s AND grouping = %s"
        " AND steps = %s AND undone_at IS NULL ORDER BY since DESC, id DESC LIMIT 1",
        [project, feedback.source_id, feedback.grouping, feedback.steps],
    ).fetchone()
    return row[0] if row is not None and row[1] == feedback.verdict else None


def insert_sequence_feedback(tx: Transaction, project: UUID, *, feedback: NewSequenceFeedback) -> None:
    """Write a verdict on a sequence; `cover_sequences` says which odd ones it covers."""
    tx.execute(
        "INSERT INTO sequence_feedback (project_id, id, entry_id, source_id, grouping, key, steps, length, verdict,"
        " note, key_id, since) VALUES (%(project)s, %(id)s, %(entry_id)s, %(source_id)s, %(grouping)s, %(key)s,"
        " %(steps)s, %(length)s, %(verdict)s, %(note)s, %(key_id)s, %(since)s)",
        {"project": project} | asdict(feedback),
    )


def cover_sequences(tx: Transaction, project: UUID, *, covered: Mapping[tuple[UUID, UUID], float]) -> None:
    """Note the distance of odd sequences from what a verdict was said of: (entry, feedback) of each pair."""
    tx.execute(
        "INSERT INTO sequence_feedback_entries (project_id, entry_id, feedback_id, distance)"
        " SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::real[]) AS n ON CONFLICT DO NOTHING",
        [project, [entry for entry, _ in covered], [given for _, given in covered], list(covered.values())],
    )


def count_sequences_in_force(tx: Transaction, project: UUID) -> int:
    """How many verdicts on sequences of a project are not undone."""
    rows = tx.execute(
        "SELECT count(*) FROM sequence_feedback WHERE project_id = %s AND undone_at IS NULL", [project]
    ).fetchall()
    return int(rows[0][0])


def sequence_verdicts(tx: Transaction, project: UUID, *, source_ids: Collection[int]) -> list[SequenceVerdict]:
    """All verdicts on sequences of these sources that count, the earlier first."""
    with tx.cursor(binary=True, row_factory=class_row(SequenceVerdict)) as cursor:
        return cursor.execute(
            "SELECT id, source_id, grouping, steps, verdict FROM sequence_feedback"
            " WHERE project_id = %s AND source_id = ANY (%s::int[]) AND undone_at IS NULL ORDER BY since, id",
            [project, list(source_ids)],
        ).fetchall()
