"""Tasks that wait for others: each is the parent of those that must end before it, and starts with the last one's end.

A parent starts however its children ended, and finds out by itself what they left it to do: so nothing waits for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oddline.database import Transaction
from oddline.ids import new_id
from oddline.tasks.model import Payload, TaskSpec
from oddline.tasks.service import enqueue


@dataclass(frozen=True, slots=True)
class Step:
    """A task to be; `id` is known before it is written."""

    spec: TaskSpec
    payload: Payload
    id: UUID


def step(spec: TaskSpec, payload: Payload) -> Step:
    """A step with a fresh id."""
    return Step(spec, payload, new_id())


def start_workflow(
    tx: Transaction, chains: Sequence[Sequence[Step]], *, project: UUID, now: datetime, then: Step | None = None
) -> list[Step]:
    """Write chains of tasks that run side by side, each step after the one before it, and `then` after all of them.

    Returns the steps that can run now: publish them after the commit.
    """
    if then is not None:
        _write(tx, then, project=project, now=now, parent=None, children=len(chains))
    for chain in chains:
        parent = then.id if then else None
        for place in reversed(range(len(chain))):
            _write(tx, chain[place], project=project, now=now, parent=parent, children=min(place, 1))
            parent = chain[place].id
    return [chain[0] for chain in chains]


def _write(tx: Transaction, one: Step, *, project: UUID, now: datetime, parent: UUID | None, children: int) -> None:
    enqueue(tx, one.spec, one.payload, task_id=one.id, project=project, now=now, parent=parent, children=children)
