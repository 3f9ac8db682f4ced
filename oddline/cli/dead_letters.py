"""`oddline tasks replay` and `drop`: settle what failed for good, one by one or all of a name."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from oddline import maintenance
from oddline.catalogue import CATALOGUE
from oddline.cli.connecting import operator_database
from oddline.cli.console import new_console
from oddline.cli.waking import wake
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
        console.print(f"dropped {task_id}")


def _replay_many(name: str | None) -> None:
    """In steps, each in a transaction of its own, until nothing is left that was dead when it began."""
    count = 0
    with operator_database() as db:
        while True:
            with db.transaction() as tx:
                replayed = maintenance.replay_dead_letters(tx, catalogue=CATALOGUE, name=name)
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
            count += dropped
            if not dropped:
                break
    console.print(f"dropped {count}")
