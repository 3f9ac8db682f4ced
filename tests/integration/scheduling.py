"""A schedule as tests make, fire and look at it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from acting import CIPHER
from reading import Databases

from oddline.catalogue import CATALOGUE
from oddline.identity import Scope, create_key
from oddline.ids import new_id
from oddline.schedules import UserSchedule, Wish, create, find, runs_of
from oddline.tasks import Starter, unseal

START = datetime(2099, 11, 4, 10, 0, 30, tzinfo=UTC)  # what stands in for AWS looks at the clock, and refuses the past
MAIL = {"recipients": ["oncall@example.org"], "subject": "Good morning", "text": "Look at the odd lines."}


def administrator(db: Databases, project: UUID) -> str:
    """A key of the project that may administer, as an actor."""
    made = create_key(
        db("worker"), project=project, name="administrator", key_id=new_id(), now=START, scopes=[Scope.ADMIN]
    )
    return f"key:{made.id}"


def scheduled(
    db: Databases, project: UUID, *, now: datetime = START, actor: str | None = None, **wish: Any
) -> UserSchedule:
    """A schedule that the project's administrator has just made; by default it fires each hour."""
    asked = {"name": f"schedule {new_id()}", "task": "send_email", "payload": MAIL, "expression": "cron(0 * * * ? *)"}
    with db("console").transaction(project=project) as tx:
        return create(
            tx,
            Wish(**asked | wish),
            schedule_id=new_id(),
            project=project,
            starter=Starter.ADMIN,
            actor=actor or administrator(db, project),
            catalogue=CATALOGUE,
            now=now,
        )


def as_kept(db: Databases, schedule: UserSchedule) -> UserSchedule:
    """What its row says now."""
    with db("worker").transaction() as tx:
        return find(tx, schedule.id)


def runs(db: Databases, schedule: UserSchedule) -> list[tuple[str, str, int]]:
    """(planned, outcome, count) of each run, the first first."""
    with db("worker").transaction() as tx:
        found = runs_of(tx, schedule.id, before=None, limit=100)
    return [(f"{run.planned:%d %H:%M:%S}", str(run.outcome), run.count) for run in reversed(found)]


def tasks_of(db: Databases, project: UUID, *, name: str = "send_email") -> list[dict[str, Any]]:
    """The payloads of the project's tasks of that name, opened."""
    with db("worker").transaction() as tx:
        rows = tx.execute("SELECT payload FROM tasks WHERE project_id = %s AND name = %s ORDER BY id", [project, name])
        return [unseal(row[0], CIPHER) for row in rows.fetchall()]
