"""Have connections polled: those that are due, a project's by turns."""

from datetime import datetime
from typing import Final
from uuid import UUID

from oddline.database import Transaction
from oddline.ids import new_id
from oddline.streams import store
from oddline.streams.tasks import MOST_IN_FLIGHT, POLL_CLOUD_LOGS, OfConnection
from oddline.tasks import NoPayload, TaskContext, TaskSpec, delete_expired, enqueue

MOST_STARTED: Final = 1_000  # connections at once; the next half minute brings the next ones
MOST_DELETED: Final = 2_000  # more than there are in half a minute


def poll_all_connections(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001
    """Start polls of connections that are due; returns how many. Of a project only some: each starts the next one.

    What is told of older polls goes here, too: waiting for the night, a hundred connections would leave 300,000 rows.
    """
    now = context.clock()
    with context.db.transaction() as tx:
        delete_expired(tx, now=now, limit=MOST_DELETED)
    with context.db.transaction() as tx:
        found = store.due(tx, now=now, limit=MOST_STARTED, in_flight=MOST_IN_FLIGHT)
        started = [
            task
            for project, connection in found
            if (task := start(tx, POLL_CLOUD_LOGS, connection, project=project, context=context))
        ]
    for task in started:
        context.publisher.wake(POLL_CLOUD_LOGS, task_id=task)
    return {"due": len(found), "started": len(started)}


def start(
    tx: Transaction,
    spec: TaskSpec,
    connection: UUID,
    *,
    project: UUID,
    context: TaskContext,
    not_before: datetime | None = None,
) -> UUID | None:
    """Have something done for a connection, unless it waits to be already; the id of its task, to be published."""
    task_id = new_id()
    payload = OfConnection(project=project, connection=connection)
    key = f"{spec.name}:{connection}"
    now = context.clock()
    inserted = enqueue(
        tx, spec, payload, task_id=task_id, project=project, now=now, unique_key=key, not_before=not_before
    )
    return task_id if inserted else None
