"""`oddline tasks`: what runs, what waits, what failed; start, cancel, replay, drop, and a try of every kind."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from oddline import maintenance, tasks
from oddline.audit import Action, record
from oddline.catalogue import CATALOGUE
from oddline.cli import dead_letters, smoke
from oddline.cli.app import make_app
from oddline.cli.connecting import known_project, operator, operator_database, operator_settings
from oddline.cli.console import TIMES, new_console
from oddline.cli.waking import wake
from oddline.database import Database, Transaction
from oddline.errors import InvalidParameter, NotFound
from oddline.local.stack import PROJECT
from oddline.tasks import Outcome, Search, Starter, State, Task

app = make_app(help="What runs, what waits, what failed.")
console = new_console()

app.command()(dead_letters.replay)
app.command()(dead_letters.drop)
app.command()(smoke.smoke)

RUNNING = (State.STARTED, State.PROGRESS)
WAITING = (State.PENDING, State.RETRY)
OUTCOMES = {
    Outcome.NEVER_STARTED: "never started",
    Outcome.STOPPED: "stopped",
    Outcome.STOPPING: "is being stopped: `oddline tasks show` tells when it is",
    Outcome.TOO_LATE: "too late: it ended while it was to be stopped",
    Outcome.ALREADY_DONE: "already done",
}


AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
TaskId = Annotated[UUID, typer.Argument(help="the task's id")]
Most = Annotated[int, typer.Option("--limit", min=1, max=1_000)]


@app.command("list")
def list_(
    state: Annotated[list[State] | None, typer.Option(help="only these; may be given several times")] = None,
    name: Annotated[str | None, typer.Option(help="only tasks of this name")] = None,
    text: Annotated[str | None, typer.Option(help="in the name or the error, or the beginning of the id")] = None,
    time_from: Annotated[
        datetime | None, typer.Option("--from", formats=TIMES, help="created at this time (UTC) or later")
    ] = None,
    time_to: Annotated[
        datetime | None, typer.Option("--to", formats=TIMES, help="created before this time (UTC)")
    ] = None,
    project: Annotated[str | None, typer.Option(help="only of this project")] = None,
    dead: Annotated[bool, typer.Option(help="only dead letters")] = False,
    limit: Most = 50,
    as_json: AsJson = False,
) -> None:
    """List tasks of all projects, newest first."""
    states = [State.FAILURE] if dead else state or []
    owner = None
    if project is not None:
        with operator_database() as db:
            owner = known_project(db, project)
    search = Search(states=states, name=name, text=text, time_from=time_from, time_to=time_to, project=owner)
    _print(search, limit=limit, as_json=as_json)


@app.command()
def active(limit: Most = 50, as_json: AsJson = False) -> None:
    """List what runs now, in all projects."""
    _print(Search(states=RUNNING), limit=limit, as_json=as_json)


@app.command()
def scheduled(limit: Most = 50, as_json: AsJson = False) -> None:
    """List what waits for its time: a start that is set, or another attempt."""
    _print(Search(states=WAITING, due_after=datetime.now(UTC)), limit=limit, as_json=as_json)


@app.command()
def show(task_id: TaskId) -> None:
    """Show a task with its payload, its result, its error and its attempts that failed."""
    with operator_database() as db, db.transaction() as tx:
        kept = tasks.find(tx, task_id)
        if kept is None:
            raise NotFound(f"there is no task {task_id}")
        task = tasks.opened(kept, operator_settings().cipher())
        if task != kept:  # it is about people: so who looks is kept
            _record(tx, Action.TASK_OPENED, task_id, project=task.project, name=task.name)
    more = {
        "project": task.project,
        "worker": task.worker,
        "payload": dict(task.payload),
        "replays": task.replays,
        "failures": list(task.failures),
    }
    print(json.dumps(task.view() | more, default=str, indent=2))


@app.command()
def start(
    name: Annotated[str, typer.Argument(help="its name in the catalogue")],
    payload: Annotated[str, typer.Option(help="what it is given, a JSON object")] = "{}",
    project: Annotated[
        str | None, typer.Option(help=f"whose it is, by name or id; of a task for one project {PROJECT} if not given")
    ] = None,
) -> None:
    """Start a task. What there is to start, and with what: `GET /api/v1/tasks/catalogue`."""
    try:
        given = json.loads(payload)
    except ValueError as error:
        raise InvalidParameter(f'the payload is no JSON: {error}; write it as \'{{"name": "value"}}\'') from error
    if not isinstance(given, dict):
        raise InvalidParameter("the payload is no JSON object")
    with operator_database() as db:
        owner = _owner(db, name, given, named=project)
        with db.transaction() as tx:
            spec, task_id = tasks.request(
                tx,
                CATALOGUE,
                name=name,
                payload=given,
                starter=Starter.SYSTEM,
                project=owner,
                now=datetime.now(UTC),
            )
            _record(tx, Action.TASK_STARTED, task_id, project=owner, name=name)
    wake([(spec, task_id)])
    print(task_id)


@app.command()
def cancel(task_id: TaskId) -> None:
    """End a task that waits or runs, and say what came of it."""
    with operator_database() as db:
        cancelled = maintenance.cancel_task(db, task_id, project=None, by=operator(), clock=tasks.utc_now)
    console.print(f"{task_id} {OUTCOMES[cancelled.outcome]} ({cancelled.task.state})")


@app.command()
def alerts(
    kind: Annotated[str | None, typer.Option(help="only of this kind")] = None,
    limit: Most = 50,
    as_json: AsJson = False,
) -> None:
    """List what operators were told, in all projects and of none, the last first."""
    with operator_database() as db, db.transaction() as tx:
        raised = tasks.raised_alerts(tx, kind=kind, limit=limit)
    if as_json:
        print(json.dumps([asdict(alert) for alert in raised], default=str))
        return
    rows = [
        (f"{one.last_at:%Y-%m-%d %H:%M:%S}", str(one.count), one.kind, one.subject, one.text[:120]) for one in raised
    ]
    _print_table(("last", "times", "kind", "subject", "text"), rows)


def _record(tx: Transaction, action: Action, task_id: UUID | None, *, project: UUID | None, name: str) -> None:
    told, now = {"name": name}, datetime.now(UTC)
    record(tx, project=project, by=operator(), action=action, subject=f"task:{task_id}", details=told, now=now)


def _print(search: Search, *, limit: int, as_json: bool) -> None:
    with operator_database() as db, db.transaction() as tx:
        found = tasks.newest(tx, search, limit=limit)
    if as_json:
        print(json.dumps([_view(task) for task in found], default=str))
        return
    rows = [
        (
            str(task.id),
            task.name,
            str(task.state) if task.progress is None else f"{task.state} {task.progress:.0%}",
            str(task.attempt),
            f"{task.created_at:%Y-%m-%d %H:%M:%S}",
            (tasks.shown(task.error) or "")[:80],
        )
        for task in found
    ]
    _print_table(("id", "name", "state", "attempt", "created", "error"), rows)


def _print_table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _view(task: Task) -> dict[str, Any]:
    return task.view() | {"project": task.project, "worker": task.worker}


def _owner(db: Database, name: str, given: dict[str, Any], *, named: str | None) -> UUID | None:
    """Whose a task is; where its payload tells that, too, it is put there by its id."""
    spec = CATALOGUE.get(name)
    if spec is None or "project" not in spec.payload.model_fields:
        return None if named is None else known_project(db, named)
    told = str(given["project"]) if given.get("project") else None
    owner = known_project(db, named or told or PROJECT)
    if told and known_project(db, told) != owner:
        raise InvalidParameter(f"--project is {named}, and the payload's project {told}: name one of them")
    given["project"] = str(owner)
    return owner
