"""The ledger's SQL: every change of a task's state is one compare-and-set."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.tasks.model import State, Task, WorkerClass

_COLUMNS = (
    "id, project_id AS project, name, state, attempt, created_at, payload, result, error, progress, not_before,"
    " started_at, finished_at"
)

_IS_HELD = "EXISTS (SELECT 1 FROM queue_holds WHERE queue_holds.queue = tasks.queue)"

_SUBMISSION_STATES = {
    State.PENDING: "accepted",
    State.RETRY: "accepted",
    State.STARTED: "claimed",
    State.SUCCESS: "done",
    State.FAILURE: "dead",
    State.REVOKED: "dropped",
}


def _task(**columns: Any) -> Task:
    return Task(**columns | {"state": State(columns["state"])})


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
) -> bool:
    """Write a new task; False when one with the same unique key waits already."""
    return (
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, unique_key, not_before, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('PENDING', 'RETRY') DO NOTHING",
            [task_id, project, name, queue, Jsonb(payload), unique_key, not_before, now],
        ).rowcount
        == 1
    )


def claim(tx: Transaction, task_id: UUID, *, worker: str, now: datetime, lease_until: datetime) -> Task | None:
    """Take a task that is due, or whose holder let its lease run out; None when there is nothing to take."""
    with tx.cursor(row_factory=kwargs_row(_task)) as cursor:
        return cursor.execute(
            "UPDATE tasks SET state = 'STARTED', attempt = attempt + 1, worker = %(worker)s, started_at = %(now)s,"
            # The key keeps a second one from waiting beside it; once it runs, the next may.
            " lease_until = %(lease_until)s, not_before = NULL, unique_key = NULL"
            " WHERE id = %(id)s AND (state IN ('PENDING', 'RETRY') AND (not_before IS NULL OR not_before <= %(now)s)"
            " OR state IN ('STARTED', 'PROGRESS') AND lease_until < %(now)s)"
            f" AND NOT {_IS_HELD} RETURNING {_COLUMNS}",
            {"id": task_id, "worker": worker, "now": now, "lease_until": lease_until},
        ).fetchone()


def renew(tx: Transaction, task_id: UUID, *, attempt: int, lease_until: datetime) -> bool:
    """Prolong the lease of a running attempt; False when it is not ours any more."""
    return (
        tx.execute(
            "UPDATE tasks SET lease_until = %s WHERE id = %s AND attempt = %s AND state IN ('STARTED', 'PROGRESS')",
            [lease_until, task_id, attempt],
        ).rowcount
        == 1
    )


def report_progress(tx: Transaction, task_id: UUID, *, attempt: int, progress: float) -> None:
    """Note how far a running attempt is, 0 to 1."""
    tx.execute(
        "UPDATE tasks SET state = 'PROGRESS', progress = %s"
        " WHERE id = %s AND attempt = %s AND state IN ('STARTED', 'PROGRESS')",
        [progress, task_id, attempt],
    )


def finish(
    tx: Transaction,
    task_id: UUID,
    *,
    attempt: int,
    state: State,
    now: datetime,
    result: Any = None,
    error: str | None = None,
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """End an attempt as SUCCESS, RETRY or FAILURE; False when it was not ours any more."""
    return (
        tx.execute(
            "UPDATE tasks SET state = %s, result = %s, error = %s, not_before = %s, expires_at = %s,"
            " lease_until = NULL, finished_at = %s WHERE id = %s AND attempt = %s AND state IN ('STARTED', 'PROGRESS')",
            [
                str(state),
                None if result is None else Jsonb(result),
                error,
                not_before,
                expires_at,
                now if state.ready else None,
                task_id,
                attempt,
            ],
        ).rowcount
        == 1
    )


def find(tx: Transaction, task_id: UUID) -> Task | None:
    """A task, or the scoring of a submission, by its id."""
    with tx.cursor(row_factory=kwargs_row(_task)) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM ledger WHERE id = %s", [task_id]).fetchone()


def newest(
    tx: Transaction, *, states: Sequence[State], name: str | None, before: UUID | None, limit: int
) -> list[Task]:
    """Tasks and scorings, newest first, by keyset: ids are times; those of all states where none is named."""
    asked = {
        "states": [str(state) for state in states or State],
        "kept_states": sorted({_SUBMISSION_STATES[state] for state in states or State if state in _SUBMISSION_STATES}),
        "name": name,
        "before": before,
        "limit": limit,
    }
    page = (
        " AND (%(name)s::text IS NULL OR name = %(name)s) AND (%(before)s::uuid IS NULL OR id < %(before)s)"
        " ORDER BY id DESC LIMIT %(limit)s"
    )
    # Two statements, since over a union no partial index (the one of dead letters, say) would serve.
    statements = (
        f"SELECT {_COLUMNS} FROM tasks WHERE state = ANY (%(states)s)" + page,
        f"SELECT {_COLUMNS} FROM scorings WHERE submission_state = ANY (%(kept_states)s) AND state = ANY (%(states)s)"
        + page,
    )
    with tx.cursor(row_factory=kwargs_row(_task)) as cursor:
        found = [task for statement in statements for task in cursor.execute(statement, asked).fetchall()]
    return sorted(found, key=lambda task: task.id, reverse=True)[:limit]


def due(tx: Transaction, *, now: datetime, soon: datetime, limit: int) -> list[tuple[UUID, str, datetime | None]]:
    """(id, name, when) of what should be published, what lost its worker first: no backlog may keep that waiting.

    That is what has a lease that ends by `soon`, and what waits and is due by then.
    """
    return tx.execute(
        "SELECT id, name, at FROM (SELECT id, name, lease_until AS at, 0 AS turn, lease_until AS since FROM tasks"
        f" WHERE state IN ('STARTED', 'PROGRESS') AND lease_until <= %(soon)s AND NOT {_IS_HELD}"
        " UNION ALL SELECT id, name, not_before, 1, coalesce(not_before, created_at) FROM tasks"
        f" WHERE state IN ('PENDING', 'RETRY') AND NOT {_IS_HELD}"
        " AND (not_before IS NULL AND created_at < %(now)s - interval '5 seconds' OR not_before <= %(soon)s)"
        ") AS due ORDER BY turn, since LIMIT %(limit)s",
        {"now": now, "soon": soon, "limit": limit},
    ).fetchall()


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


def replay(tx: Transaction, task_id: UUID) -> str | None:
    """Put a dead task back to where it began; its name, or None when it is not dead."""
    row = tx.execute(
        "UPDATE tasks SET state = 'PENDING', attempt = 0, not_before = NULL, error = NULL, finished_at = NULL,"
        " expires_at = NULL WHERE id = %s AND state = 'FAILURE' RETURNING name",
        [task_id],
    ).fetchone()
    return row[0] if row else None


def drop(tx: Transaction, task_id: UUID, *, now: datetime, expires_at: datetime) -> bool:
    """Settle a dead task for good."""
    return (
        tx.execute(
            "UPDATE tasks SET state = 'REVOKED', finished_at = %s, expires_at = %s WHERE id = %s AND state = 'FAILURE'",
            [now, expires_at, task_id],
        ).rowcount
        == 1
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
