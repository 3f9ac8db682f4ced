"""Settle dead letters: replay them, but none for ever, or drop them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import Conflict, NotFound, UnknownTask
from oddline.tasks import dead_store
from oddline.tasks.attempt import SETTLED_KEPT
from oddline.tasks.model import Catalogue, State, Task, TaskSpec
from oddline.tasks.search_store import find


def dead_letter(tx: Transaction, task_id: UUID) -> Task:
    """A task, or a scoring, that failed for good.

    Raises:
        NotFound: no such dead letter.
    """
    task = find(tx, task_id)
    if task is None or task.state is not State.FAILURE:
        raise NotFound(f"there is no dead letter {task_id}", field="task_id")
    return task


def replay(tx: Transaction, task_id: UUID, *, catalogue: Catalogue) -> TaskSpec:
    """Put a dead task back to its beginning; publish the returned spec after the commit.

    Raises:
        NotFound: no such dead letter.
        UnknownTask: it has left the catalogue since.
    """
    name = dead_store.replay(tx, task_id)
    if name is None:
        raise NotFound(f"there is no dead letter {task_id}")
    if name not in catalogue:
        raise UnknownTask(f"{name} is not in the catalogue any more")
    return catalogue[name]


def check_cap(task: Task, *, most: int, force: bool) -> None:
    """Keep a task from coming back for ever, unless somebody insists.

    Raises:
        Conflict: it came back dead after as many replays as it may have.
    """
    if task.replays >= most and not force:
        raise Conflict(f"it came back dead after each of {task.replays} replays; replay it with force, or drop it")


def replay_many(
    tx: Transaction, names: Collection[str], *, catalogue: Catalogue, failed_before: datetime, limit: int
) -> list[tuple[UUID, TaskSpec]]:
    """Put up to `limit` dead tasks of these names back, the oldest first; publish them after the commit."""
    replayed = dead_store.replay_many(tx, _caps(names, catalogue), failed_before=failed_before, limit=limit)
    return [(task_id, catalogue[name]) for task_id, name in replayed]


def count_dead(
    tx: Transaction, names: Collection[str], *, catalogue: Catalogue, failed_before: datetime
) -> tuple[int, int]:
    """How many dead tasks of these names `replay_many` would take, and how many it leaves for good."""
    return dead_store.count(tx, _caps(names, catalogue), failed_before=failed_before)


def drop(tx: Transaction, task_id: UUID, *, now: datetime) -> None:
    """Settle a dead task for good.

    Raises:
        NotFound: no such dead letter.
    """
    if not dead_store.drop(tx, task_id, now=now, kept_until=now + SETTLED_KEPT):
        raise NotFound(f"there is no dead letter {task_id}")


def drop_many(tx: Transaction, name: str, *, now: datetime, limit: int) -> int:
    """Settle up to `limit` dead tasks of a name for good; returns how many."""
    return dead_store.drop_many(tx, name, now=now, kept_until=now + SETTLED_KEPT, limit=limit)


def _caps(names: Collection[str], catalogue: Catalogue) -> dict[str, int]:
    return {name: catalogue[name].most_replays for name in names}
