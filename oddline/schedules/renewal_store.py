"""The SQL that brings sealed payloads of schedules under the newest key."""

from collections.abc import Collection
from uuid import UUID

from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.tasks import SEALED, renewed, seal, shown


def renew_schedules(
    tx: Transaction, *, sealed_names: Collection[str], after: UUID, limit: int, cipher: Cipher
) -> tuple[UUID | None, int]:
    """Seal the payloads of up to `limit` schedules behind the id `after` anew; as `oddline.tasks.renew_tasks`."""
    rows = tx.execute(
        "SELECT id, payload FROM schedules WHERE id > %s AND (task = ANY (%s) OR payload ? %s)"
        " ORDER BY id LIMIT %s FOR UPDATE",
        [after, list(sealed_names), SEALED, limit],
    ).fetchall()
    changed = 0
    for identifier, before in rows:
        payload = renewed(before, cipher) if shown(before) == SEALED else seal(before, cipher)
        if payload != before:
            tx.execute("UPDATE schedules SET payload = %s WHERE id = %s", [Jsonb(payload), identifier])
            changed += 1
    return (rows[-1][0] if rows else None), changed
