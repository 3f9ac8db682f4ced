"""SQL of the keys by which requests are known again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that came before, and what it was answered."""

    body_hash: bytes
    submission: UUID | None
    answer: Any
    created_at: datetime


def set_caller(tx: Transaction, caller: str, *, key_wait: str) -> None:
    """Have the transaction see the keys of one caller, and wait only so long for one that another is writing."""
    tx.execute(
        "SELECT set_config('oddline.caller', %s, true), set_config('lock_timeout', %s, true)", [caller, key_wait]
    )


def wait_as_usual(tx: Transaction) -> None:
    """Have what follows in the transaction wait for locks as it does without a key."""
    tx.execute("SELECT set_config('lock_timeout', '0', true)")


def insert_key(
    tx: Transaction,
    key: str,
    *,
    project: UUID,
    caller: str,
    body_hash: bytes,
    submission: UUID | None,
    answer: Any,
    now: datetime,
) -> bool:
    """Remember a request's key; False when it is there already. Waits for a request that is writing the same key."""
    return (
        tx.execute(
            "INSERT INTO idempotency_keys (project_id, caller, key, body_hash, submission_id, answer, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [project, caller, key, body_hash, submission, Jsonb(answer), now],
        ).rowcount
        == 1
    )


def find_key(tx: Transaction, key: str, *, project: UUID, caller: str) -> Kept | None:
    """A remembered request."""
    with tx.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(
            "SELECT body_hash, submission_id AS submission, answer, created_at FROM idempotency_keys"
            " WHERE project_id = %s AND caller = %s AND key = %s",
            [project, caller, key],
        ).fetchone()


def write_answer(tx: Transaction, key: str, *, project: UUID, caller: str, answer: Any) -> None:
    """Keep what a request was answered whose key this transaction has remembered."""
    tx.execute(
        "UPDATE idempotency_keys SET answer = %s WHERE project_id = %s AND caller = %s AND key = %s",
        [Jsonb(answer), project, caller, key],
    )


def delete_key(tx: Transaction, key: str, *, project: UUID, caller: str) -> None:
    """Forget a request's key."""
    tx.execute(
        "DELETE FROM idempotency_keys WHERE project_id = %s AND caller = %s AND key = %s", [project, caller, key]
    )


def delete_keys(tx: Transaction, *, before: datetime) -> int:
    """Forget requests older than this; returns how many."""
    return tx.execute("DELETE FROM idempotency_keys WHERE created_at < %s", [before]).rowcount
