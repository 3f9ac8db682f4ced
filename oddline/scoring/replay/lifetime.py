"""How replays begin and go; without the engines that run them, since functions import it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from oddline.audit import Action, Actor, record
from oddline.database import Database
from oddline.errors import InvalidParameter
from oddline.objects import ObjectStore
from oddline.scoring.replay import store
from oddline.scoring.replay.model import folder_of
from oddline.scoring.tasks import REPLAY, ReplayRange
from oddline.submissions import new_id
from oddline.tasks import Publisher, enqueue

DROPPED_AT_ONCE: Final = 100


def start_replay(wanted: ReplayRange, *, by: Actor, db: Database, publisher: Publisher | None, now: datetime) -> UUID:
    """Put a replay into the ledger, and wake a worker for it; the task's id is the replay's.

    Raises:
        InvalidParameter: its range is empty.
    """
    if wanted.time_from >= wanted.time_to:
        raise InvalidParameter("to: it does not lie behind `from`", field="to")
    task_id = new_id()
    with db.transaction() as tx:
        enqueue(tx, REPLAY, wanted, task_id=task_id, project=wanted.project, now=now)
        record(
            tx,
            project=wanted.project,
            by=by,
            action=Action.REPLAY_STARTED,
            subject=f"task:{task_id}",
            details=wanted.model_dump(mode="json", exclude={"project", "source"}),
            named=wanted.model_dump(include={"source"}),
            now=now,
        )
    if publisher is not None:
        publisher.wake(REPLAY, task_id=task_id)
    return task_id


def drop_old_replays(db: Database, objects: ObjectStore, *, now: datetime) -> int:
    """Delete replays all of whose entries are past their retention, objects first; returns how many."""
    dropped = 0
    while True:
        with db.transaction() as tx:
            old = store.list_past_retention(tx, now=now, limit=DROPPED_AT_ONCE)
        for one in old:
            # By the folder, not by the rows: an attempt that was killed may have left objects that no row names.
            for found in objects.list(folder_of(one.project, one.id)):
                objects.delete(found.key)
            with db.transaction() as tx:
                store.delete(tx, one.id)
        dropped += len(old)
        if len(old) < DROPPED_AT_ONCE:
            return dropped
