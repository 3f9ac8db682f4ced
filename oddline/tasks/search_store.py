"""SQL that finds tasks and scorings: one by its id, many by what is told of them."""

from collections.abc import Sequence
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
# Only what is asked for goes into a statement: conditions that leave all would mislead the planner.
_CONDITIONS = {
    "name": "name = %(name)s",
    "project": "project_id = %(project)s",
    "time_from": "created_at >= %(time_from)s",
    "time_to": "created_at < %(time_to)s",
    "due_after": "not_before > %(due_after)s",
    "text": "(strpos(lower(name), %(text)s) > 0 OR strpos(lower(error), %(text)s) > 0"
    " OR starts_with(id::text, %(text)s))",
    "before": "id < %(before)s",
}


def task_of(**columns: Any) -> Task:
    """A row as a task."""
    return Task(**columns | {"state": State(columns["state"])})


def find(tx: Transaction, task_id: UUID) -> Task | None:
    """A task, or the scoring of a submission, by its id."""
    with tx.cursor(row_factory=kwargs_row(task_of)) as cursor:
        return cursor.execute(f"SELECT {COLUMNS} FROM ledger WHERE id = %s", [task_id]).fetchone()


def newest(tx: Transaction, search: Search = ALL, *, before: UUID | None = None, limit: int = 100) -> list[Task]:
    """Tasks and scorings that the transaction may see, newest first, by keyset: ids are times."""
    asked = {
        "name": search.name,
        "project": search.project,
        "time_from": search.time_from,
        "time_to": search.time_to,
        "due_after": search.due_after,
        "text": search.text.lower() if search.text else None,
        "before": before,
    }
    conditions = [condition for name, condition in _CONDITIONS.items() if asked[name] is not None]
    values = asked | {"limit": limit, "states": [str(state) for state in search.states], "kept": _kept(search.states)}
    # Two statements, since over a union no partial index (the one of dead letters, say) would serve.
    statements = [
        f"SELECT {COLUMNS} FROM {table} WHERE {' AND '.join([of_states, *conditions])} ORDER BY id DESC LIMIT %(limit)s"
        for table, of_states in (
            ("tasks", "state = ANY (%(states)s)" if search.states else "true"),
            ("scorings", _of_scorings(search.states)),
        )
    ]
    with tx.cursor(row_factory=kwargs_row(task_of)) as cursor:
        found = [task for statement in statements for task in cursor.execute(statement, values).fetchall()]
    return sorted(found, key=lambda task: task.id, reverse=True)[:limit]


def _kept(states: Sequence[State]) -> list[str]:
    return sorted({_SUBMISSION_STATES[state] for state in states if state in _SUBMISSION_STATES})


def _of_scorings(states: Sequence[State]) -> str:
    """The condition on the state that submissions keep, for which there are indexes; it does not tell all apart."""
    if not states:
        return "true"
    exact = " AND state = ANY (%(states)s)" if len({State.PENDING, State.RETRY} & set(states)) == 1 else ""
    return "submission_state = ANY (%(kept)s)" + exact
