"""`oddline audit`: read the audit trail, take it along, and tell whether it is what was sealed."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from rich.table import Table
from rich.text import Text

from oddline import audit
from oddline.audit import INSTALLATION, Action
from oddline.cli.app import EXIT_ERROR, make_app
from oddline.cli.connecting import known_project, operator, operator_database, operator_settings
from oddline.cli.console import TIMES, new_console
from oddline.database import Database
from oddline.errors import NotFound
from oddline.local.stack import PROJECT

app = make_app(help="Who did what; and whether the trail is what was sealed.")
console = new_console()

Whose = Annotated[str, typer.Option("--project", help="whose trail; `installation` for what belongs to no project")]
Actor = Annotated[str | None, typer.Option(help="only by this one: key:…, person:… or operator:…")]
Actions = Annotated[list[Action] | None, typer.Option("--action", help="only these; may be given several times")]
Subject = Annotated[str | None, typer.Option(help="only to exactly this, as in source:checkout-api")]
From = Annotated[datetime | None, typer.Option("--from", formats=TIMES, help="of this time (UTC) or later")]
To = Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="before this time (UTC)")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]


@app.command("list")
def list_(
    project: Whose = PROJECT,
    actor: Actor = None,
    action: Actions = None,
    subject: Subject = None,
    time_from: From = None,
    time_to: To = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List actions, the newest first."""
    query = _query(actor, action, subject, time_from, time_to)
    with _trail_of(project, query) as entries:
        views = [entry.view() for entry in islice(entries, limit)]
    if as_json:
        print(orjson.dumps(views, option=orjson.OPT_UTC_Z).decode())
        return
    table = Table("at", "number", "who", "what", "to", "from", box=None)
    for view in views:
        table.add_row(
            f"{view['at']:%Y-%m-%d %H:%M:%S}",
            str(view["number"] or "waits"),
            *(Text(text or "") for text in (view["name"] or view["actor"], view["action"], view["subject"])),
            view["address"] or "",
        )
    console.print(table)


@app.command()
def export(
    project: Whose = PROJECT,
    actor: Actor = None,
    action: Actions = None,
    subject: Subject = None,
    time_from: From = None,
    time_to: To = None,
) -> None:
    """Write all actions as JSON lines, the newest first, with their numbers and hashes."""
    with _trail_of(project, _query(actor, action, subject, time_from, time_to)) as entries:
        for entry in entries:
            sys.stdout.write(orjson.dumps(entry.view(), option=orjson.OPT_UTC_Z).decode() + "\n")


@app.command()
def verify(
    project: Annotated[str | None, typer.Option(help="only this one's trail")] = None, as_json: AsJson = False
) -> None:
    """Recompute the chains and hold them against the heads in the object store; fails where one does not fit."""
    heads = audit.open_heads(operator_settings())
    with operator_database() as db:
        verdicts = list(audit.verify(db, heads, project=None if project is None else _id_of(db, project)))
    if as_json:
        print(json.dumps([verdict.view() for verdict in verdicts]))
    else:
        for verdict in verdicts:
            _tell(verdict)
    raise typer.Exit(EXIT_ERROR if any(verdict.finding for verdict in verdicts) else 0)


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="key:…, person:… or operator:…, as `list --json` shows it")],
) -> None:
    """Destroy somebody's keys: who they were can be read nowhere in the trail any more, and the chain still holds."""
    with operator_database() as db, db.transaction() as tx:
        projects = audit.forget_person(tx, person=person, by=operator(), now=datetime.now(UTC))
    if not projects:
        raise NotFound(f"the trail knows of no {person}, or has forgotten")
    console.print(f"{person} is forgotten in {len(projects)} trails")


def _tell(verdict: audit.Verdict) -> None:
    name = "installation" if verdict.project == INSTALLATION else str(verdict.project)
    found = (
        ("valid", "green") if verdict.finding is None else (f"{verdict.finding.fault}: {verdict.finding.text}", "red")
    )
    checked = (
        f"{verdict.rows:,} rows from {verdict.cut + 1}, {verdict.heads:,} heads, {verdict.waiting:,} not sealed yet"
    )
    console.print(Text.assemble(f"{name}  {checked}  ", found), soft_wrap=True)


def _query(
    actor: str | None,
    action: list[Action] | None,
    subject: str | None,
    time_from: datetime | None,
    time_to: datetime | None,
) -> audit.Query:
    asked = audit.Query(actor=actor, actions=tuple(action or ()), subject=subject)
    times: dict[str, Any] = {
        name: time.replace(tzinfo=UTC) for name, time in (("time_from", time_from), ("time_to", time_to)) if time
    }
    return replace(asked, **times)


@contextmanager
def _trail_of(project: str, query: audit.Query) -> Iterator[Iterator[audit.Entry]]:
    with operator_database() as db:
        yield audit.all_actions(db, _id_of(db, project), query, cipher=operator_settings().cipher())


def _id_of(db: Database, project: str) -> UUID:
    if project == "installation":
        return INSTALLATION
    return known_project(db, project)
