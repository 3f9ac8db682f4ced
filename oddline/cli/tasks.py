"""`oddline tasks`: what runs, what waits, what failed; replay, drop, and a harmless try of every kind."""

import json
import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from oddline import maintenance, tasks
from oddline.audit import Action, record
from oddline.catalogue import CATALOGUE
from oddline.cli.app import make_app
from oddline.cli.connecting import operator, operator_database, operator_settings
from oddline.cli.console import new_console
from oddline.database import Database, Transaction
from oddline.errors import NotFound
from oddline.submissions import new_id
from oddline.tasks import Publisher, State, Task

app = make_app(help="What runs, what waits, what failed.")
console = new_console()

AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
TaskId = Annotated[UUID, typer.Argument(help="the task's id")]
SMOKE_POLL_S = 0.1


@app.command("list")
def list_(
    state: Annotated[list[State] | None, typer.Option(help="only these; may be given several times")] = None,
    name: Annotated[str | None, typer.Option(help="only tasks of this name")] = None,
    dead: Annotated[bool, typer.Option(help="only dead letters")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List tasks of all projects, newest first."""
    states = [State.FAILURE] if dead else state or []
    with operator_database() as db, db.transaction() as tx:
        found = tasks.newest(tx, states=states, name=name, limit=limit)
    if as_json:
        print(json.dumps([task.view() for task in found], default=str))
        return
    table = Table("id", "name", "state", "attempt", "created", "error", box=None)
    for task in found:
        table.add_row(
            str(task.id),
            task.name,
            task.state,
            str(task.attempt),
            f"{task.created_at:%Y-%m-%d %H:%M:%S}",
            (task.error or "")[:80],
        )
    console.print(table)


@app.command()
def show(task_id: TaskId) -> None:
    """Show a task with its payload, result and error."""
    with operator_database() as db, db.transaction() as tx:
        task = tasks.find(tx, task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}")
    print(json.dumps(task.view() | {"project": task.project, "payload": dict(task.payload)}, default=str, indent=2))


@app.command()
def replay(task_id: TaskId) -> None:
    """Put a dead letter back to its beginning."""
    with operator_database() as db, db.transaction() as tx:
        spec = maintenance.replay_dead_letter(tx, task_id, catalogue=CATALOGUE)
        _record(tx, Action.TASK_REPLAYED, task_id)
    _wake(spec, task_id if spec.ledger else None)
    console.print(f"{task_id} waits again")


@app.command()
def drop(task_id: TaskId) -> None:
    """Settle a dead letter for good: what it stood for is not done."""
    with operator_database() as db, db.transaction() as tx:
        maintenance.drop_dead_letter(tx, task_id, now=datetime.now(UTC))
        _record(tx, Action.TASK_DROPPED, task_id)
    console.print(f"dropped {task_id}")


@app.command()
def smoke(
    kind: Annotated[list[str] | None, typer.Option(help="only these tasks; may be given several times")] = None,
    patience: Annotated[float, typer.Option(help="seconds to wait for all of them")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Run a harmless instance of every kind of task and say what works."""
    unknown = set(kind or []) - CATALOGUE.keys()
    if unknown:
        raise NotFound(f"not in the catalogue: {', '.join(sorted(unknown))}")
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


def _record(tx: Transaction, action: Action, task_id: UUID) -> None:
    task = tasks.find(tx, task_id)
    project = task.project if task else None
    record(tx, project=project, by=operator(), action=action, subject=f"task:{task_id}", now=datetime.now(UTC))


def _start_smoke(db: Database, spec: tasks.TaskSpec) -> UUID:
    task_id = new_id()
    with db.transaction() as tx:
        tasks.enqueue(tx, spec, spec.smoke, task_id=task_id, project=None, now=datetime.now(UTC))
    _wake(spec, task_id)
    return task_id


def _wake(spec: tasks.TaskSpec, task_id: UUID | None) -> None:
    """Publish it, where a broker is named; what is not published the schedules find within minutes."""
    if redis_url := operator_settings().redis_url:
        publisher = Publisher(redis_url)
        publisher.wake(spec, task_id=task_id)
        publisher.close()


def _wait_for(db: Database, wanted: list[UUID], *, patience_s: float) -> dict[UUID, Task]:
    """The tasks as they are once all have ended, or patience has."""
    deadline = time.monotonic() + patience_s
    while True:
        with db.transaction() as tx:
            found = {task_id: task for task_id in wanted if (task := tasks.find(tx, task_id)) is not None}
        if all(task.state.ready for task in found.values()) or time.monotonic() > deadline:
            return found
        time.sleep(SMOKE_POLL_S)
