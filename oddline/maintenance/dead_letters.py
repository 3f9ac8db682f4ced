"""Dead letters of both kinds, tasks and submissions, settled in one way."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oddline import submissions, tasks
from oddline.database import Transaction
from oddline.errors import UnknownTask
from oddline.submissions import SCORE_WAITING
from oddline.tasks import Catalogue, TaskSpec

SETTLED_AT_ONCE = 500  # by one call: one short statement, and as many wake-ups as Redis takes in a second


@dataclass(frozen=True, slots=True)
class ReplayedLetters:
    """What one call put back, and what is left of the dead letters that it was asked for.

    Args:
        tasks: to be published after the commit; those without a row in the ledger wake for all that waits.
        replayed: how many letters were put back.
        left: how many another call would put back.
        capped: how many came back dead too often: only one by one, and with force.
    """

    tasks: tuple[tuple[TaskSpec, UUID | None], ...]
    replayed: int
    left: int
    capped: int


def replay_dead_letter(tx: Transaction, identifier: UUID, *, catalogue: Catalogue, force: bool = False) -> TaskSpec:
    """Put a dead task or submission back to its beginning; publish the returned spec after the commit.

    Raises:
        NotFound: no such dead letter.
        UnknownTask: it has left the catalogue since.
        Conflict: it came back dead too often, and `force` is not given.
    """
    letter = tasks.dead_letter(tx, identifier)
    if letter.name in catalogue:
        tasks.check_cap(letter, most=catalogue[letter.name].most_replays, force=force)
    if submissions.replay(tx, identifier):
        return SCORE_WAITING
    return tasks.replay(tx, identifier, catalogue=catalogue)


def replay_dead_letters(
    tx: Transaction,
    *,
    catalogue: Catalogue,
    failed_before: datetime,
    name: str | None = None,
    limit: int = SETTLED_AT_ONCE,
) -> ReplayedLetters:
    """Put up to `limit` dead letters back, of one task or of all, the oldest first, but none that came back too often.

    Args:
        failed_before: when the run began that this is a step of: what it has put back and failed again since is left,
            or one run would use up all the replays of a letter.

    Raises:
        UnknownTask: the catalogue has no task of that name.
    """
    if name is not None and name not in catalogue:
        raise UnknownTask(f"there is no task {name}", field="name")
    names = list(catalogue) if name is None else [name]
    replayed = tasks.replay_many(tx, names, catalogue=catalogue, failed_before=failed_before, limit=limit)
    left, capped = tasks.count_dead(tx, names, catalogue=catalogue, failed_before=failed_before)
    wakes: list[tuple[TaskSpec, UUID | None]] = [(spec, task_id) for task_id, spec in replayed]
    count = len(replayed)
    if SCORE_WAITING.name in names:
        cap = SCORE_WAITING.most_replays
        put_back = submissions.replay_many(tx, cap=cap, failed_before=failed_before, limit=limit - count)
        more_left, more_capped = submissions.count_dead(tx, cap=cap, failed_before=failed_before)
        count, left, capped = count + put_back, left + more_left, capped + more_capped
        if put_back:
            wakes.append((SCORE_WAITING, None))
    return ReplayedLetters(tasks=tuple(wakes), replayed=count, left=left, capped=capped)


def drop_dead_letter(tx: Transaction, identifier: UUID, *, now: datetime) -> None:
    """Settle a dead task or submission for good.

    Raises:
        NotFound: no such dead letter.
    """
    if not submissions.drop(tx, identifier, now=now):
        tasks.drop(tx, identifier, now=now)


def drop_dead_letters(tx: Transaction, *, name: str, now: datetime, limit: int = SETTLED_AT_ONCE) -> int:
    """Settle up to `limit` dead letters of one task for good, the oldest first; returns how many."""
    dropped = tasks.drop_many(tx, name, now=now, limit=limit)
    if name == SCORE_WAITING.name:
        dropped += submissions.drop_many(tx, now=now, limit=limit - dropped)
    return dropped
