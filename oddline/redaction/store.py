"""SQL of masking rules, and of the values that nothing may hold any more, as taking logs needs them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.redaction.model import OwnRule, Rules

WHOLE_PROJECT: Final = ""  # no source has such a name


def read_rules(tx: Transaction, project: UUID) -> dict[str, Rules]:
    """All rules of a project, by source."""
    rows = tx.execute(
        "SELECT source, turned_on, turned_off, own FROM masking_rules WHERE project_id = %s", [project]
    ).fetchall()
    return {source: _rules(*row) for source, *row in rows}


def read_erased(tx: Transaction, project: UUID) -> list[tuple[bytes, bool]]:
    """(secret, ignore case) of each erasure of a project."""
    return tx.execute(
        "SELECT secret, ignore_case FROM erasures WHERE project_id = %s ORDER BY id", [project]
    ).fetchall()


def seal_values(values: Sequence[str], cipher: Cipher) -> bytes:
    """Values as they are stored."""
    return cipher.encrypt(orjson.dumps(list(values)))


def open_values(secret: bytes, cipher: Cipher) -> tuple[str, ...]:
    """What `seal_values` was given."""
    return tuple(orjson.loads(cipher.decrypt(bytes(secret))))


def write_rules(tx: Transaction, project: UUID, *, source: str, rules: Rules, changed_by: str, now: datetime) -> None:
    """Put rules in the place of what was set for a source, or for the whole project."""
    tx.execute(
        "INSERT INTO masking_rules (project_id, source, turned_on, turned_off, own, changed_by, changed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (project_id, source) DO UPDATE SET"
        " turned_on = excluded.turned_on, turned_off = excluded.turned_off, own = excluded.own,"
        " changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        [
            project,
            source,
            sorted(rules.on),
            sorted(rules.off),
            Jsonb([{"name": rule.name, "expression": rule.expression} for rule in rules.own]),
            changed_by,
            now,
        ],
    )


def _rules(turned_on: Sequence[str], turned_off: Sequence[str], own: Sequence[dict[str, Any]]) -> Rules:
    return Rules(on=frozenset(turned_on), off=frozenset(turned_off), own=tuple(OwnRule(**rule) for rule in own))
