"""`oddline tasks replay` and `drop`: settle what failed for good, one by one or all of a name."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from oddline import maintenance, tasks
from oddline.audit import Action, record
from oddline.catalogue import CATALOGUE
from oddline.cli.connecting import operator, operator_database
from oddline.cli.console import new_console
from oddline.cli.waking import wake
from oddline.database import Transaction
from oddline.errors import BadRequest

console = new_console()

DeadLetter = Annotated[UUID | None, typer.Argument(help="the dead letter's id")]
OfName = Annotated[str | None, typer.Option(help="all dead letters of this task")]


def replay(
    task_id: DeadLetter = None,
    name: OfName = None,
    everything: Annotated[bool, typer.Option("--all", help="all dead letters")] = False,
    force: Annotated[bool, typer.Option(help="also one that came back dead too often")] = False,
) -> None:
    """Put a dead letter, those of a task or all back to their beginning."""
    if [task_id is not None, name is not None, everything].count(True) != 1:
        raise BadRequest("name one dead letter, or --name, or --all")
    if task_id is None:
        _replay_many(name)
        return
    with operator_database() as db, db.transaction() as tx:
        spec = maintenance.replay_dead_letter(tx, task_id, catalogue=CATALOGUE, force=force)
        _record_one(tx, Action.TASK_REPLAYED, task_id, force=force)
    wake([(spec, task_id if spec.ledger else None)])
    console.print(f"{task_id} waits again")


def drop(task_id: DeadLetter = None, name: OfName = None) -> None:
    """Settle a dead letter, or those of a task, for good: what they stood for is not done."""
    if (task_id is None) == (name is None):
        raise BadRequest("name one dead letter, or --name")
    if name is not None:
        _drop_many(name)
    elif task_id is not None:
        with operator_database() as db, db.transaction() as tx:
            maintenance.drop_dead_letter(tx, task_id, now=datetime.now(UTC))
            _record_one(tx, Action.TASK_DROPPED, task_id)
        console.print(f"dropped {task_id}")


def _replay_many(name: str | None) -> None:
    """In steps, each in a transaction of its own, until nothing is left that was dead when it began."""
    count, began = 0, datetime.now(UTC)
    with operator_database() as db:
        while True:
            with db.transaction() as tx:
                replayed = maintenance.replay_dead_letters(tx, catalogue=CATALOGUE, name=name, failed_before=began)
                _record_many(tx, Action.TASKS_REPLAYED, name, replayed=replayed.replayed)
            wake(replayed.tasks)
            count += replayed.replayed
            if not (replayed.replayed and replayed.left):
                break
    console.print(f"{count} wait again")
    if replayed.capped:
        console.print(f"{replayed.capped} came back dead too often: replay each by its id and with --force, or drop it")


def _drop_many(name: str) -> None:
    count = 0
    with operator_database() as db:
        while True:
            with db.transaction() as tx:
                dropped = maintenance.drop_dead_letters(tx, name=name, now=datetime.now(UTC))
                _record_many(tx, Action.TASKS_DROPPED, name, dropped=dropped)
            count += dropped
            if not dropped:
                break
    console.print(f"dropped {count}")


def _record_one(tx: Transaction, action: Action, task_id: UUID, **details: Any) -> None:
    """Into the trail of the task's project."""
    task = tasks.find(tx, task_id)
    record(
        tx,
        project=task.project if task else None,
        by=operator(),
        action=action,
        subject=f"task:{task_id}",
        details={"name": task.name if task else None} | details,
        now=datetime.now(UTC),
    )


def _record_many(tx: Transaction, action: Action, name: str | None, **details: int) -> None:
    """Into the trail of the installation, since they are of any project."""
    subject, now = f"tasks:{name or ''}", datetime.now(UTC)
    record(tx, project=None, by=operator(), action=action, subject=subject, details=details, now=now)
