"""The ledger's SQL: every change of a task's state is one compare-and-set."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.tasks.model import State, Task, WorkerClass
from oddline.tasks.sealing import SEALED
from oddline.tasks.search_store import COLUMNS, task_of

_IS_HELD = "EXISTS (SELECT 1 FROM queue_holds WHERE queue_holds.queue = tasks.queue)"

_IS_SERVED = f"queue = ANY (%(queues)s) AND NOT {_IS_HELD}"


class Hold(Enum):
    """How a running attempt's claim stands."""

    OURS = auto()
    CANCELLED = auto()
    LOST = auto()


_ATTEMPTS_KEPT = 20  # that failed, the last ones
LONGEST_REASON = 500  # characters of an error that the list of failed attempts keeps


def and_failure(error: str) -> str:
    """SQL of a row's failures with that of the attempt that ends; `error` is SQL, too, and `now` a parameter."""
    return (
        f"(CASE WHEN jsonb_array_length(failures) < {_ATTEMPTS_KEPT} THEN failures ELSE failures - 0 END)"
        " || jsonb_build_object('attempt', attempt, 'at', %(now)s::timestamptz, 'worker', worker,"
        # A part of what is sealed could not be opened: the whole stands in the row itself.
        f" 'error', CASE WHEN starts_with({error}, '{SEALED}:') THEN '{SEALED}'"
        f" ELSE left({error}, {LONGEST_REASON}) END)"
    )


_DIED = and_failure("'its worker died'")


def insert(
    tx: Transaction,
    *,
    task_id: UUID,
    project: UUID | None,
    name: str,
    queue: str,
    payload: Mapping[str, Any],
    unique_key: str | None,
    not_before: datetime | None,
    now: datetime,
    parent: UUID | None = None,
    children: int = 0,
) -> bool:
    """Write a new task; False when one with the same unique key waits already."""
    return (
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, unique_key, not_before, created_at, parent_id,"
            " children_left) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, nullif(%s, 0))"
            " ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('PENDING', 'RETRY') DO NOTHING",
            [task_id, project, name, queue, Jsonb(payload), unique_key, not_before, now, parent, children],
        ).rowcount
        == 1
    )


def claim(tx: Transaction, task_id: UUID, *, worker: str, now: datetime, lease_until: datetime) -> Task | None:
    """Take a task that is due, or whose holder let its lease run out; None when there is nothing to take."""
    with tx.cursor(row_factory=kwargs_row(task_of)) as cursor:
        return cursor.execute(
            "UPDATE tasks SET state = 'STARTED', attempt = attempt + 1, worker = %(worker)s, started_at = %(now)s,"
            f" failures = CASE WHEN state IN ('STARTED', 'PROGRESS') THEN {_DIED}"
            " ELSE failures END,"
            # The key keeps a second one from waiting beside it; once it runs, the next may.
            " lease_until = %(lease_until)s, not_before = NULL, unique_key = NULL"
            " WHERE id = %(id)s AND cancelled_at IS NULL AND children_left IS NULL"
            " AND (state IN ('PENDING', 'RETRY') AND (not_before IS NULL OR not_before <= %(now)s)"
            " OR state IN ('STARTED', 'PROGRESS') AND lease_until < %(now)s)"
            f" AND NOT {_IS_HELD} RETURNING {COLUMNS}",
            {"id": task_id, "worker": worker, "now": now, "lease_until": lease_until},
        ).fetchone()


def renew(tx: Transaction, task_id: UUID, *, attempt: int, lease_until: datetime, slack: timedelta) -> Hold:
    """Prolong the lease of a running attempt, unless it is longer than `lease_until` less `slack`."""
    row = tx.execute(
        "WITH prolonged AS (UPDATE tasks SET lease_until = %(lease_until)s WHERE id = %(id)s AND attempt = %(attempt)s"
        " AND state IN ('STARTED', 'PROGRESS') AND lease_until < %(enough)s)"
        " SELECT cancelled_at IS NOT NULL FROM tasks"
        " WHERE id = %(id)s AND attempt = %(attempt)s AND state IN ('STARTED', 'PROGRESS')",
        {"id": task_id, "attempt": attempt, "lease_until": lease_until, "enough": lease_until - slack},
    ).fetchone()
    if row is None:
        return Hold.LOST
    return Hold.CANCELLED if row[0] else Hold.OURS


def report_progress(tx: Transaction, task_id: UUID, *, attempt: int, progress: float) -> bool:
    """Note how far a running attempt is, 0 to 1; returns whether somebody has cancelled it."""
    row = tx.execute(
        "UPDATE tasks SET state = 'PROGRESS', progress = %s"
        " WHERE id = %s AND attempt = %s AND state IN ('STARTED', 'PROGRESS') RETURNING cancelled_at IS NOT NULL",
        [progress, task_id, attempt],
    ).fetchone()
    return bool(row and row[0])


def finish(
    tx: Transaction,
    task_id: UUID,
    *,
    attempt: int,
    state: State,
    now: datetime,
    kept_until: datetime,
    result: Any = None,
    error: str | None = None,
    not_before: datetime | None = None,
    began: bool = True,
) -> State | None:
    """End an attempt as SUCCESS, RETRY, FAILURE or REVOKED; None when it was not ours any more.

    One that never `began`, since there were enough before it or others must end first, is none, and counts as none.

    Returns how it ended: a cancelled one is not tried again. A dead letter stays until somebody settles it, all else
    that ended until `kept_until`.
    """
    row = tx.execute(
        "WITH ended AS (SELECT id, CASE WHEN %(state)s = 'RETRY' AND cancelled_at IS NOT NULL THEN 'REVOKED'"
        " ELSE %(state)s END AS state FROM tasks"
        " WHERE id = %(id)s AND attempt = %(attempt)s AND state IN ('STARTED', 'PROGRESS') FOR UPDATE)"
        " UPDATE tasks SET state = ended.state, result = %(result)s, error = %(error)s, lease_until = NULL,"
        " not_before = CASE ended.state WHEN 'RETRY' THEN %(not_before)s::timestamptz END,"
        " failures = CASE WHEN %(error)s::text IS NULL OR NOT %(began)s THEN failures"
        f" ELSE {and_failure('%(error)s')} END, attempt = CASE WHEN %(began)s THEN attempt ELSE attempt - 1 END,"
        " finished_at = CASE WHEN ended.state <> 'RETRY' THEN %(now)s::timestamptz END,"
        " expires_at = CASE WHEN ended.state IN ('SUCCESS', 'REVOKED') THEN %(kept_until)s::timestamptz END"
        " FROM ended WHERE tasks.id = ended.id RETURNING ended.state",
        {
            "id": task_id,
            "attempt": attempt,
            "state": str(state),
            "result": None if result is None else Jsonb(result),
            "error": error,
            "not_before": not_before,
            "now": now,
            "kept_until": kept_until,
            "began": began,
        },
    ).fetchone()
    return State(row[0]) if row else None


def due(
    tx: Transaction, *, created_by: datetime, soon: datetime, queues: Collection[str], limit: int
) -> list[tuple[UUID, str, datetime | None, bool]]:
    """(id, name, when, whether it waits) of what should be published, what lost its worker first.

    No backlog may keep that waiting. Nor may that of one project keep the others', nor its files its mails: projects
    and tasks are told in turns.

    That is what has a lease that ends by `soon`, and what waits and is due by then, or at once and since `created_by`.
    """
    return tx.execute(
        "SELECT id, name, at, turn = 1"
        " FROM (SELECT id, name, project_id, lease_until AS at, 0 AS turn, lease_until AS since"
        f" FROM tasks WHERE state IN ('STARTED', 'PROGRESS') AND lease_until <= %(soon)s AND {_IS_SERVED}"
        " UNION ALL SELECT id, name, project_id, not_before, 1, coalesce(not_before, created_at) FROM tasks"
        f" WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL AND {_IS_SERVED}"
        " AND (not_before IS NULL AND created_at < %(created_by)s OR not_before <= %(soon)s)"
        ") AS due ORDER BY turn, row_number() OVER (PARTITION BY turn, project_id, name ORDER BY since), since"
        " LIMIT %(limit)s",
        {"created_by": created_by, "soon": soon, "queues": list(queues), "limit": limit},
    ).fetchall()


def is_overdue(tx: Transaction, *, before: datetime) -> bool:
    """Whether a task is not begun that could have been since `before`, or lost its worker by then."""
    waits = f"SELECT 1 FROM tasks WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL AND NOT {_IS_HELD}"
    row = tx.execute(
        f"SELECT EXISTS ({waits} AND not_before < %(before)s)"
        f" OR EXISTS ({waits} AND not_before IS NULL AND created_at < %(before)s)"
        " OR EXISTS (SELECT 1 FROM tasks WHERE state IN ('STARTED', 'PROGRESS') AND lease_until < %(before)s"
        f" AND NOT {_IS_HELD})",
        {"before": before},
    ).fetchone()
    return bool(row and row[0])


def holders(tx: Transaction, *, host: str) -> list[str]:
    """The workers on a host that run something now."""
    rows = tx.execute(
        "SELECT DISTINCT worker FROM tasks WHERE state IN ('STARTED', 'PROGRESS') AND starts_with(worker, %s)",
        [f"{host}:"],
    ).fetchall()
    return [row[0] for row in rows]


def end_leases(tx: Transaction, workers: Sequence[str], *, now: datetime) -> None:
    """Let the leases of workers run out that are known to be dead."""
    tx.execute(
        "UPDATE tasks SET lease_until = %s WHERE state IN ('STARTED', 'PROGRESS') AND worker = ANY (%s)",
        [now - timedelta(seconds=1), list(workers)],
    )


def delete_expired(tx: Transaction, *, now: datetime, limit: int) -> int:
    """Delete settled tasks past their time."""
    return tx.execute(
        "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE expires_at < %s LIMIT %s)", [now, limit]
    ).rowcount


def see_worker(
    tx: Transaction, name: str, *, classes: Collection[WorkerClass], started_at: datetime, now: datetime
) -> None:
    """Note that a worker lives, and the classes whose queues it serves; one that was started anew begins anew."""
    tx.execute(
        "INSERT INTO workers (name, classes, started_at, seen_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, classes = excluded.classes,"
        " started_at = excluded.started_at,"
        " ending_at = CASE workers.started_at WHEN excluded.started_at THEN workers.ending_at END",
        [name, [str(one) for one in classes], started_at, now],
    )


def forget_workers(tx: Transaction, *, before: datetime) -> None:
    """Delete workers that were not seen since."""
    tx.execute("DELETE FROM workers WHERE seen_at < %s", [before])


def count_workers(tx: Transaction, *, since: datetime) -> int:
    """How many workers were seen since."""
    row = tx.execute("SELECT count(*) FROM workers WHERE seen_at >= %s", [since]).fetchone()
    return int(row[0]) if row else 0


def count_by_class(tx: Transaction, *, since: datetime) -> dict[WorkerClass, int]:
    """How many workers of each class were seen since; one that serves several counts in each."""
    rows = tx.execute(
        "SELECT class, count(*) FROM workers, unnest(classes) AS class WHERE seen_at >= %s GROUP BY class", [since]
    ).fetchall()
    return dict.fromkeys(WorkerClass, 0) | {WorkerClass(name): count for name, count in rows}
