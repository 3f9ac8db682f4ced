"""The SQL that brings sealed rows of the ledger under the newest key."""

from collections.abc import Collection
from uuid import UUID

from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.tasks.sealing import SEALED, renewed, seal, seal_text, shown


def renew_tasks(
    tx: Transaction, *, sealed_names: Collection[str], after: UUID, limit: int, cipher: Cipher
) -> tuple[UUID | None, int]:
    """Seal up to `limit` tasks behind the id `after` anew that the newest key did not seal, or nobody did.

    Args:
        sealed_names: the tasks that are sealed now; of these also what an older version left in the clear.

    Returns the last id that it looked at, None at the end, and how many it changed.

    Raises:
        Undecipherable: a key that some of it was encrypted with is not set any more.
    """
    rows = tx.execute(
        "SELECT id, payload, result, error FROM tasks WHERE id > %s AND (name = ANY (%s) OR payload ? %s)"
        " ORDER BY id LIMIT %s FOR UPDATE",
        [after, list(sealed_names), SEALED, limit],
    ).fetchall()
    changed = 0
    for identifier, *before in rows:
        payload, result, error = (renewed(value, cipher) for value in before)
        if shown(payload) != SEALED:
            payload = seal(payload, cipher)
        if result is not None and shown(result) != SEALED:
            result = seal(result, cipher)
        if error is not None and shown(error) != SEALED:
            error = seal_text(error, cipher)
        if [payload, result, error] != before:
            kept = [Jsonb(payload), None if result is None else Jsonb(result), error, identifier]
            tx.execute("UPDATE tasks SET payload = %s, result = %s, error = %s WHERE id = %s", kept)
            changed += 1
    return (rows[-1][0] if rows else None), changed
