"""SQL of system alerts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert that operators were told, or will be: when first, when last, and how many times."""

    project: UUID | None
    kind: str
    subject: str
    text: str
    first_at: datetime
    last_at: datetime
    count: int


def note(
    tx: Transaction, *, project: UUID | None, kind: str, subject: str, text: str, now: datetime, sent_before: datetime
) -> bool:
    """Count an alert; returns whether it is to be sent now: it is new, or was last sent before `sent_before`."""
    row = tx.execute(
        "INSERT INTO system_alerts AS known (project_id, kind, subject, text, first_at, last_at, sent_at)"
        " VALUES (%(project)s, %(kind)s, %(subject)s, %(text)s, %(now)s, %(now)s, %(now)s)"
        " ON CONFLICT (project_id, kind, subject) DO UPDATE SET text = excluded.text, last_at = excluded.last_at,"
        " count = known.count + 1,"
        " sent_at = CASE WHEN known.sent_at < %(sent_before)s THEN excluded.sent_at ELSE known.sent_at END"
        " RETURNING sent_at = %(now)s",
        {"project": project, "kind": kind, "subject": subject, "text": text, "now": now, "sent_before": sent_before},
    ).fetchone()
    return bool(row and row[0])


def newest(tx: Transaction, *, kind: str | None, limit: int) -> list[RaisedAlert]:
    """The alerts that were raised last, the last first."""
    with tx.cursor(row_factory=class_row(RaisedAlert)) as cursor:
        return cursor.execute(
            "SELECT project_id AS project, kind, subject, text, first_at, last_at, count FROM system_alerts"
            " WHERE %(kind)s::text IS NULL OR kind = %(kind)s ORDER BY last_at DESC, kind, subject LIMIT %(limit)s",
            {"kind": kind, "limit": limit},
        ).fetchall()


def delete(tx: Transaction, *, before: datetime) -> int:
    """Forget alerts that were not raised since; returns how many."""
    return tx.execute("DELETE FROM system_alerts WHERE last_at < %s", [before]).rowcount
