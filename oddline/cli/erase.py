"""`oddline erase`: take the values of a person out of all that is stored."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from oddline.audit import Action, record
from oddline.cli.connecting import known_project, operator, operator_database, operator_settings
from oddline.cli.console import new_console
from oddline.database import Database
from oddline.errors import InvalidParameter
from oddline.objects import open_objects
from oddline.privacy import ERASE_PERSON, SETTLED, erase_again, request_erasure
from oddline.tasks import Publisher

console = new_console()


def erase(
    values: Annotated[list[str] | None, typer.Argument(help="what is to be erased, as it is written")] = None,
    project: Annotated[str, typer.Option(help="the project's name")] = "default",
    reason: Annotated[str, typer.Option(help="kept with the erasure; it must not hold a value")] = "by an operator",
    ignore_case: Annotated[bool, typer.Option(help="capital and small letters are the same")] = False,
    again: Annotated[bool, typer.Option(help="instead: erase all anew that was ever erased, after a restore")] = False,
) -> None:
    """Erase values of a person from a project and from what belongs to none; what comes in is masked from now on.

    A task does it; its result is the proof.
    """
    if again == bool(values):
        raise InvalidParameter("name values, or say --again", field="values")
    settings = operator_settings()
    with operator_database() as db:
        if again:
            tasks = erase_again(db, open_objects(settings), by=operator(), now=datetime.now(UTC))
        else:
            tasks = [_ask(db, values or [], project=project, reason=reason, ignore_case=ignore_case)]
    _wake(tasks, redis_url=settings.redis_url)
    for task in tasks:
        console.print(f"task {task} begins in a minute; `oddline tasks show {task}` tells the proof")


def _ask(db: Database, values: list[str], *, project: str, reason: str, ignore_case: bool) -> UUID:
    """List the values for a project, and for what belongs to none; returns the id of the task."""
    by, now = operator(), datetime.now(UTC)
    project_id = known_project(db, project)
    with db.transaction() as tx:
        erasure = request_erasure(
            tx,
            project=project_id,
            values=values,
            ignore_case=ignore_case,
            reason=reason,
            requested_by="operator",
            cipher=operator_settings().cipher(),
            now=now,
            whole_installation=True,
        )
        subject = f"erasure:{erasure.id}"
        record(tx, project=project_id, by=by, action=Action.ERASURE_ASKED, subject=subject, now=now)
    return erasure.task


def _wake(tasks: list[UUID], *, redis_url: str) -> None:
    """Publish them, where a broker is named; what is not published the schedules find within minutes."""
    if redis_url:
        publisher = Publisher(redis_url)
        for task in tasks:
            publisher.wake(ERASE_PERSON, task_id=task, countdown=SETTLED)
        publisher.close()
