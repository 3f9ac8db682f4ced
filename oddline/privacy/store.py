"""SQL of erasures."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.privacy.model import Erasure

_NAMES: Final = {"project": "project_id", "task": "task_id"}
_COLUMNS: Final = ", ".join(
    f"{_NAMES[one.name]} AS {one.name}" if one.name in _NAMES else one.name for one in fields(Erasure)
)


def insert(tx: Transaction, erasure: Erasure) -> bool:
    """Write an erasure; False when it is there already."""
    return (
        tx.execute(
            "INSERT INTO erasures (project_id, id, secret, ignore_case, reason, requested_by, requested_at, task_id)"
            " VALUES (%s, %s, %b, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                erasure.project,
                erasure.id,
                erasure.secret,
                erasure.ignore_case,
                erasure.reason,
                erasure.requested_by,
                erasure.requested_at,
                erasure.task,
            ],
        ).rowcount
        == 1
    )


def find(tx: Transaction, project: UUID, *, erasure: UUID) -> Erasure | None:
    """An erasure by its id."""
    with tx.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM erasures WHERE project_id = %s AND id = %s", [project, erasure]
        ).fetchone()


def newest(tx: Transaction, project: UUID, *, before: UUID | None, limit: int) -> list[Erasure]:
    """Erasures, newest first, from behind an id."""
    with tx.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM erasures WHERE project_id = %(project)s"
            f" {'' if before is None else 'AND id < %(before)s'} ORDER BY id DESC LIMIT %(limit)s",
            {"project": project, "before": before, "limit": limit},
        ).fetchall()


def all_behind(tx: Transaction, *, after: UUID, limit: int) -> list[Erasure]:
    """Erasures of all projects, from behind an id; nobody else changes them before the transaction ends."""
    with tx.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM erasures WHERE id > %s ORDER BY id LIMIT %s FOR UPDATE", [after, limit]
        ).fetchall()


def write_secret(tx: Transaction, erasure: Erasure) -> None:
    """Keep the same values encrypted by another key."""
    tx.execute(
        "UPDATE erasures SET secret = %b WHERE project_id = %s AND id = %s",
        [erasure.secret, erasure.project, erasure.id],
    )


def begin_pass(tx: Transaction, erasure: Erasure, *, now: datetime) -> None:
    """Note that another pass begins."""
    tx.execute(
        "UPDATE erasures SET state = 'erasing', passes = passes + 1, pass_began_at = %s, place = 0, after = NULL,"
        " found_in_pass = 0, looked = '{}' WHERE project_id = %s AND id = %s",
        [now, erasure.project, erasure.id],
    )


def note_step(
    tx: Transaction,
    erasure: Erasure,
    *,
    place: str,
    found: int,
    looked: int,
    goes_on: tuple[int, UUID | None],
    now: datetime,
) -> None:
    """Note what a step came to, and the place and the id behind which the next one goes on."""
    tx.execute(
        "UPDATE erasures SET place = %(next)s, after = %(after)s, looked = looked || jsonb_build_object("
        " %(place)s::text, coalesce((looked ->> %(place)s)::int, 0) + %(looked)s),"
        " found = found || jsonb_build_object(%(place)s::text, coalesce((found ->> %(place)s)::int, 0) + %(found)s),"
        " found_in_pass = found_in_pass + %(found)s,"
        " last_found_at = CASE WHEN %(found)s > 0 THEN %(now)s ELSE last_found_at END"
        " WHERE project_id = %(project)s AND id = %(id)s",
        {
            "place": place,
            "found": found,
            "looked": looked,
            "next": goes_on[0],
            "after": goes_on[1],
            "now": now,
            "project": erasure.project,
            "id": erasure.id,
        },
    )


def finish(tx: Transaction, erasure: Erasure, *, proof: dict[str, Any]) -> None:
    """Note what proves it."""
    tx.execute(
        "UPDATE erasures SET state = 'erased', proof = %s WHERE project_id = %s AND id = %s",
        [Jsonb(proof), erasure.project, erasure.id],
    )


def again(tx: Transaction, erasure: Erasure, *, task: UUID) -> None:
    """Put an erasure back to its beginning, as another task."""
    tx.execute(
        "UPDATE erasures SET state = 'listed', passes = 0, pass_began_at = NULL, found_in_pass = 0, found = '{}',"
        " last_found_at = NULL, proof = NULL, task_id = %s WHERE project_id = %s AND id = %s",
        [task, erasure.project, erasure.id],
    )
