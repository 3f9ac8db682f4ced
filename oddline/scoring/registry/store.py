"""SQL of the registry of models, of the choice among them, and of the choice's history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.scoring.registry.model import Action, Change, Choice, State, StoredModel

_COLUMNS: Final = "version, config_sha256, default_threshold, bytes, metrics, state, error, added_by, added_at"


def reserve(
    tx: Transaction,
    *,
    version: str,
    config_sha256: str,
    default_threshold: float,
    size: int,
    metrics: Mapping[str, Any],
    added_by: str,
    now: datetime,
) -> None:
    """Take a version for a model whose files are about to be stored, unless one has it; one half added gives way."""
    tx.execute(
        f"INSERT INTO models ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, 'adding', NULL, %s, %s)"
        " ON CONFLICT (version) DO UPDATE SET config_sha256 = excluded.config_sha256,"
        " default_threshold = excluded.default_threshold, bytes = excluded.bytes, metrics = excluded.metrics,"
        " added_by = excluded.added_by, added_at = excluded.added_at WHERE models.state = 'adding'",
        [version, config_sha256, default_threshold, size, Jsonb(metrics), added_by, now],
    )


def set_state(tx: Transaction, version: str, *, config_sha256: str, state: State, error: str | None) -> bool:
    """Note how a model is; False when the version is not this model's."""
    return (
        tx.execute(
            "UPDATE models SET state = %s, error = %s WHERE version = %s AND config_sha256 = %s",
            [state, error, version, config_sha256],
        ).rowcount
        == 1
    )


def find(tx: Transaction, version: str) -> StoredModel | None:
    """A model by its version."""
    with tx.cursor(row_factory=class_row(StoredModel)) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM models WHERE version = %s", [version]).fetchone()


def list_all(tx: Transaction) -> list[StoredModel]:
    """Every model, the newest first."""
    with tx.cursor(row_factory=class_row(StoredModel)) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM models ORDER BY added_at DESC, version").fetchall()


def read_choice(tx: Transaction, *, lock: bool = False) -> Choice:
    """The choice; with `lock` nobody else changes it until the transaction ends."""
    with tx.cursor(row_factory=class_row(Choice)) as cursor:
        [choice] = cursor.execute(
            "SELECT live, shadow, shadow_since FROM model_choice" + (" FOR UPDATE" if lock else "")
        ).fetchall()
    return choice


def write_choice(tx: Transaction, choice: Choice) -> None:
    """Set the choice."""
    tx.execute(
        "UPDATE model_choice SET live = %s, shadow = %s, shadow_since = %s",
        [choice.live, choice.shadow, choice.shadow_since],
    )


def add_change(
    tx: Transaction, action: Action, *, before: str | None, after: str | None, changed_by: str, now: datetime
) -> None:
    """Add to the history."""
    tx.execute(
        "INSERT INTO model_history (action, before, after, changed_by, changed_at) VALUES (%s, %s, %s, %s, %s)",
        [action, before, after, changed_by, now],
    )


def undo_promotion(tx: Transaction) -> Change | None:
    """Mark the last promotion that was not rolled back as such; None when there is none."""
    with tx.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            "UPDATE model_history SET undone = true WHERE id = (SELECT id FROM model_history"
            " WHERE action = 'promote' AND NOT undone ORDER BY id DESC LIMIT 1)"
            " RETURNING action, before, after, undone, changed_by, changed_at"
        ).fetchone()


def list_changes(tx: Transaction, *, limit: int) -> list[Change]:
    """The newest changes, newest first."""
    with tx.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            "SELECT action, before, after, undone, changed_by, changed_at FROM model_history ORDER BY id DESC LIMIT %s",
            [limit],
        ).fetchall()
