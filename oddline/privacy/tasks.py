"""The catalogue entry of erasing a person."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from oddline.tasks import Payload, Priority, Queue, Retry, Starter, TaskSpec

SMOKE: Final = UUID(int=0)  # an erasure that is none


class ErasePerson(Payload):
    """An erasure of a project. The values themselves stand in no task."""

    project: UUID
    erasure: UUID


ERASE_PERSON: Final = TaskSpec(
    name="erase_person",
    queue=Queue.MAINTENANCE,
    priority=Priority.LOW,
    payload=ErasePerson,
    idempotency="what is erased is found no more, and how far a pass has got stands in the erasure's row",
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    # What is large takes many attempts, and an outage of some hours must not end it.
    retry=Retry(attempts=500, base=timedelta(seconds=30), cap=timedelta(seconds=60)),
    starters=frozenset({Starter.SYSTEM}),  # by an erasure's own route, which lists the values first
    result_kept=timedelta(days=30),
    smoke=ErasePerson(project=SMOKE, erasure=SMOKE),
    critical=True,  # who asked for it has been promised that it is done
)

TASKS: Final = (ERASE_PERSON,)
