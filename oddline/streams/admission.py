"""Let in what connections bring as files are let in: within the day's quota."""

from collections.abc import Callable
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import QuotaExceeded
from oddline.submissions import SCORE_WAITING_BATCH, Intake, Part, quota_of, tomorrow
from oddline.tasks import TaskContext


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
    quota = quota_of(context, project)
    try:
        stored = intake.store(part, project=project, now=context.clock(), also_told=also_told, quota=quota)
    except QuotaExceeded as full:
        raise tomorrow(full) from full
    if stored:
        context.publisher.wake(SCORE_WAITING_BATCH)
    return stored
