"""How workers let in what they read themselves: within the day's quota, and no faster than it can be scored."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.errors import NotYet, QuotaExceeded
from oddline.limits import default_limits, read_limits
from oddline.redaction import RuleBook
from oddline.submissions.claim_store import count_unscored
from oddline.submissions.model import Quota
from oddline.submissions.parts import Intake
from oddline.submissions.tasks import SCORE_WAITING_BATCH
from oddline.tasks import TaskContext

SCORED_AGAIN: Final = timedelta(seconds=5)  # in which a worker scores some of what waits


def open_intake(context: TaskContext) -> Intake:
    """What a task stores entries with."""
    return Intake(
        db=context.db,
        objects=context.objects,
        rule_book=RuleBook(context.settings.cipher),
        body_object_bytes=context.settings.body_object_bytes,
        metrics=context.metrics,
    )


def wait_for_scoring(context: TaskContext, project: UUID, *, most: int | None = None) -> None:
    """Let go on who may: bodies take room until they are scored.

    Args:
        most: submissions of the project that may wait; as many as the settings say if not given.

    Raises:
        NotYet: there are so many.
    """
    most = context.settings.file_backlog if most is None else most
    with context.db.transaction() as tx:
        waiting = count_unscored(tx, project, limit=most)
    if waiting >= most:
        context.publisher.wake(SCORE_WAITING_BATCH)
        until = context.clock() + SCORED_AGAIN
        raise NotYet(f"{waiting} submissions of the project wait to be scored", until=until)


def quota_of(context: TaskContext, project: UUID) -> Quota:
    """What the project may send a day."""
    with context.db.transaction(project=project) as tx:
        limits = read_limits(tx, project, defaults=default_limits(context.settings))
    return Quota(entries=limits.entries_a_day, bytes=limits.bytes_a_day)


def tomorrow(full: QuotaExceeded) -> NotYet:
    """That the rest is to be let in once the day's quota is whole again."""
    midnight = datetime.fromisoformat(full.extra["resets_at"])
    return NotYet(f"{full.detail}: the rest is for tomorrow", until=midnight)
