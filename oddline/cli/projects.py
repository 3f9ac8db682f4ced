"""`oddline projects`: what each project may use, which only the operator says."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from oddline.audit import Action, record
from oddline.cli.app import make_app
from oddline.cli.connecting import operator, operator_database, operator_settings
from oddline.cli.console import new_console
from oddline.cli.registry import project_of
from oddline.errors import InvalidParameter
from oddline.identity import list_projects
from oddline.limits import default_limits, read_limits, write_limits

app = make_app(help="List projects; say how much each may send and ask.")
console = new_console()

AS_SETTINGS_SAY = -1
MOST_A_DAY, MOST_A_MINUTE = 2**63 - 1, 2**31 - 1

Project = Annotated[str, typer.Argument(help="its name")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
EntriesADay = Annotated[
    int | None, typer.Option("--entries", min=AS_SETTINGS_SAY, max=MOST_A_DAY, help="0: no limit, -1: as settings say")
]
BytesADay = Annotated[
    int | None, typer.Option("--bytes", min=AS_SETTINGS_SAY, max=MOST_A_DAY, help="of messages and attributes")
]
AMinute = Annotated[
    int | None, typer.Option(min=AS_SETTINGS_SAY, max=MOST_A_MINUTE, help="0: no limit, -1: as settings say")
]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List projects with their ids and what each may use; 0 is no limit."""
    defaults = default_limits(operator_settings())
    with operator_database() as db, db.transaction() as tx:
        views = {
            project.name: {"id": str(project.id)} | asdict(read_limits(tx, project.id, defaults=defaults))
            for project in list_projects(tx)
        }
    if as_json:
        print(json.dumps(views))
        return
    table = Table("project", "id", "a day: entries", "bytes", "a minute and key: ingest", "read", "write",
                  "and project: ingest", "read", "write", box=None)  # fmt: skip
    for name, view in views.items():
        table.add_row(name, *(f"{value:,}" if isinstance(value, int) else value for value in view.values()))
    console.print(table)


@app.command()
def quota(project: Project, entries: EntriesADay = None, bytes_: BytesADay = None) -> None:
    """Say how many entries and bytes a project may send a day; it holds within a minute."""
    _set(project, entries_a_day=entries, bytes_a_day=bytes_)


@app.command()
def rates(
    project: Project,
    key_ingest: AMinute = None,
    key_read: AMinute = None,
    key_write: AMinute = None,
    project_ingest: AMinute = None,
    project_read: AMinute = None,
    project_write: AMinute = None,
) -> None:
    """Say how many requests a minute each key of a project may make, and all of them; it holds within a minute."""
    _set(
        project,
        key_ingest=key_ingest,
        key_read=key_read,
        key_write=key_write,
        project_ingest=project_ingest,
        project_read=project_read,
        project_write=project_write,
    )


def _set(project: str, **given: int | None) -> None:
    changed = {name: None if value == AS_SETTINGS_SAY else value for name, value in given.items() if value is not None}
    if not changed:
        raise InvalidParameter("say which limit is to be changed")
    defaults = default_limits(operator_settings())
    with project_of(project) as (db, project_id), db.transaction() as tx:
        write_limits(tx, project_id, changed=changed)
        record(
            tx,
            project=project_id,
            by=operator(),
            action=Action.PROJECT_LIMITED,
            subject=f"project:{project_id}",
            details=changed,
            now=datetime.now(UTC),
        )
        told: dict[str, Any] = asdict(read_limits(tx, project_id, defaults=defaults))
    print("\n".join(f"{name.replace('_', ' ')}: {told[name] or 'no limit'}" for name in changed))
