"""`oddline workers`: what each does now, their events as they happen; restart them, limit tasks."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from oddline import fleet
from oddline.audit import Action, record
from oddline.catalogue import CATALOGUE
from oddline.cli.app import make_app
from oddline.cli.connecting import operator, operator_database, operator_settings
from oddline.cli.console import new_console
from oddline.database import Transaction
from oddline.fleet import Work
from oddline.tasks import WorkerClass

app = make_app(help="What workers do now; restart them, limit tasks.")
console = new_console()

OPERATOR = "command line"  # who did it, as it stands on record
MIB = 2**20
AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
TaskName = Annotated[str, typer.Argument(help="the task, as in `oddline tasks list`")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the workers that are alive: memory, and what each process does now."""
    now = datetime.now(UTC)
    with operator_database() as db:
        found = fleet.list_workers(db, now=now)
    if as_json:
        print(json.dumps([worker.view() for worker in found], default=str))
        return
    table = Table("worker", "process", "memory", "up", "done", "does", box=None)
    for worker in found:
        state = ", ".join(worker.classes) + (" (ending)" if worker.ending_at else "")
        table.add_row(worker.name, "main", _memory(worker.stats), _age(worker.started_at, now), "", state)
        for process in worker.processes:
            does = "; ".join(_told(work, now) for work in worker.work if work.worker == process.name)
            done = str(process.stats["tasks_done"])
            pid = process.name.rpartition(":")[2]
            table.add_row("", pid, _memory(process.stats), _age(process.started_at, now), done, does)
    console.print(table)


@app.command()
def events(as_json: AsJson = False) -> None:
    """Show what workers tell of themselves as it happens, until Ctrl-C."""
    env = os.environ | {"ODDLINE_REDIS_URL": operator_settings().redis_url}
    command = [sys.executable, "-m", "worker_image.events", *(["--json"] if as_json else [])]
    os.execve(command[0], command, env)  # noqa: S606  # this process becomes the listener


@app.command()
def restart(
    only: Annotated[list[WorkerClass] | None, typer.Option("--class", help="only workers of this class")] = None,
) -> None:
    """Have workers finish what they do and end, one of a class after the other; ECS or the supervisor starts others."""
    with operator_database() as db, db.transaction() as tx:
        fleet.ask_restart(tx, only or (), by=OPERATOR, now=datetime.now(UTC))
        _record(tx, Action.WORKERS_RESTARTED, f"workers:{','.join(only or ())}")
    console.print("asked; `oddline workers list` shows how far it is")


@app.command()
def limits(as_json: AsJson = False) -> None:
    """List the rate limits that differ from the catalogue's."""
    with operator_database() as db, db.transaction() as tx:
        found = fleet.limits(tx)
    if as_json:
        print(json.dumps([limit.view() for limit in found], default=str))
        return
    table = Table("task", "rate", "set", "by", box=None)
    for limit in found:
        table.add_row(limit.task, limit.rate, f"{limit.set_at:%Y-%m-%d %H:%M:%S}", limit.set_by)
    console.print(table)


@app.command()
def limit(
    task: TaskName, rate: Annotated[str, typer.Argument(help="10/m, 5/s, 100/h; 0 for as often as it can")]
) -> None:
    """Change how often each worker may start a task; workers follow within seconds."""
    with operator_database() as db, db.transaction() as tx:
        fleet.set_limit(tx, task, rate=rate, catalogue=CATALOGUE, by=OPERATOR, now=datetime.now(UTC))
        _record(tx, Action.RATE_LIMITED, f"task:{task}", rate=rate)
    console.print(f"{task}: {rate} for each worker")


@app.command()
def unlimit(task: TaskName) -> None:
    """Let the catalogue's limit of a task hold again."""
    with operator_database() as db, db.transaction() as tx:
        fleet.lift_limit(tx, task)
        _record(tx, Action.RATE_FREED, f"task:{task}")
    console.print(f"{task}: as the catalogue says")


def _record(tx: Transaction, action: Action, subject: str, **details: Any) -> None:
    now = datetime.now(UTC)
    record(tx, project=None, by=operator(), action=action, subject=subject, details=details, now=now)


def _memory(stats: object) -> str:
    rss = stats.get("rss_bytes") if isinstance(stats, dict) else None
    return f"{rss / MIB:.0f} MB" if rss else "?"


def _age(since: datetime, now: datetime) -> str:
    return f"{(now - since).total_seconds():.0f} s"


def _told(work: Work, now: datetime) -> str:
    if work.submissions is not None:
        return f"{work.name}: {work.submissions} submissions, {work.entries} entries"
    since = f" for {_age(work.since, now)}" if work.since else ""
    progress = f", {work.progress:.0%}" if work.progress is not None else ""
    return f"{work.name} {work.task_id}{since}, attempt {work.attempt}{progress}"
