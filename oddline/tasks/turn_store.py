"""SQL of turns: which project is next at the long tasks of a queue, and with which task."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from oddline.database import Transaction

_WAITS: Final = (
    "queue = %(queue)s AND state IN ('PENDING', 'RETRY') AND children_left IS NULL AND project_id IS NOT NULL"
)
_IS_DUE: Final = "cancelled_at IS NULL AND (not_before IS NULL OR not_before <= %(now)s)"
_FREE: Final = "SELECT free.name FROM free WHERE free.id = projects.id"
_NEXT: Final = (
    # Project by project through the index, so that a thousand tasks of one are not read to find those of another.
    "WITH RECURSIVE projects AS (SELECT (SELECT project_id FROM tasks WHERE"
    f" {_WAITS} ORDER BY project_id LIMIT 1) AS id UNION ALL SELECT (SELECT project_id FROM tasks WHERE {_WAITS}"
    " AND project_id > projects.id ORDER BY project_id LIMIT 1) FROM projects WHERE projects.id IS NOT NULL),"
    " running AS MATERIALIZED (SELECT project_id, name, count(*) AS tasks FROM tasks WHERE queue = %(queue)s"
    " AND state IN ('STARTED', 'PROGRESS') AND lease_until >= %(now)s AND name = ANY (%(all)s) GROUP BY 1, 2),"
    " names AS MATERIALIZED (SELECT * FROM unnest(%(names)s::text[], %(at_once)s::int[]) AS names (name, at_once)),"
    " free AS (SELECT projects.id, names.name FROM projects CROSS JOIN names LEFT JOIN running"
    " ON running.project_id = projects.id AND running.name = names.name"
    " WHERE projects.id IS NOT NULL AND coalesce(running.tasks, 0) < names.at_once)"
    " SELECT next.id, next.name, projects.id FROM projects CROSS JOIN LATERAL ("
    f"(SELECT id, name FROM tasks WHERE {_WAITS} AND project_id = projects.id AND {_IS_DUE} AND name = %(first)s"
    f" AND name IN ({_FREE}) ORDER BY id LIMIT 1) UNION ALL"
    f" (SELECT id, name FROM tasks WHERE {_WAITS} AND project_id = projects.id AND {_IS_DUE} AND name IN ({_FREE})"
    " ORDER BY id LIMIT 1) LIMIT 1) AS next"
    " LEFT JOIN task_turns ON task_turns.queue = %(queue)s AND task_turns.project_id = projects.id"
    " WHERE NOT EXISTS (SELECT 1 FROM queue_holds WHERE queue_holds.queue = %(queue)s)"
    " ORDER BY (SELECT coalesce(sum(tasks), 0) FROM running WHERE running.project_id = projects.id),"
    " task_turns.at NULLS FIRST, next.id LIMIT 1"
)


def choose(
    tx: Transaction, *, queue: str, at_once: Mapping[str, int], runnable: Sequence[str], first: str, now: datetime
) -> tuple[UUID, str, UUID] | None:
    """(id, name, project) of the task whose turn it is; None where none may run now.

    Next is the project that has the fewest of these tasks running, of those with as many the one whose last turn is
    longest ago. Of its tasks those called `first` go first, and then the oldest.

    Args:
        at_once: of each name that turns are taken at, how many a project may have running.
        runnable: the names among which is chosen.
    """
    return tx.execute(
        _NEXT,
        {
            "queue": queue,
            "all": list(at_once),
            "names": list(runnable),
            "at_once": [at_once[name] for name in runnable],
            "first": first,
            "now": now,
        },
    ).fetchone()


def note(tx: Transaction, *, queue: str, project: UUID, now: datetime) -> None:
    """Write down that a project has its turn."""
    tx.execute(
        "INSERT INTO task_turns (queue, project_id, at) VALUES (%s, %s, %s)"
        " ON CONFLICT (queue, project_id) DO UPDATE SET at = greatest(task_turns.at, excluded.at)",
        [queue, project, now],
    )


def takes_turns(tx: Transaction, task_id: UUID) -> bool:
    """Whether a task waits, for a project: what is nobody's, or lost its worker, is run by itself."""
    row = tx.execute(
        "SELECT project_id IS NOT NULL AND state NOT IN ('STARTED', 'PROGRESS') FROM tasks WHERE id = %s", [task_id]
    ).fetchone()
    return row is None or bool(row[0])


def limited(tx: Transaction) -> set[str]:
    """The tasks whose rate operators have limited: only their own messages may start them."""
    return {row[0] for row in tx.execute("SELECT task FROM rate_limits").fetchall()}


def count_running(tx: Transaction, *, project: UUID, name: str, now: datetime) -> int:
    """How many tasks of a name a project has running."""
    row = tx.execute(
        "SELECT count(*) FROM tasks WHERE state IN ('STARTED', 'PROGRESS') AND lease_until >= %s"
        " AND project_id = %s AND name = %s",
        [now, project, name],
    ).fetchone()
    return int(row[0]) if row else 0


def next_of(tx: Transaction, *, queue: str, project: UUID, name: str, now: datetime) -> UUID | None:
    """The oldest task of a name that a project has waiting."""
    row = tx.execute(
        f"SELECT id FROM tasks WHERE {_WAITS} AND project_id = %(project)s AND name = %(name)s AND {_IS_DUE}"
        " ORDER BY id LIMIT 1",
        {"queue": queue, "project": project, "name": name, "now": now},
    ).fetchone()
    return row[0] if row else None


def others_wait(tx: Transaction, *, queue: str, project: UUID, names: Sequence[str], now: datetime) -> bool:
    """Whether another project has one of these tasks waiting."""
    row = tx.execute(
        f"SELECT EXISTS (SELECT 1 FROM tasks WHERE {_WAITS} AND project_id <> %(project)s AND {_IS_DUE}"
        " AND name = ANY (%(names)s))",
        {"queue": queue, "project": project, "names": list(names), "now": now},
    ).fetchone()
    return bool(row and row[0])


def forget(tx: Transaction, *, before: datetime) -> None:
    """Delete turns that were taken longer ago than anybody waits."""
    tx.execute("DELETE FROM task_turns WHERE at < %s", [before])
