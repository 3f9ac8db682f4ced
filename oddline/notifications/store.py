"""The deliveries: who was sent what, and what went wrong, one row for each outcome of each attempt.

Who and what is encrypted; in the clear stands the masked form of each recipient, for people who look at the rows.
"""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from oddline.database import Transaction
from oddline.encryption import Cipher


def masked(recipient: str) -> str:
    """What may be shown of an address or number: its first character, and the domain."""
    _, at, domain = recipient.rpartition("@")
    return f"{recipient[:1]}***{at}{domain if at else ''}"


def sent_to(tx: Transaction, *, task: UUID, channel: str, cipher: Cipher) -> set[str]:
    """Whom `task` has reached by `channel` so far.

    Raises:
        Undecipherable: a key that some of it was encrypted with is not set any more.
    """
    rows = tx.execute(
        "SELECT recipients, sealed FROM deliveries WHERE task_id = %s AND channel = %s AND state = 'sent'",
        [task, channel],
    ).fetchall()
    return {
        recipient
        for recipients, sealed in rows
        for recipient in (recipients if sealed is None else _opened(sealed, cipher)["recipients"])
    }


def record(
    tx: Transaction,
    *,
    project: UUID | None,
    task: UUID,
    channel: str,
    recipients: Collection[str],
    state: Literal["sent", "failed"],
    detail: str,
    cipher: Cipher,
    at: datetime,
) -> None:
    """Note one outcome for some recipients."""
    tx.execute(
        "INSERT INTO deliveries (id, project_id, task_id, channel, recipients, state, detail, sealed, created_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, '', %s, %s)",
        [project, task, channel, [*map(masked, recipients)], state, _sealed(recipients, detail, cipher), at],
    )


def renew_deliveries(tx: Transaction, *, after: UUID, limit: int, cipher: Cipher) -> tuple[UUID | None, int]:
    """Encrypt up to `limit` deliveries behind the id `after` anew that the newest key did not make, or nobody did.

    Returns the last id that it looked at, None at the end, and how many it changed.
    """
    rows = tx.execute(
        "SELECT id, recipients, detail, sealed FROM deliveries WHERE id > %s ORDER BY id LIMIT %s FOR UPDATE",
        [after, limit],
    ).fetchall()
    changed = 0
    for identifier, recipients, detail, sealed in rows:
        shown = recipients
        if sealed is None:
            token, shown = _sealed(recipients, detail, cipher), [*map(masked, recipients)]
        elif not cipher.is_newest(sealed.encode()):
            token = cipher.renew(sealed.encode()).decode()
        else:
            continue
        changed += tx.execute(
            "UPDATE deliveries SET sealed = %s, recipients = %s, detail = '' WHERE id = %s",
            [token, shown, identifier],
        ).rowcount
    return (rows[-1][0] if rows else None), changed


def _sealed(recipients: Collection[str], detail: str, cipher: Cipher) -> str:
    return cipher.encrypt(json.dumps({"recipients": list(recipients), "detail": detail}).encode()).decode()


def _opened(sealed: str, cipher: Cipher) -> Any:
    return json.loads(cipher.decrypt(sealed.encode()))
