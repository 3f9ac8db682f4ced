"""Let in what connections bring as files are let in: within the day's quota, and no faster than it can be scored."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import NotYet, QuotaExceeded
from oddline.limits import default_limits, read_limits
from oddline.submissions import SCORE_WAITING_BATCH, Intake, Part, Quota, count_unscored
from oddline.tasks import TaskContext

SCORED_AGAIN: Final = timedelta(seconds=5)  # in which a worker scores some of what waits


def wait_for_scoring(context: TaskContext, project: UUID) -> None:
    """Let go on who may.

    Raises:
        NotYet: so much of the project waits to be scored that files are not read on either.
    """
    most = context.settings.file_backlog
    with context.db.transaction() as tx:
        waiting = count_unscored(tx, project, limit=most)
    if waiting >= most:
        context.publisher.wake(SCORE_WAITING_BATCH)
        until = context.clock() + SCORED_AGAIN
        raise NotYet(f"{waiting} submissions of the project wait to be scored", until=until)


def admit(
    context: TaskContext, intake: Intake, part: Part, *, project: UUID, also_told: Callable[[Transaction, int], None]
) -> int:
    """Store a part within the project's quota; returns how many entries of it are stored.

    Args:
        also_told: what is to be written in the same transaction, told how many entries were left out.

    Raises:
        NotYet: the quota of the day is used up; it says until when.
        LostClaim, DatabaseUnavailable, ObjectStoreUnavailable: it was not stored.
    """
    with context.db.transaction(project=project) as tx:
        limits = read_limits(tx, project, defaults=default_limits(context.settings))
    quota = Quota(entries=limits.entries_a_day, bytes=limits.bytes_a_day)
    try:
        stored = intake.store(part, project=project, now=context.clock(), also_told=also_told, quota=quota)
    except QuotaExceeded as full:
        midnight = datetime.fromisoformat(full.extra["resets_at"])
        raise NotYet(f"{full.detail}: the rest is for tomorrow", until=midnight) from full
    if stored:
        context.publisher.wake(SCORE_WAITING_BATCH)
    return stored
