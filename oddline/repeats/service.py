"""Know a request that came before: in the transaction of what it asks for, so that both are done or neither."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from oddline.database import Transaction
from oddline.errors import KeyReused, RequestInProgress
from oddline.repeats import store
from oddline.repeats.store import Kept

KEYS_KEPT: Final = timedelta(hours=24)
KEY_WAIT: Final = "2s"  # for another request with the same key that is being written at this moment
ANYBODY: Final = ""  # whoever of the project submits: a repeat may come with another of its keys


def remember(
    tx: Transaction,
    key: str,
    *,
    project: UUID,
    body_hash: bytes,
    answer: Any,
    now: datetime,
    caller: str = ANYBODY,
    submission: UUID | None = None,
) -> Kept | None:
    """What is known of a request by its key; None where it is new, and known from the commit on.

    Args:
        key: what the caller named it, marked with its kind.
        body_hash: SHA-256 of the request as it came.
        answer: what JSON can hold; nothing secret that is not sealed.
        caller: whose key it is; the same key of another is another request.

    Raises:
        KeyReused: the key came before with another body.
        RequestInProgress: another request with the key is being written now.
    """
    named: dict[str, Any] = {"project": project, "caller": caller}
    try:
        store.set_caller(tx, caller, key_wait=KEY_WAIT)
        while not store.insert_key(
            tx, key, **named, body_hash=body_hash, submission=submission, answer=answer, now=now
        ):
            first = store.find_key(tx, key, **named)
            if first is None:
                continue  # the request that held it was rolled back meanwhile
            if first.created_at < now - KEYS_KEPT:
                store.delete_key(tx, key, **named)
            elif first.body_hash != body_hash:
                raise KeyReused(f"the {key.partition(':')[0]} came before with another body")
            else:
                return first
    except psycopg.errors.LockNotAvailable as error:
        raise RequestInProgress("a request with the same key is being written now") from error
    if caller != ANYBODY:
        store.wait_as_usual(tx)
    return None


def keep_answer(tx: Transaction, key: str, *, project: UUID, caller: str, answer: Any) -> None:
    """Keep the answer of a request that this transaction has remembered and carried out."""
    store.write_answer(tx, key, project=project, caller=caller, answer=answer)
