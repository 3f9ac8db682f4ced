"""The SQL that brings credentials of connections under the newest key."""

from uuid import UUID

from oddline.database import Transaction
from oddline.encryption import Cipher


def renew_connections(tx: Transaction, *, after: UUID, limit: int, cipher: Cipher) -> tuple[UUID | None, int]:
    """Encrypt credentials of up to `limit` connections behind the id `after` anew; as `oddline.tasks.renew_tasks`."""
    rows = tx.execute(
        "SELECT id, credentials FROM connections WHERE id > %s AND credentials IS NOT NULL"
        " ORDER BY id LIMIT %s FOR UPDATE",
        [after, limit],
    ).fetchall()
    changed = 0
    for identifier, sealed in rows:
        if not cipher.is_newest(sealed.encode()):
            renewed = cipher.renew(sealed.encode()).decode()
            tx.execute("UPDATE connections SET credentials = %s WHERE id = %s", [renewed, identifier])
            changed += 1
    return (rows[-1][0] if rows else None), changed
