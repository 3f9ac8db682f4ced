"""SQL of the objects that polls have found and that are still to be read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import kwargs_row

from oddline.database import Transaction
from oddline.errors import LostClaim
from oddline.ids import new_id
from oddline.streams.model import Connection, FoundObject

_COLUMNS: Final = "key, etag, size, modified_at, id, position, version, failures"


def insert(tx: Transaction, connection: Connection, objects: Sequence[FoundObject], *, now: datetime) -> None:
    """Keep what a poll has found."""
    tx.execute(
        "INSERT INTO connection_objects (id, connection_id, project_id, key, etag, size, modified_at, not_before)"
        " SELECT found.id, %s, %s, found.key, found.etag, found.size, found.modified_at, %s FROM"
        " unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[])"
        " AS found (id, key, etag, size, modified_at)",
        [
            connection.id,
            connection.project,
            now,
            [new_id() for _ in objects],
            [one.key for one in objects],
            [one.etag for one in objects],
            [one.size for one in objects],
            [one.modified_at for one in objects],
        ],
    )


def claim(tx: Transaction, connection_id: UUID, *, reader: UUID, now: datetime, until: datetime) -> FoundObject | None:
    """Take the oldest object of a connection that nobody reads; None when there is none, or the connection is paused.

    Its version is new: whoever read it before can store nothing any more.
    """
    return _one(
        tx,
        "UPDATE connection_objects SET not_before = %(until)s, reader = %(reader)s, version = version + 1"
        " WHERE id = (SELECT id FROM connection_objects WHERE connection_id = %(connection)s"
        " AND (not_before <= %(now)s OR reader = %(reader)s)"
        " AND EXISTS (SELECT 1 FROM connections WHERE id = %(connection)s AND state <> 'paused')"
        " ORDER BY modified_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
        f" RETURNING {_COLUMNS}",
        {"connection": connection_id, "reader": reader, "now": now, "until": until},
    )


def advance(tx: Transaction, found: FoundObject, connection: Connection, *, version: int, position: int) -> None:
    """Write how far an object is stored.

    Raises:
        LostClaim: somebody else reads it, or the connection is gone.
    """
    before = tx.execute(
        "UPDATE connection_objects SET version = version + 1, position = %s WHERE id = %s AND version = %s",
        [position, found.id, version],
    )
    if before.rowcount != 1:
        raise LostClaim(f"object {found.id} of connection {connection.id} is read by another")


def count_entries(tx: Transaction, connection: Connection, entries: int, *, refused: int, now: datetime) -> None:
    """Add to what a connection has brought; the last statement of a transaction, since a poll may write it, too."""
    tx.execute(
        "UPDATE connections SET entries = entries + %(entries)s, refused = refused + %(refused)s,"
        " last_entry_at = CASE WHEN %(entries)s > 0 THEN %(now)s ELSE last_entry_at END WHERE id = %(id)s",
        {"entries": entries, "refused": refused, "now": now, "id": connection.id},
    )


def delete(tx: Transaction, found: FoundObject, *, version: int) -> bool:
    """Let go of an object that was read to its end; False when somebody else reads it."""
    return (
        tx.execute("DELETE FROM connection_objects WHERE id = %s AND version = %s", [found.id, version]).rowcount == 1
    )


def put_off(tx: Transaction, found: FoundObject, *, version: int, not_before: datetime, error: str) -> bool:
    """Have an object that could not be read wait; False when somebody else reads it."""
    return (
        tx.execute(
            "UPDATE connection_objects SET not_before = %s, reader = NULL, failures = failures + 1, last_error = %s"
            " WHERE id = %s AND version = %s",
            [not_before, error, found.id, version],
        ).rowcount
        == 1
    )


def put_off_all(tx: Transaction, connection_id: UUID, *, until: datetime, error: str) -> None:
    """Have all objects of a connection wait that nobody reads."""
    tx.execute(
        "UPDATE connection_objects SET not_before = greatest(not_before, %s), last_error = %s"
        " WHERE connection_id = %s AND reader IS NULL",
        [until, error, connection_id],
    )


def release(tx: Transaction, found: FoundObject, *, version: int, now: datetime) -> None:
    """Leave the rest of an object to whoever comes next."""
    tx.execute(
        "UPDATE connection_objects SET not_before = %s, reader = NULL WHERE id = %s AND version = %s",
        [now, found.id, version],
    )


def is_waiting(tx: Transaction, connection_id: UUID, *, now: datetime) -> bool:
    """Whether an object of a connection could be read now."""
    row = tx.execute(
        "SELECT EXISTS (SELECT 1 FROM connection_objects WHERE connection_id = %s AND not_before <= %s)",
        [connection_id, now],
    ).fetchone()
    return bool(row and row[0])


def waiting(tx: Transaction, connection_id: UUID) -> tuple[int, str | None]:
    """How many objects of a connection are still to be read, and why one of them could not be."""
    row = tx.execute(
        "SELECT count(*), max(last_error) FROM connection_objects WHERE connection_id = %s", [connection_id]
    ).fetchone()
    return (row[0], row[1]) if row else (0, None)


def _one(tx: Transaction, statement: str, values: dict[str, Any]) -> FoundObject | None:
    with tx.cursor(row_factory=kwargs_row(FoundObject)) as cursor:
        return cursor.execute(statement, values).fetchone()
