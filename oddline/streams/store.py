"""SQL of connections: what users change of them, and how polls claim them, write pages and end."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.errors import Conflict, FeedRefused, LostClaim
from oddline.streams.memory import HASH_BYTES
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


def due(tx: Transaction, *, now: datetime, limit: int, in_flight: int) -> list[tuple[UUID, UUID]]:
    """(project, id) of connections of all projects that are to be polled, the longest waiting first.

    Args:
        in_flight: polls of one project at most, with those that are under way.
    """
    return tx.execute(
        "SELECT project_id, id FROM (SELECT project_id, id, not_before,"
        " row_number() OVER (PARTITION BY project_id ORDER BY not_before, id) AS place"
        " FROM connections WHERE state <> 'paused' AND not_before <= %(now)s) AS waiting"
        " LEFT JOIN (SELECT project_id, count(*) AS polls FROM connections WHERE state <> 'paused'"
        " AND poller IS NOT NULL AND not_before > %(now)s GROUP BY project_id) AS flying USING (project_id)"
        " WHERE place + coalesce(polls, 0) <= %(in_flight)s ORDER BY not_before LIMIT %(limit)s",
        {"now": now, "limit": limit, "in_flight": in_flight},
    ).fetchall()


def due_of(tx: Transaction, project: UUID, *, now: datetime, limit: int) -> list[UUID]:
    """Connections of one project that are to be polled, the longest waiting first."""
    rows = tx.execute(
        "SELECT id FROM connections WHERE project_id = %s AND state <> 'paused' AND not_before <= %s"
        " ORDER BY not_before, id LIMIT %s",
        [project, now, limit],
    )
    return [row[0] for row in rows]


def claim(
    tx: Transaction,
    connection_id: UUID,
    *,
    project: UUID,
    poller: UUID,
    now: datetime,
    until: datetime,
    in_flight: int,
) -> Connection | None:
    """Take a connection that is due, or that an earlier attempt of the same task had; None when there is nothing to do.

    None also while so many others of the project are `in_flight`. The version that it comes with is new: whoever polled
    it before can store nothing any more.
    """
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"polls of {project}"])  # two count as one
    with tx.cursor(row_factory=kwargs_row(_connection)) as cursor:
        return cursor.execute(
            "UPDATE connections SET not_before = %(until)s, poller = %(poller)s, version = version + 1,"
            " polls = polls + 1, last_poll_at = %(now)s WHERE id = %(id)s AND project_id = %(project)s"
            " AND state <> 'paused' AND (poller = %(poller)s OR not_before <= %(now)s AND %(in_flight)s >"
            " (SELECT count(*) FROM connections AS others WHERE others.project_id = %(project)s"
            " AND others.poller IS NOT NULL AND others.not_before > %(now)s)) RETURNING " + _COLUMNS,
            {
                "id": connection_id,
                "project": project,
                "poller": poller,
                "now": now,
                "until": until,
                "in_flight": in_flight,
            },
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


def read_memory(tx: Transaction, connection_id: UUID, *, most_bytes: int) -> bytes:
    """All hashes that are remembered.

    Raises:
        FeedRefused: they are more than that.
    """
    [[size]] = tx.execute(
        "SELECT coalesce(sum(length(hashes)), 0) FROM connection_memories WHERE connection_id = %s", [connection_id]
    ).fetchall()
    if size > most_bytes:
        raise FeedRefused(
            f"more than {most_bytes // HASH_BYTES:,} entries would have to be remembered as taken: make a connection"
            " of a narrower feed, or with a shorter look_back_s"
        )
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
