"""The SQL that brings sealed answers under the newest key."""

from uuid import UUID

from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.tasks import SEALED, renewed


def renew_answers(tx: Transaction, *, after: UUID, limit: int, cipher: Cipher) -> tuple[UUID | None, int]:
    """Seal the answers of the next project behind the id `after` anew; as `oddline.tasks.renew_tasks`.

    All of a project at once, whatever the `limit`: they are of one day, and of what people and scripts ask for.
    """
    del limit
    row = tx.execute(
        "SELECT project_id FROM idempotency_keys WHERE project_id > %s AND answer ? %s ORDER BY project_id LIMIT 1",
        [after, SEALED],
    ).fetchone()
    if row is None:
        return None, 0
    changed = 0
    rows = tx.execute(
        "SELECT caller, key, answer FROM idempotency_keys WHERE project_id = %s AND answer ? %s FOR UPDATE",
        [row[0], SEALED],
    ).fetchall()
    for caller, key, before in rows:
        answer = renewed(before, cipher)
        if answer != before:
            changed += tx.execute(
                "UPDATE idempotency_keys SET answer = %s WHERE project_id = %s AND caller = %s AND key = %s",
                [Jsonb(answer), row[0], caller, key],
            ).rowcount
    return row[0], changed
