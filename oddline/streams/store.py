"""SQL of connections: what users change of them, and how polls claim them, write pages and end."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.errors import Conflict, LostClaim
from oddline.streams.model import Connection, ConnectionState, Page

_COLUMNS: Final = ", ".join(
    "project_id AS project" if field.name == "project" else field.name for field in fields(Connection)
)


def _connection(**columns: Any) -> Connection:
    return Connection(**columns | {"state": ConnectionState(columns["state"])})


def insert(tx: Transaction, connection: Connection, *, credentials: str | None) -> None:
    """Write a new connection.

    Raises:
        Conflict: the project has one of that name.
    """
    try:
        tx.execute(
            "INSERT INTO connections (id, project_id, name, type, source, configuration, credentials, interval_s,"
            " since, state, not_before, created_at, changed_at) VALUES (%(id)s, %(project)s, %(name)s, %(type)s,"
            " %(source)s, %(configuration)s, %(credentials)s, %(interval_s)s, %(since)s, %(state)s, %(not_before)s,"
            " %(created_at)s, %(changed_at)s)",
            _values(connection) | {"credentials": credentials},
        )
    except UniqueViolation as error:
        raise _name_taken(connection) from error


def update(tx: Transaction, connection: Connection, *, credentials: str | None = None) -> None:
    """Write what a user changed; a poll that is under way can store nothing any more.

    Args:
        credentials: encrypted; None leaves those that it has.

    Raises:
        Conflict: the project has another one of that name.
    """
    shown = "" if credentials is None else " credentials = %(credentials)s,"  # who cannot read them cannot copy them
    try:
        tx.execute(
            "UPDATE connections SET name = %(name)s, source = %(source)s, configuration = %(configuration)s,"
            f"{shown} interval_s = %(interval_s)s, since = %(since)s,"
            " state = %(state)s, cursor = %(cursor)s, version = version + 1, not_before = %(not_before)s,"
            " failures = %(failures)s, last_error = %(last_error)s, changed_at = %(changed_at)s WHERE id = %(id)s",
            _values(connection) | {"credentials": credentials},
        )
    except UniqueViolation as error:
        raise _name_taken(connection) from error


def begin_anew(tx: Transaction, connection_id: UUID) -> None:
    """Forget what was found and taken: the connection leads elsewhere from now on."""
    tx.execute("DELETE FROM connection_memories WHERE connection_id = %s", [connection_id])
    tx.execute("DELETE FROM connection_objects WHERE connection_id = %s", [connection_id])


def delete(tx: Transaction, connection_id: UUID) -> bool:
    """Remove a connection with all that is kept of it; False when there is none."""
    return tx.execute("DELETE FROM connections WHERE id = %s", [connection_id]).rowcount == 1


def find(tx: Transaction, connection_id: UUID, *, project: UUID, lock: bool = False) -> Connection | None:
    """A connection of a project; with `lock` nobody else changes it before the transaction ends."""
    with tx.cursor(row_factory=kwargs_row(_connection)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM connections WHERE id = %s AND project_id = %s{' FOR UPDATE' if lock else ''}",
            [connection_id, project],
        ).fetchone()


def listed(tx: Transaction, *, project: UUID, after: str | None, limit: int) -> list[Connection]:
    """A project's connections by name, after one of that name."""
    with tx.cursor(row_factory=kwargs_row(_connection)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM connections WHERE project_id = %s AND (%s::text IS NULL OR name > %s)"
            " ORDER BY name LIMIT %s",
            [project, after, after, limit],
        ).fetchall()


def count(tx: Transaction, *, project: UUID) -> int:
    """How many connections a project has."""
    row = tx.execute("SELECT count(*) FROM connections WHERE project_id = %s", [project]).fetchone()
    return int(row[0]) if row else 0


def credentials_of(tx: Transaction, connection_id: UUID) -> str | None:
    """The encrypted credentials, which workers alone can read."""
    row = tx.execute("SELECT credentials FROM connections WHERE id = %s", [connection_id]).fetchone()
    return row[0] if row else None


def due(tx: Transaction, *, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(project, id) of connections of all projects that are to be polled, the longest waiting first."""
    return tx.execute(
        "SELECT project_id, id FROM connections WHERE state <> 'paused' AND not_before <= %s"
        " ORDER BY not_before LIMIT %s",
        [now, limit],
    ).fetchall()


def claim(
    tx: Transaction, connection_id: UUID, *, project: UUID, poller: UUID, now: datetime, until: datetime
) -> Connection | None:
    """Take a connection that is due, or that an earlier attempt of the same task had; None when there is nothing to do.

    The version that it comes with is new: whoever polled it before can store nothing any more.
    """
    with tx.cursor(row_factory=kwargs_row(_connection)) as cursor:
        return cursor.execute(
            "UPDATE connections SET not_before = %(until)s, poller = %(poller)s, version = version + 1,"
            " polls = polls + 1, last_poll_at = %(now)s WHERE id = %(id)s AND project_id = %(project)s"
            " AND state <> 'paused' AND (not_before <= %(now)s OR poller = %(poller)s) RETURNING " + _COLUMNS,
            {"id": connection_id, "project": project, "poller": poller, "now": now, "until": until},
        ).fetchone()


def advance(tx: Transaction, connection: Connection, page: Page, *, refused: int, version: int, now: datetime) -> None:
    """Write how far a poll has got, what it remembers and has found, and how many of the page's entries were left out.

    Raises:
        LostClaim: somebody else polls it or has changed it since this version.
    """
    advanced = tx.execute(
        "UPDATE connections SET cursor = %(cursor)s, version = version + 1, entries = entries + %(entries)s,"
        " refused = refused + %(refused)s,"
        " last_entry_at = CASE WHEN %(entries)s > 0 THEN %(now)s ELSE last_entry_at END"
        " WHERE id = %(id)s AND version = %(version)s",
        {
            "id": connection.id,
            "version": version,
            "cursor": Jsonb(dict(page.cursor)),
            "entries": len(page.entries) - refused,
            "refused": refused,
            "now": now,
        },
    )
    if advanced.rowcount != 1:
        raise LostClaim(f"connection {connection.id} was polled by another, or changed")
    if page.hashes:
        tx.execute(
            "INSERT INTO connection_memories (connection_id, project_id, version, latest, hashes)"
            " VALUES (%s, %s, %s, %s, %s)",
            [connection.id, connection.project, version, page.latest, page.hashes],
        )
    if page.forget_before is not None:
        tx.execute(
            "DELETE FROM connection_memories WHERE connection_id = %s AND latest < %s",
            [connection.id, page.forget_before],
        )


def read_memory(tx: Transaction, connection_id: UUID) -> bytes:
    """All hashes that are remembered."""
    rows = tx.execute("SELECT hashes FROM connection_memories WHERE connection_id = %s", [connection_id])
    return b"".join(row[0] for row in rows)


def end_poll(
    tx: Transaction,
    connection: Connection,
    *,
    version: int,
    not_before: datetime,
    state: ConnectionState,
    failures: int,
    error: str | None,
) -> bool:
    """Write how a poll ended; False when somebody else has it by now, or has changed it."""
    return (
        tx.execute(
            "UPDATE connections SET not_before = %s, state = %s, failures = %s, last_error = %s, poller = NULL"
            " WHERE id = %s AND version = %s",
            [not_before, str(state), failures, error, connection.id, version],
        ).rowcount
        == 1
    )


def _values(connection: Connection) -> dict[str, Any]:
    return asdict(connection) | {
        "state": str(connection.state),
        "configuration": Jsonb(dict(connection.configuration)),
        "cursor": Jsonb(dict(connection.cursor)),
    }


def _name_taken(connection: Connection) -> Conflict:
    return Conflict(f"there is a connection {connection.name!r} already", field="name")
