"""SQL that finds tasks and scorings: one by its id, many by what is told of them."""

from typing import Any
from uuid import UUID

from psycopg.rows import kwargs_row

from oddline.database import Transaction
from oddline.tasks.model import Search, State, Task

COLUMNS = (
    "id, project_id AS project, name, state, attempt, created_at, payload, result, error, progress, not_before,"
    " started_at, finished_at, worker, cancelled_at, replays, failures"
)
ALL = Search()
_SUBMISSION_STATES = {
    State.PENDING: "accepted",
    State.RETRY: "accepted",
    State.STARTED: "claimed",
    State.SUCCESS: "done",
    State.FAILURE: "dead",
    State.REVOKED: "dropped",
}
_PAGE = (
    " AND (%(name)s::text IS NULL OR name = %(name)s)"
    " AND (%(project)s::uuid IS NULL OR project_id = %(project)s)"
    " AND (%(time_from)s::timestamptz IS NULL OR created_at >= %(time_from)s)"
    " AND (%(time_to)s::timestamptz IS NULL OR created_at < %(time_to)s)"
    " AND (%(due_after)s::timestamptz IS NULL OR not_before > %(due_after)s)"
    " AND (%(text)s::text IS NULL OR strpos(lower(name), %(text)s) > 0 OR strpos(lower(error), %(text)s) > 0"
    " OR starts_with(id::text, %(text)s))"
    " AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"
)


def task_of(**columns: Any) -> Task:
    """A row as a task."""
    return Task(**columns | {"state": State(columns["state"])})


def find(tx: Transaction, task_id: UUID) -> Task | None:
    """A task, or the scoring of a submission, by its id."""
    with tx.cursor(row_factory=kwargs_row(task_of)) as cursor:
        return cursor.execute(f"SELECT {COLUMNS} FROM ledger WHERE id = %s", [task_id]).fetchone()


def newest(tx: Transaction, search: Search = ALL, *, before: UUID | None = None, limit: int = 100) -> list[Task]:
    """Tasks and scorings that the transaction may see, newest first, by keyset: ids are times."""
    states = search.states or list(State)
    asked = {
        "states": [str(state) for state in states],
        "kept_states": sorted({_SUBMISSION_STATES[state] for state in states if state in _SUBMISSION_STATES}),
        "name": search.name,
        "project": search.project,
        "time_from": search.time_from,
        "time_to": search.time_to,
        "due_after": search.due_after,
        "text": search.text.lower() if search.text else None,
        "before": before,
        "limit": limit,
    }
    # Two statements, since over a union no partial index (the one of dead letters, say) would serve.
    statements = (
        f"SELECT {COLUMNS} FROM tasks WHERE state = ANY (%(states)s)" + _PAGE,
        f"SELECT {COLUMNS} FROM scorings WHERE submission_state = ANY (%(kept_states)s) AND state = ANY (%(states)s)"
        + _PAGE,
    )
    with tx.cursor(row_factory=kwargs_row(task_of)) as cursor:
        found = [task for statement in statements for task in cursor.execute(statement, asked).fetchall()]
    return sorted(found, key=lambda task: task.id, reverse=True)[:limit]
