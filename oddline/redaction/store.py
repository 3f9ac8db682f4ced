"""SQL of masking rules, and of the values that nothing may hold any more, as taking logs needs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.redaction.model import ErasedValues, OwnRule, ProjectRules, Rules

WHOLE_PROJECT: Final = ""  # no source has such a name


@dataclass(frozen=True, slots=True)
class StoredRules:
    """A project's rules, and its erased values as they are stored: encrypted."""

    rules: dict[str, Rules]
    erased: Sequence[tuple[bytes, bool]]


def read_rules(tx: Transaction, project: UUID) -> StoredRules:
    """All rules of a project, by source, with its erased values."""
    rows = tx.execute(
        "SELECT source, turned_on, turned_off, own FROM masking_rules WHERE project_id = %s", [project]
    ).fetchall()
    erased = tx.execute(
        "SELECT secret, ignore_case FROM erasures WHERE project_id = %s ORDER BY id", [project]
    ).fetchall()
    return StoredRules(rules={source: _rules(*row) for source, *row in rows}, erased=erased)


def opened(stored: StoredRules, *, cipher: Callable[[], Cipher]) -> ProjectRules:
    """The rules with the erased values in the clear.

    Raises:
        NotConfigured, Undecipherable: they cannot be read with the keys that are set.
    """
    sources = dict(stored.rules)
    whole = sources.pop(WHOLE_PROJECT, Rules())
    key = cipher() if stored.erased else Cipher([])
    erased = tuple(ErasedValues(open_values(secret, key), ignore_case) for secret, ignore_case in stored.erased)
    return ProjectRules(project=whole, sources=sources, erased=erased)


def seal_values(values: Sequence[str], cipher: Cipher) -> bytes:
    """Values as they are stored."""
    return cipher.encrypt(orjson.dumps(list(values)))


def open_values(secret: bytes, cipher: Cipher) -> tuple[str, ...]:
    """What `seal_values` was given."""
    return tuple(orjson.loads(cipher.decrypt(bytes(secret))))


def find_rules(tx: Transaction, project: UUID, *, source: str) -> Rules:
    """What is set for a source, or for the whole project."""
    row = tx.execute(
        "SELECT turned_on, turned_off, own FROM masking_rules WHERE project_id = %s AND source = %s", [project, source]
    ).fetchone()
    return Rules() if row is None else _rules(*row)


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
