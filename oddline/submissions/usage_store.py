"""SQL of what projects have sent: see `usage_counts`, which `store.insert` writes."""

from datetime import date
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.submissions.model import Usage


def read_usage(tx: Transaction, project: UUID, *, since: date) -> list[Usage]:
    """What a project has sent on each day from this one on, the newest first; days without anything are left out."""
    with tx.cursor(row_factory=class_row(Usage)) as cursor:
        return cursor.execute(
            "SELECT day, sum(entries)::bigint AS entries, sum(bytes)::bigint AS bytes FROM usage_counts"
            " WHERE project_id = %s AND day >= %s GROUP BY day ORDER BY day DESC",
            [project, since],
        ).fetchall()


def delete_usage(tx: Transaction, *, before: date) -> int:
    """Forget days before this one; returns how many rows."""
    return tx.execute("DELETE FROM usage_counts WHERE day < %s", [before]).rowcount
