"""The SQL that brings signing secrets under the newest key."""

from uuid import UUID

from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.identity.secrets import is_clear


def renew_signing_secrets(tx: Transaction, *, after: UUID, limit: int, cipher: Cipher) -> tuple[UUID | None, int]:
    """Encrypt the secrets of up to `limit` API keys behind the id `after` anew; as `oddline.tasks.renew_tasks`."""
    rows = tx.execute(
        "SELECT id, signing_secrets, retiring_secrets FROM api_keys WHERE id > %s AND is_signed"
        " ORDER BY id LIMIT %s FOR UPDATE",
        [after, limit],
    ).fetchall()
    changed = 0
    for identifier, *before in rows:
        secrets = [[_renewed(one, cipher) for one in some] for some in before]
        if secrets != before:
            tx.execute(
                "UPDATE api_keys SET signing_secrets = %s, retiring_secrets = %s WHERE id = %s", [*secrets, identifier]
            )
            changed += 1
    return (rows[-1][0] if rows else None), changed


def _renewed(stored: str, cipher: Cipher) -> str:
    if is_clear(stored):
        return cipher.encrypt(stored.encode()).decode()
    token = stored.encode()
    return stored if cipher.is_newest(token) else cipher.renew(token).decode()
