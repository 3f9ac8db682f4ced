"""SQL of projects and API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import kwargs_row

from oddline.database import Transaction
from oddline.identity.model import ApiKey, Project

# Of a project's rows, counted in days of arrival: none goes before its time and none stays a day longer.
WITHIN_RETENTION: Final = (
    "arrival_day >= (SELECT %(today)s::date - retention_days FROM projects WHERE projects.id = %(project)s)"
)
_PROJECT: Final = "id, name, created_at, retention_days, mail_recipients, mail_minimum_score, alarms_per_day"


def _project(**columns: Any) -> Project:
    return Project(**columns | {"mail_recipients": tuple(columns["mail_recipients"])})


def _api_key(**columns: Any) -> ApiKey:
    return ApiKey(**columns | {"scopes": tuple(columns["scopes"])})


def insert_project(tx: Transaction, *, project_id: UUID, name: str, now: datetime) -> bool:
    """Write a project; False when one of that name is there."""
    return (
        tx.execute(
            "INSERT INTO projects (id, name, created_at) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING",
            [project_id, name, now],
        ).rowcount
        == 1
    )


def find_project(tx: Transaction, name: str) -> UUID | None:
    """A project's id by its name, whoever asks."""
    row = tx.execute("SELECT find_project(%s)", [name]).fetchone()
    return row[0] if row else None


def read_project(tx: Transaction, project: UUID) -> Project | None:
    """A project's settings."""
    with tx.cursor(row_factory=kwargs_row(_project)) as cursor:
        return cursor.execute(f"SELECT {_PROJECT} FROM projects WHERE id = %s", [project]).fetchone()


def update_mail(
    tx: Transaction, project: UUID, *, recipients: Sequence[str] | None, minimum_score: float | None
) -> None:
    """Set who gets mail about odd lines, and from which score on."""
    tx.execute(
        "UPDATE projects SET mail_recipients = coalesce(%s, mail_recipients),"
        " mail_minimum_score = coalesce(%s, mail_minimum_score) WHERE id = %s",
        [None if recipients is None else list(recipients), minimum_score, project],
    )


def update_retention(tx: Transaction, project: UUID, *, days: int) -> None:
    """Set how many days after their arrival entries are kept."""
    tx.execute("UPDATE projects SET retention_days = %s WHERE id = %s", [days, project])


def update_alarms(tx: Transaction, project: UUID, *, alarms_per_day: float | None) -> None:
    """Set how many alarms a day each source may give at most that has no number of its own."""
    tx.execute("UPDATE projects SET alarms_per_day = %s WHERE id = %s", [alarms_per_day, project])


def insert_key(
    tx: Transaction,
    *,
    key_id: UUID,
    project: UUID,
    name: str,
    prefix: str,
    key_hash: bytes,
    scopes: Sequence[str],
    signing_secrets: Sequence[str],
    now: datetime,
    expires_at: datetime | None,
) -> None:
    """Write a new key."""
    tx.execute(
        "INSERT INTO api_keys (id, project_id, name, prefix, hash, scopes, signing_secrets, created_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [key_id, project, name, prefix, key_hash, list(scopes), list(signing_secrets), now, expires_at],
    )


def find_key(
    tx: Transaction, key_hash: bytes, *, now: datetime
) -> tuple[UUID, UUID, list[str], list[str], datetime | None, datetime | None] | None:
    """(id, project, scopes, signing secrets, expires at, revoked at) of the key with this hash; notes its use."""
    return tx.execute("SELECT * FROM find_api_key(%s, %s)", [key_hash, now]).fetchone()


def list_keys(tx: Transaction) -> list[ApiKey]:
    """All keys that the transaction may see, newest first."""
    with tx.cursor(row_factory=kwargs_row(_api_key)) as cursor:
        return cursor.execute(
            "SELECT k.id, p.name AS project, k.name, k.prefix, k.scopes, k.signing_secrets <> '{}' AS signed,"
            " k.created_at, k.expires_at, k.revoked_at, k.last_used_at"
            " FROM api_keys k JOIN projects p ON p.id = k.project_id ORDER BY k.id DESC"
        ).fetchall()


def find_key_name(tx: Transaction, key_id: UUID) -> str | None:
    """What a key was called when it was made, in force or not."""
    row = tx.execute("SELECT name FROM api_keys WHERE id = %s", [key_id]).fetchone()
    return row[0] if row else None


def revoke_key(tx: Transaction, *, prefix: str, now: datetime) -> list[tuple[UUID, UUID]]:
    """Revoke the key with this prefix; (project, id) of it, nothing when there is no such key in force."""
    return tx.execute(
        "UPDATE api_keys SET revoked_at = %s WHERE prefix = %s AND revoked_at IS NULL RETURNING project_id, id",
        [now, prefix],
    ).fetchall()
