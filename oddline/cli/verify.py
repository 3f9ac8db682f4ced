"""`oddline verify`: count every accepted entry against what is stored."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from oddline.cli.app import EXIT_ERROR
from oddline.cli.connecting import known_project, operator_database, operator_settings
from oddline.cli.console import new_console
from oddline.entries import DayCount, check_chunks, count_days
from oddline.objects import open_objects

console = new_console()
COLUMNS = ("accepted", "stored", "waiting", "dead", "dropped", "in_chunks")


def verify(
    project: Annotated[str | None, typer.Option(help="the project's name; all when not given")] = None,
    deep: Annotated[bool, typer.Option(help="open every chunk and count what is in it")] = False,
    json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Count every accepted entry of the days that are kept against the chunks; ends with 1 where one is missing."""
    now, faults = datetime.now(UTC), list[str]()
    with operator_database() as db:
        days = count_days(db, project=None if project is None else known_project(db, project), now=now)
        if deep:
            objects = open_objects(operator_settings())
            faults = [
                f"{day.name} {day.day}: {fault}"
                for day in days
                for fault in check_chunks(db, objects, project=day.project, day=day.day)
            ]
    faults += [f"{day.name} {day.day}: the counts differ" for day in days if not day.is_right]
    _tell(days, faults, as_json=json)
    if faults:
        raise typer.Exit(EXIT_ERROR)


def _tell(days: list[DayCount], faults: list[str], *, as_json: bool) -> None:
    if as_json:
        import orjson

        views = [asdict(day) | {"is_right": day.is_right} for day in days]
        print(orjson.dumps({"days": views, "faults": faults}).decode())
        return
    table = Table("project", "day", *COLUMNS, "", box=None)
    for day in days:
        counts = [f"{getattr(day, name):,}" for name in COLUMNS]
        table.add_row(day.name, str(day.day), *counts, "right" if day.is_right else Text("wrong", style="red"))
    console.print(table)
    for fault in faults:
        console.print(fault, style="red")
