"""SQL of erasures."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.errors import LostClaim
from oddline.privacy.model import Erasure

_NAMES: Final = {"project": "project_id", "task": "task_id"}
_COLUMNS: Final = ", ".join(
    f"{_NAMES[one.name]} AS {one.name}" if one.name in _NAMES else one.name for one in fields(Erasure)
)


def insert(tx: Transaction, erasure: Erasure) -> bool:
    """Write an erasure; False when it is there already."""
    return (
        tx.execute(
            "INSERT INTO erasures (project_id, id, secret, ignore_case, reason, requested_by, requested_at, task_id,"
            " whole_installation) VALUES (%s, %s, %b, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                erasure.project,
                erasure.id,
                erasure.secret,
                erasure.ignore_case,
                erasure.reason,
                erasure.requested_by,
                erasure.requested_at,
                erasure.task,
                erasure.whole_installation,
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


def take(tx: Transaction, project: UUID, *, erasure: UUID, task: UUID | None, now: datetime) -> Erasure | None:
    """Become the one who works on an erasure; None when another task is to, or there is no such erasure.

    Where a step was begun and not noted, it may have found something: so this pass was not in vain, and not the last.
    """
    with tx.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute(
            "UPDATE erasures SET run = run + 1, in_step = false,"
            " found_in_pass = found_in_pass + in_step::int,"
            " last_found_at = CASE WHEN in_step THEN %(now)s ELSE last_found_at END"
            f" WHERE project_id = %(project)s AND id = %(id)s AND task_id = %(task)s RETURNING {_COLUMNS}",
            {"project": project, "id": erasure, "task": task, "now": now},
        ).fetchone()


def begin_pass(tx: Transaction, erasure: Erasure, *, now: datetime) -> Erasure:
    """Note that another pass begins; behind one that has failed, the first of a new series.

    Raises:
        LostClaim: another run works on the erasure.
    """
    return _change(
        tx,
        erasure,
        "state = 'erasing', passes = CASE state WHEN 'failed' THEN 1 ELSE passes + 1 END, pass_began_at = %(now)s,"
        " place = 0, after = NULL, found_in_pass = 0, looked = '{}'",
        now=now,
    )


def begin_step(tx: Transaction, erasure: Erasure) -> Erasure:
    """Note that a step begins, before it changes anything.

    Raises:
        LostClaim: as `begin_pass`.
    """
    return _change(tx, erasure, "in_step = true")


def note_step(
    tx: Transaction,
    erasure: Erasure,
    *,
    place: str,
    found: int,
    looked: int,
    goes_on: tuple[int, str | None],
    now: datetime,
) -> Erasure:
    """Note what a step came to, and the place and what the next one goes on behind there.

    Raises:
        LostClaim: as `begin_pass`.
    """
    return _change(
        tx,
        erasure,
        "place = %(next)s, after = %(after)s, in_step = false, looked = looked || jsonb_build_object("
        " %(place)s::text, coalesce((looked ->> %(place)s)::int, 0) + %(looked)s),"
        " found = found || jsonb_build_object(%(place)s::text, coalesce((found ->> %(place)s)::int, 0) + %(found)s),"
        " found_in_pass = found_in_pass + %(found)s,"
        " last_found_at = CASE WHEN %(found)s > 0 THEN %(now)s ELSE last_found_at END",
        place=place,
        found=found,
        looked=looked,
        next=goes_on[0],
        after=goes_on[1],
        now=now,
    )


def finish(tx: Transaction, erasure: Erasure, *, proof: dict[str, Any]) -> Erasure:
    """Note what proves it.

    Raises:
        LostClaim: as `begin_pass`.
    """
    return _change(tx, erasure, "state = 'erased', proof = %(proof)s", proof=Jsonb(proof))


def fail(tx: Transaction, project: UUID, *, erasure: UUID, task: UUID) -> None:
    """Note that an erasure has failed for good, unless another task works on it by now."""
    tx.execute(
        "UPDATE erasures SET state = 'failed' WHERE project_id = %s AND id = %s AND task_id = %s AND proof IS NULL",
        [project, erasure, task],
    )


def again(tx: Transaction, erasure: Erasure, *, task: UUID) -> None:
    """Put an erasure back to its beginning, as another task; who works on it now can note nothing more."""
    tx.execute(
        "UPDATE erasures SET state = 'listed', run = run + 1, in_step = false, passes = 0, pass_began_at = NULL,"
        " place = 0, after = NULL, looked = '{}', found_in_pass = 0, found = '{}', last_found_at = NULL, proof = NULL,"
        " task_id = %s"
        " WHERE project_id = %s AND id = %s",
        [task, erasure.project, erasure.id],
    )


def _change(tx: Transaction, erasure: Erasure, changes: str, **given: Any) -> Erasure:
    """Change an erasure that this run works on."""
    with tx.cursor(row_factory=class_row(Erasure)) as cursor:
        changed = cursor.execute(
            f"UPDATE erasures SET {changes} WHERE project_id = %(project)s AND id = %(id)s AND run = %(run)s"
            f" RETURNING {_COLUMNS}",
            {**given, "project": erasure.project, "id": erasure.id, "run": erasure.run},
        ).fetchone()
    if changed is None:
        raise LostClaim("another run works on this erasure now")
    return changed
