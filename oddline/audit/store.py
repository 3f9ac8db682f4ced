"""SQL of the audit trail, of its chains and of the keys of the persons in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row

from oddline.audit.model import Chain, Query, Row
from oddline.database import Transaction

_ROW: Final = "id, project_id AS project, at, actor, action, subject, details, person_key, personal, number, hash"
_CHAIN: Final = "project_id AS project, number, hash, head_number, enriched_number, cut_number, cut_hash"


def insert(tx: Transaction, row: Row) -> None:
    """Write a row, which waits to be sealed."""
    tx.execute(
        "INSERT INTO audit_actions (id, project_id, at, era, actor, action, subject, details, person_key, personal)"
        " VALUES (%s, %s, %s, (SELECT era FROM instance), %s, %s, %s, %s, %s, %s)",
        [
            row.id,
            row.project,
            row.at,
            row.actor,
            row.action,
            row.subject,
            row.details,
            row.person_key,
            row.personal,
        ],
    )


def list_rows(tx: Transaction, project: UUID, query: Query, *, limit: int) -> list[Row]:
    """Rows of a project, the newest first."""
    conditions = ["project_id = %(project)s"]
    if query.actor is not None:
        conditions.append("actor = %(actor)s")
    if query.actions:
        conditions.append("action = ANY (%(actions)s)")
    if query.subject is not None:
        conditions.append("subject = ANY (%(subjects)s)")
    if query.time_from is not None:
        conditions.append("at >= %(time_from)s")
    if query.time_to is not None:
        conditions.append("at < %(time_to)s")
    if query.after is not None:
        conditions.append(
            "(at, id) < (SELECT at, id FROM audit_actions WHERE project_id = %(project)s AND id = %(after)s)"
        )
    asked = {
        "project": project,
        "actor": query.actor,
        "actions": list(query.actions),
        "subjects": query.subjects(project),
        "time_from": query.time_from,
        "time_to": query.time_to,
        "after": query.after,
        "limit": limit,
    }
    with tx.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"SELECT {_ROW} FROM audit_actions WHERE {' AND '.join(conditions)}"
            " ORDER BY at DESC, id DESC LIMIT %(limit)s",
            asked,
        ).fetchall()


def list_sealed(tx: Transaction, project: UUID, *, after: int, limit: int) -> list[Row]:
    """Sealed rows from behind a number, in the chain's order."""
    with tx.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"SELECT {_ROW} FROM audit_actions WHERE project_id = %s AND number > %s ORDER BY number, id LIMIT %s",
            [project, after, limit],
        ).fetchall()


def list_sealable(tx: Transaction, project: UUID, *, limit: int) -> list[Row]:
    """Rows that wait and that no transaction in progress can come before, in the order of their transactions."""
    with tx.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"SELECT {_ROW} FROM audit_actions WHERE project_id = %s AND number IS NULL"
            # An era ended with a restore: nothing of it is in progress, however high its transaction ids were.
            " AND (era < (SELECT era FROM instance) OR xid < pg_snapshot_xmin(pg_current_snapshot()))"
            " ORDER BY era, xid, id LIMIT %s",
            [project, limit],
        ).fetchall()


def count_unsealed(tx: Transaction, project: UUID) -> int:
    """How many rows of a project wait to be sealed."""
    row = tx.execute(
        "SELECT count(*) FROM audit_actions WHERE project_id = %s AND number IS NULL", [project]
    ).fetchone()
    return int(row[0]) if row else 0


def list_projects(tx: Transaction, *, unsealed: bool) -> list[UUID]:
    """The projects that have rows which wait, or (else) any row or chain at all."""
    waiting = "SELECT DISTINCT project_id FROM audit_actions WHERE number IS NULL"
    every = f"SELECT project_id FROM audit_chains UNION {waiting}"
    return [row[0] for row in tx.execute(f"{waiting if unsealed else every} ORDER BY project_id").fetchall()]


def seal(tx: Transaction, project: UUID, *, after: int, ids: Sequence[UUID], hashes: Sequence[bytes]) -> bool:
    """Give rows the numbers behind `after`; False where the chain does not end there any more."""
    row = tx.execute("SELECT seal_actions(%s, %s, %s, %s)", [project, after, list(ids), list(hashes)]).fetchone()
    return bool(row and row[0])


def cut(tx: Transaction, project: UUID, *, after: int, through: int, through_hash: bytes) -> int:
    """Delete the rows up to `through`; returns how many went, 0 where somebody else cut meanwhile."""
    row = tx.execute("SELECT cut_actions(%s, %s, %s, %s)", [project, after, through, through_hash]).fetchone()
    return int(row[0]) if row else 0


def find_chain(tx: Transaction, project: UUID) -> Chain:
    """A project's chain; that of one in which nothing was sealed yet is empty."""
    with tx.cursor(row_factory=class_row(Chain)) as cursor:
        found = cursor.execute(f"SELECT {_CHAIN} FROM audit_chains WHERE project_id = %s", [project]).fetchone()
    return found or Chain(project=project)


def chains_without_head(tx: Transaction) -> list[Chain]:
    """The chains whose head is not in the object store yet."""
    with tx.cursor(row_factory=class_row(Chain)) as cursor:
        return cursor.execute(f"SELECT {_CHAIN} FROM audit_chains WHERE head_number < number").fetchall()


def chains_with_old(tx: Transaction, *, before: datetime) -> list[Chain]:
    """The chains whose first row is of before a moment."""
    columns = ", ".join(f"c.{column}" for column in _CHAIN.split(", "))
    with tx.cursor(row_factory=class_row(Chain)) as cursor:
        return cursor.execute(
            f"SELECT {columns} FROM audit_chains c JOIN audit_actions a"
            " ON a.project_id = c.project_id AND a.number = c.cut_number + 1 WHERE a.at < %s",
            [before],
        ).fetchall()


def note_head(tx: Transaction, project: UUID, *, number: int) -> None:
    """Note that the head of this number is in the object store."""
    tx.execute(
        "UPDATE audit_chains SET head_number = %s WHERE project_id = %s AND head_number < %s", [number, project, number]
    )


# What process_user_action finds out


def chains_to_enrich(tx: Transaction) -> list[Chain]:
    """The chains that go on behind their last enriched row."""
    with tx.cursor(row_factory=class_row(Chain)) as cursor:
        return cursor.execute(f"SELECT {_CHAIN} FROM audit_chains WHERE enriched_number < number").fetchall()


def insert_enrichment(tx: Transaction, row: Row, *, personal: bytes | None, error: str | None, now: datetime) -> None:
    """Keep what was found out about a row, or why nothing was."""
    tx.execute(
        "INSERT INTO audit_enrichments (action_id, project_id, personal, error, at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [row.id, row.project, personal, error, now],
    )


def note_enriched(tx: Transaction, project: UUID, *, after: int, through: int) -> bool:
    """Note that rows were enriched up to a number; False where somebody else did it."""
    return (
        tx.execute(
            "UPDATE audit_chains SET enriched_number = %s WHERE project_id = %s AND enriched_number = %s",
            [through, project, after],
        ).rowcount
        == 1
    )


def read_enrichments(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """What was found out about rows, encrypted, by their ids."""
    rows: list[Any] = tx.execute(
        "SELECT action_id, personal FROM audit_enrichments WHERE action_id = ANY (%s) AND personal IS NOT NULL",
        [list(ids)],
    ).fetchall()
    return dict(rows)


# Keys of persons


def find_key(tx: Transaction, project: UUID, *, person: str) -> tuple[UUID, bytes] | None:
    """(id, wrapped key) of the key in force of a person."""
    return tx.execute(
        "SELECT id, wrapped_key FROM person_keys WHERE project_id = %s AND person = %s AND forgotten_at IS NULL",
        [project, person],
    ).fetchone()


def insert_key(tx: Transaction, project: UUID, *, person: str, key_id: UUID, wrapped_key: bytes, now: datetime) -> None:
    """Write a person's key, unless one is in force."""
    tx.execute(
        "INSERT INTO person_keys (id, project_id, person, wrapped_key, made_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (project_id, person) WHERE forgotten_at IS NULL DO NOTHING",
        [key_id, project, person, wrapped_key, now],
    )


def read_keys(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """The wrapped keys that are not destroyed, by their ids."""
    rows: list[Any] = tx.execute(
        "SELECT id, wrapped_key FROM person_keys WHERE id = ANY (%s) AND wrapped_key IS NOT NULL", [list(ids)]
    ).fetchall()
    return dict(rows)


def list_keys(tx: Transaction, *, after: UUID, limit: int) -> list[tuple[UUID, bytes]]:
    """(id, wrapped key) of the keys that are not destroyed, from behind an id; nobody changes them meanwhile."""
    return tx.execute(
        "SELECT id, wrapped_key FROM person_keys WHERE id > %s AND wrapped_key IS NOT NULL"
        " ORDER BY id LIMIT %s FOR UPDATE",
        [after, limit],
    ).fetchall()


def rewrap_key(tx: Transaction, key_id: UUID, *, wrapped_key: bytes) -> None:
    """Keep a person's key under another of ours."""
    tx.execute("UPDATE person_keys SET wrapped_key = %s WHERE id = %s", [wrapped_key, key_id])


def destroy_keys(tx: Transaction, *, person: str, project: UUID | None, now: datetime) -> list[UUID]:
    """Destroy a person's keys, in all projects where none is named; returns the projects."""
    rows = tx.execute(
        "UPDATE person_keys SET wrapped_key = NULL, forgotten_at = %(now)s WHERE person = %(person)s"
        " AND forgotten_at IS NULL AND (%(project)s::uuid IS NULL OR project_id = %(project)s) RETURNING project_id",
        {"now": now, "person": person, "project": project},
    ).fetchall()
    return [row[0] for row in rows]


def list_personal(tx: Transaction, project: UUID) -> list[tuple[str, UUID, bytes]]:
    """(person, id of the key, what it encrypts) of a project's trail, where the key is not destroyed."""
    return tx.execute(
        "SELECT k.person, k.id, told.personal FROM person_keys k JOIN (SELECT person_key, personal FROM audit_actions"
        " WHERE project_id = %(project)s UNION ALL SELECT a.person_key, e.personal FROM audit_enrichments e"
        " JOIN audit_actions a ON a.id = e.action_id WHERE e.project_id = %(project)s AND e.personal IS NOT NULL"
        ") AS told ON told.person_key = k.id WHERE k.wrapped_key IS NOT NULL",
        {"project": project},
    ).fetchall()
