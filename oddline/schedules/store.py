"""SQL of users' schedules and their runs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.errors import Conflict
from oddline.schedules.model import CatchUp, Outcome, Run, ScheduleState, UserSchedule

_SCHEDULE: Final = (
    "id, project_id AS project, name, task, payload, expression, timezone, starts_at, ends_at, catch_up, state,"
    " next_at, starter, actor, rights_until, created_at, changed_at, revision, synced"
)
_KEPT: Final = "state <> 'removed'"


def _schedule(**columns: Any) -> UserSchedule:
    states = {"state": ScheduleState(columns["state"]), "catch_up": CatchUp(columns["catch_up"])}
    return UserSchedule(**columns | states)


def _run(**columns: Any) -> Run:
    return Run(**columns | {"outcome": Outcome(columns["outcome"])})


def insert(tx: Transaction, schedule: UserSchedule) -> None:
    """Write a new schedule.

    Raises:
        Conflict: the project has one of that name.
    """
    try:
        tx.execute(
            "INSERT INTO schedules (id, project_id, name, task, payload, expression, timezone, starts_at, ends_at,"
            " catch_up, state, next_at, starter, actor, rights_until, created_at, changed_at)"
            " VALUES (%(id)s, %(project)s, %(name)s, %(task)s, %(payload)s, %(expression)s, %(timezone)s,"
            " %(starts_at)s, %(ends_at)s, %(catch_up)s, %(state)s,"
            " %(next_at)s, %(starter)s, %(actor)s, %(rights_until)s, %(created_at)s, %(changed_at)s)",
            _columns(schedule),
        )
    except UniqueViolation as error:
        raise _name_taken(schedule) from error


def update(tx: Transaction, schedule: UserSchedule) -> None:
    """Write what a user, or the end of its times, changed of a schedule.

    Raises:
        Conflict: the project has another one of that name.
    """
    try:
        tx.execute(
            "UPDATE schedules SET name = %(name)s, task = %(task)s, payload = %(payload)s, expression = %(expression)s,"
            " timezone = %(timezone)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s, catch_up = %(catch_up)s,"
            " state = %(state)s, next_at = %(next_at)s, starter = %(starter)s, actor = %(actor)s,"
            " rights_until = %(rights_until)s, changed_at = %(changed_at)s, revision = %(revision)s WHERE id = %(id)s",
            _columns(schedule),
        )
    except UniqueViolation as error:
        raise _name_taken(schedule) from error


def find(tx: Transaction, schedule_id: UUID) -> UserSchedule | None:
    """A schedule that was not removed."""
    return _found(tx, f"SELECT {_SCHEDULE} FROM schedules WHERE id = %s AND {_KEPT}", schedule_id)


def lock(tx: Transaction, schedule_id: UUID) -> UserSchedule | None:
    """The same, and nobody else changes or fires it before the transaction ends."""
    return _found(tx, f"SELECT {_SCHEDULE} FROM schedules WHERE id = %s AND {_KEPT} FOR UPDATE", schedule_id)


def listed(tx: Transaction, *, project: UUID, after: str | None, limit: int) -> list[UserSchedule]:
    """A project's schedules by name, after one of that name."""
    with tx.cursor(row_factory=kwargs_row(_schedule)) as cursor:
        return cursor.execute(
            f"SELECT {_SCHEDULE} FROM schedules WHERE project_id = %s AND {_KEPT} AND (%s::text IS NULL OR name > %s)"
            " ORDER BY name LIMIT %s",
            [project, after, after, limit],
        ).fetchall()


def count(tx: Transaction, *, project: UUID) -> int:
    """How many schedules a project has."""
    row = tx.execute(f"SELECT count(*) FROM schedules WHERE project_id = %s AND {_KEPT}", [project]).fetchone()
    return int(row[0]) if row else 0


def due(tx: Transaction, *, before: datetime, limit: int) -> list[UUID]:
    """The schedules of all projects whose next time has come by a moment, the longest waiting first."""
    rows = tx.execute("SELECT id FROM schedules WHERE next_at <= %s ORDER BY next_at LIMIT %s", [before, limit])
    return [row[0] for row in rows]


def everything(tx: Transaction) -> list[UserSchedule]:
    """All schedules of all projects, also those that were removed and that the timer may still hold; no payloads."""
    light = _SCHEDULE.replace("payload", "'{}'::jsonb AS payload")
    with tx.cursor(row_factory=kwargs_row(_schedule)) as cursor:
        return cursor.execute(f"SELECT {light} FROM schedules ORDER BY id").fetchall()


def mark_synced(tx: Transaction, schedule_id: UUID, *, revision: int) -> None:
    """Note that the timer holds this revision; a schedule that was removed then is gone for good, with its runs."""
    tx.execute("UPDATE schedules SET synced = %s WHERE id = %s", [revision, schedule_id])
    tx.execute("DELETE FROM schedules WHERE id = %s AND state = 'removed' AND revision = synced", [schedule_id])


def advance(tx: Transaction, schedule_id: UUID, *, next_at: datetime) -> None:
    """Note the next planned time that is to be dealt with."""
    tx.execute("UPDATE schedules SET next_at = %s WHERE id = %s", [next_at, schedule_id])


def insert_run(tx: Transaction, schedule: UserSchedule, run: Run) -> bool:
    """Write what became of a planned time; False when that is known already."""
    return (
        tx.execute(
            "INSERT INTO schedule_runs (schedule_id, project_id, planned, fired_at, outcome, count, task_id, detail)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (schedule_id, planned) DO NOTHING",
            [
                schedule.id,
                schedule.project,
                run.planned,
                run.fired_at,
                str(run.outcome),
                run.count,
                run.task_id,
                run.detail,
            ],
        ).rowcount
        == 1
    )


def end_run(tx: Transaction, schedule_id: UUID, run: Run) -> None:
    """Write what came of starting its task."""
    tx.execute(
        "UPDATE schedule_runs SET outcome = %s, task_id = %s, detail = %s WHERE schedule_id = %s AND planned = %s",
        [str(run.outcome), run.task_id, run.detail, schedule_id, run.planned],
    )


def runs(tx: Transaction, schedule_id: UUID, *, before: datetime | None, limit: int) -> Sequence[Run]:
    """What became of a schedule's planned times, the last first."""
    with tx.cursor(row_factory=kwargs_row(_run)) as cursor:
        return cursor.execute(
            "SELECT planned, fired_at, outcome, count, task_id, detail FROM schedule_runs WHERE schedule_id = %s"
            " AND (%s::timestamptz IS NULL OR planned < %s) ORDER BY planned DESC LIMIT %s",
            [schedule_id, before, before, limit],
        ).fetchall()


def delete_runs(tx: Transaction, *, before: datetime) -> int:
    """Forget runs that fired before a moment."""
    return tx.execute("DELETE FROM schedule_runs WHERE fired_at < %s", [before]).rowcount


def _found(tx: Transaction, statement: str, schedule_id: UUID) -> UserSchedule | None:
    with tx.cursor(row_factory=kwargs_row(_schedule)) as cursor:
        return cursor.execute(statement, [schedule_id]).fetchone()


def _columns(schedule: UserSchedule) -> dict[str, Any]:
    texts = {"state": str(schedule.state), "catch_up": str(schedule.catch_up)}
    return asdict(schedule) | texts | {"payload": Jsonb(dict(schedule.payload))}


def _name_taken(schedule: UserSchedule) -> Conflict:
    return Conflict(f"there is a schedule {schedule.name!r} already", field="name")
