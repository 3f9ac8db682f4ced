"""SQL of projects, API keys and members."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import kwargs_row

from oddline.database import Transaction
from oddline.identity.model import ApiKey, Member, Membership, Project, Role

# Of a project's rows, counted in days of arrival: none goes before its time and none stays a day longer.
WITHIN_RETENTION: Final = (
    "arrival_day >= (SELECT %(today)s::date - retention_days FROM projects WHERE projects.id = %(project)s)"
)
_PROJECT: Final = "id, name, created_at, retention_days, mail_recipients, mail_minimum_score, alarms_per_day"
_MEMBER: Final = "id, issuer, subject, email, role, created_at, last_seen_at"


def _project(**columns: Any) -> Project:
    return Project(**columns | {"mail_recipients": tuple(columns["mail_recipients"])})


def _api_key(**columns: Any) -> ApiKey:
    return ApiKey(**columns | {"scopes": tuple(columns["scopes"])})


def _member(**columns: Any) -> Member:
    return Member(**columns | {"role": Role(columns["role"])})


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


def list_projects(tx: Transaction) -> list[Project]:
    """All projects that the transaction may see, by their names."""
    with tx.cursor(row_factory=kwargs_row(_project)) as cursor:
        return cursor.execute(f"SELECT {_PROJECT} FROM projects ORDER BY name").fetchall()


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


def find_session_key(
    tx: Transaction, key_id: UUID, *, now: datetime
) -> tuple[UUID, UUID, list[str], datetime | None, datetime | None] | None:
    """(id, project, scopes, expires at, revoked at) of a session's key; notes its use."""
    return tx.execute("SELECT * FROM find_session_key(%s, %s)", [key_id, now]).fetchone()


def list_keys(
    tx: Transaction, *, only: UUID | None = None, before: UUID | None = None, limit: int | None = None
) -> list[ApiKey]:
    """The keys that the transaction may see, newest first."""
    with tx.cursor(row_factory=kwargs_row(_api_key)) as cursor:
        return cursor.execute(
            "SELECT k.id, p.name AS project, k.name, k.prefix, k.scopes, k.is_signed AS signed,"
            " k.retiring_until AS older_secret_until, k.created_at, k.expires_at, k.revoked_at, k.last_used_at"
            " FROM api_keys k JOIN projects p ON p.id = k.project_id"
            " WHERE (%(only)s::uuid IS NULL OR k.id = %(only)s) AND (%(before)s::uuid IS NULL OR k.id < %(before)s)"
            " ORDER BY k.id DESC LIMIT %(limit)s",
            {"only": only, "before": before, "limit": limit},
        ).fetchall()


def find_key_name(tx: Transaction, key_id: UUID, *, project: UUID) -> str | None:
    """What a project's key was called when it was made, in force or not."""
    row = tx.execute("SELECT name FROM api_keys WHERE id = %s AND project_id = %s", [key_id, project]).fetchone()
    return row[0] if row else None


def scopes_in_force(tx: Transaction, key_id: UUID, *, project: UUID, now: datetime) -> list[str]:
    """The scopes of a project's key; none of one that was revoked, has expired or is gone."""
    row = tx.execute(
        "SELECT scopes FROM api_keys WHERE id = %s AND project_id = %s AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > %s)",
        [key_id, project, now],
    ).fetchone()
    return row[0] if row else []


def find_by_prefix(tx: Transaction, prefix: str) -> list[tuple[UUID, UUID]]:
    """(id, project) of each key with this prefix that was not revoked."""
    return tx.execute(
        "SELECT id, project_id FROM api_keys WHERE prefix = %s AND revoked_at IS NULL", [prefix]
    ).fetchall()


def revoke_key(tx: Transaction, key_id: UUID, *, now: datetime) -> bool:
    """Revoke a key; False when there is no such key that was not revoked before."""
    return (
        tx.execute("UPDATE api_keys SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL", [now, key_id]).rowcount
        == 1
    )


def rotate_secret(tx: Transaction, key_id: UUID, *, secret: str, older_until: datetime, now: datetime) -> bool:
    """Give a signed key of the transaction's project a new secret; False when there is none in force by that id."""
    row = tx.execute("SELECT rotate_signing_secret(%s, %s, %s, %s)", [key_id, secret, older_until, now]).fetchone()
    return bool(row and row[0])


def forget_older_secrets(tx: Transaction, *, now: datetime) -> int:
    """Remove the secrets whose time to be changed is over; returns of how many keys."""
    return tx.execute(
        "UPDATE api_keys SET retiring_secrets = '{}', retiring_until = NULL WHERE retiring_until <= %s", [now]
    ).rowcount


def delete_ended_keys(tx: Transaction, *, before: datetime) -> int:
    """Delete keys that were revoked or expired before that time; returns how many."""
    return tx.execute("DELETE FROM api_keys WHERE least(revoked_at, expires_at) < %s", [before]).rowcount


def insert_member(tx: Transaction, member: Member, *, project: UUID) -> bool:
    """Write a member; False when the same person is one already."""
    return (
        tx.execute(
            "INSERT INTO members (id, project_id, issuer, subject, email, role, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [member.id, project, member.issuer, member.subject, member.email, str(member.role), member.created_at],
        ).rowcount
        == 1
    )


def find_memberships(
    tx: Transaction, *, issuer: str, subject: str, verified_email: str | None, now: datetime
) -> list[Membership]:
    """The projects of a person, by name; uses up invitations to their e-mail address, and notes that they came."""
    rows = tx.execute(
        "SELECT * FROM find_memberships(%s, %s, %s, %s)", [issuer, subject, verified_email, now]
    ).fetchall()
    return [Membership(project=project, name=name, role=Role(role)) for project, name, role in rows]


def list_members(tx: Transaction, *, before: UUID | None, limit: int) -> list[Member]:
    """The members of the transaction's project, newest first."""
    with tx.cursor(row_factory=kwargs_row(_member)) as cursor:
        return cursor.execute(
            f"SELECT {_MEMBER} FROM members WHERE %(before)s::uuid IS NULL OR id < %(before)s"
            " ORDER BY id DESC LIMIT %(limit)s",
            {"before": before, "limit": limit},
        ).fetchall()


def list_people(tx: Transaction, project: UUID) -> list[tuple[str, str, str | None]]:
    """(issuer, subject, e-mail address) of those members of a project who have signed in."""
    return tx.execute(
        "SELECT issuer, subject, email FROM members WHERE project_id = %s AND subject IS NOT NULL", [project]
    ).fetchall()


def list_roles(tx: Transaction, project: UUID) -> list[tuple[str, str, Role]]:
    """(issuer, subject, role) of those members of a project who have signed in."""
    rows = tx.execute(
        "SELECT issuer, subject, role FROM members WHERE project_id = %s AND subject IS NOT NULL", [project]
    ).fetchall()
    return [(issuer, subject, Role(role)) for issuer, subject, role in rows]


def update_member(tx: Transaction, member_id: UUID, *, role: Role) -> Member | None:
    """Give a member of the transaction's project another role."""
    with tx.cursor(row_factory=kwargs_row(_member)) as cursor:
        return cursor.execute(
            f"UPDATE members SET role = %s WHERE id = %s RETURNING {_MEMBER}", [str(role), member_id]
        ).fetchone()


def delete_member(tx: Transaction, member_id: UUID) -> bool:
    """Remove a member of the transaction's project; False when there is no such."""
    return tx.execute("DELETE FROM members WHERE id = %s", [member_id]).rowcount == 1
