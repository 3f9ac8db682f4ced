"""`oddline tasks smoke`: run a harmless instance of every kind of task and say what works."""

import json
import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from oddline import tasks
from oddline.catalogue import CATALOGUE
from oddline.cli.connecting import operator_database
from oddline.cli.console import new_console
from oddline.cli.waking import wake
from oddline.database import Database
from oddline.errors import NotFound
from oddline.submissions import new_id
from oddline.tasks import State, Task

console = new_console()

SMOKE_POLL_S = 0.1


def smoke(
    kind: Annotated[list[str] | None, typer.Option(help="only these tasks; may be given several times")] = None,
    patience: Annotated[float, typer.Option(help="seconds to wait for all of them")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Run a harmless instance of every kind of task and say what works."""
    unknown = set(kind or []) - CATALOGUE.keys()
    if unknown:
        raise NotFound(f"there is no task {', '.join(sorted(unknown))}: `oddline tasks smoke` tries each that there is")
    wanted = [spec for spec in CATALOGUE.values() if not spec.in_function and (not kind or spec.name in kind)]
    with operator_database() as db:
        started = {spec.name: _start_smoke(db, spec) for spec in wanted}
        ended = _wait_for(db, list(started.values()), patience_s=patience)
    outcome = {name: ended[task_id] for name, task_id in started.items()}
    if as_json:
        print(json.dumps({name: task.view() for name, task in outcome.items()}, default=str))
    else:
        for name, task in outcome.items():
            works = task.state is State.SUCCESS
            outcome_text = ("works", "green") if works else (f"{task.state} {task.error or ''}", "red")
            console.print(Text.assemble(f"{name:24} ", outcome_text))
    raise typer.Exit(0 if all(task.state is State.SUCCESS for task in outcome.values()) else 1)


def _start_smoke(db: Database, spec: tasks.TaskSpec) -> UUID:
    task_id = new_id()
    with db.transaction() as tx:
        tasks.enqueue(tx, spec, spec.smoke, task_id=task_id, project=None, now=datetime.now(UTC))
    wake([(spec, task_id)])
    return task_id


def _wait_for(db: Database, wanted: list[UUID], *, patience_s: float) -> dict[UUID, Task]:
    """The tasks as they are once all have ended, or patience has."""
    deadline = time.monotonic() + patience_s
    while True:
        with db.transaction() as tx:
            found = {task_id: task for task_id in wanted if (task := tasks.find(tx, task_id)) is not None}
        if all(task.state.ready for task in found.values()) or time.monotonic() > deadline:
            return found
        time.sleep(SMOKE_POLL_S)
