"""Whether who made a schedule may still start its task: asked anew each time that it fires."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import RightsEnded
from oddline.identity import Scope, scopes_of_actor
from oddline.schedules.model import UserSchedule
from oddline.tasks import Starter

# A role that comes by a claim stands in the issuer's books alone, and nobody here can ask the issuer about somebody
# who is not there. So it is taken on trust for a month after they were.
TRUSTED_FOR: Final = timedelta(days=30)

NEEDED: Final = {Starter.ADMIN: Scope.ADMIN, Starter.MEMBER: Scope.WRITE}


def rights_until(tx: Transaction, actor: str, *, starter: Starter, project: UUID, now: datetime) -> datetime | None:
    """Until when the rights are trusted of somebody who has them at this moment; None where a row says so each time."""
    is_kept = actor.startswith("key:") or NEEDED[starter] in scopes_of_actor(tx, actor, project=project, now=now)
    return None if is_kept else now + TRUSTED_FOR


def check_rights(tx: Transaction, schedule: UserSchedule, *, now: datetime) -> None:
    """Let nothing start with rights that somebody has no longer.

    Raises:
        RightsEnded: who made, changed or resumed it last may not start its task any more.
    """
    if schedule.rights_until is not None and now < schedule.rights_until:
        return
    needed = NEEDED[Starter(schedule.starter)]
    if needed not in scopes_of_actor(tx, schedule.actor, project=schedule.project, now=now):
        raise RightsEnded(f"{schedule.actor} has the scope {needed} no longer; whoever has it may resume the schedule")
