"""`oddline schedules`: start tasks at set times, as the project whose key is used."""

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from oddline.cli.app import make_app
from oddline.cli.connecting import Key, Url, call_api
from oddline.cli.console import new_console
from oddline.errors import InvalidParameter
from oddline.schedules import CatchUp

PATH = "/api/v1/schedules"

app = make_app(help="Start tasks at set times.")
console = new_console()

AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
Id = Annotated[UUID, typer.Argument(help="as `list` shows it")]
Payload = Annotated[str | None, typer.Option(help="what the task is given, in JSON")]
Zone = Annotated[str | None, typer.Option("--timezone", help="of the IANA database; UTC when not given")]
Start = Annotated[datetime | None, typer.Option("--from", help="it fires at this moment (UTC) at the soonest")]
End = Annotated[datetime | None, typer.Option("--until", help="it fires before this moment (UTC) only")]
Missed = Annotated[CatchUp | None, typer.Option("--catch-up", help="whether the last of missed runs is made up for")]


@app.command("list")
def list_(
    system: Annotated[bool, typer.Option("--system", help="Oddline's own instead")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List schedules by name, each with its next time."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        asked = {"system": system} | ({"after": after} if after else {})
        page = call_api("GET", PATH, url=url, key=key, params=asked)
        found += page["schedules"]
        after = page.get("next")
        if after is None:
            break
    if as_json:
        print(json.dumps(found))
        return
    table = Table("id", "name", "task", "expression", "zone", "state", "next", box=None)
    for one in found:
        of_user = [one.get(name, "") for name in ("id", "name")]
        upcoming = one["next"][0][:19] if one["next"] else ""
        table.add_row(*of_user, one["task"], one["expression"], one["timezone"], one.get("state", ""), upcoming)
    console.print(table)


@app.command()
def show(schedule: Id, url: Url = None, key: Key = None) -> None:
    """Show a schedule with its next five times."""
    _print(call_api("GET", f"{PATH}/{schedule}", url=url, key=key))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="unique in the project")],
    task: Annotated[str, typer.Argument(help="of the task catalogue")],
    expression: Annotated[
        str, typer.Argument(help="rate(5 minutes), cron(0 8 ? * MON-FRI *), at(2026-11-20T13:00:00)")
    ],
    payload: Payload = None,
    timezone: Zone = None,
    start: Start = None,
    end: End = None,
    catch_up: Missed = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make a schedule; its next five times are shown."""
    given = _given(payload=payload, timezone=timezone, start=start, end=end, catch_up=catch_up)
    body = {"name": name, "task": task, "expression": expression} | given
    _print(call_api("POST", PATH, url=url, key=key, json=body))


@app.command()
def change(
    schedule: Id,
    name: Annotated[str | None, typer.Option(help="unique in the project")] = None,
    task: Annotated[str | None, typer.Option(help="of the task catalogue")] = None,
    expression: Annotated[str | None, typer.Option(help="as for `add`")] = None,
    payload: Payload = None,
    timezone: Zone = None,
    start: Start = None,
    end: End = None,
    catch_up: Missed = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Change what is given; its next five times are shown."""
    names = {"name": name, "task": task, "expression": expression}
    given = _given(payload=payload, timezone=timezone, start=start, end=end, catch_up=catch_up)
    body = {field: value for field, value in names.items() if value is not None} | given
    _print(call_api("PUT", f"{PATH}/{schedule}", url=url, key=key, json=body))


@app.command()
def pause(schedule: Id, url: Url = None, key: Key = None) -> None:
    """Let it fire no more until it is resumed."""
    call_api("POST", f"{PATH}/{schedule}/pause", url=url, key=key)
    console.print(f"paused {schedule}")


@app.command()
def resume(schedule: Id, url: Url = None, key: Key = None) -> None:
    """Let a paused one fire again, from now on."""
    _print(call_api("POST", f"{PATH}/{schedule}/resume", url=url, key=key))


@app.command()
def remove(schedule: Id, url: Url = None, key: Key = None) -> None:
    """Remove it and what is kept of its runs; what it has started goes on."""
    call_api("DELETE", f"{PATH}/{schedule}", url=url, key=key)
    console.print(f"removed {schedule}")


@app.command()
def run(schedule: Id, url: Url = None, key: Key = None) -> None:
    """Start its task now, beside its planned times."""
    print(call_api("POST", f"{PATH}/{schedule}/run", url=url, key=key)["task_id"])


@app.command()
def runs(
    schedule: Id,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List what became of its planned times, the last first."""
    found = call_api("GET", f"{PATH}/{schedule}/runs", url=url, key=key, params={"limit": limit})["runs"]
    if as_json:
        print(json.dumps(found))
        return
    table = Table("planned", "fired", "outcome", "times", "task", "detail", box=None)
    for one in found:
        times = [one[moment][:19] for moment in ("planned", "fired_at")]
        table.add_row(*times, one["outcome"], str(one["count"]), one["task_id"] or "", one["detail"] or "")
    console.print(table)


def _given(
    *,
    payload: str | None,
    timezone: str | None,
    start: datetime | None,
    end: datetime | None,
    catch_up: CatchUp | None,
) -> dict[str, Any]:
    try:
        read = None if payload is None else json.loads(payload)
    except ValueError as error:
        raise InvalidParameter(f"--payload is no JSON: {error}", field="payload") from error
    given = {
        "payload": read,
        "timezone": timezone,
        "starts_at": start and f"{start.isoformat()}Z",
        "ends_at": end and f"{end.isoformat()}Z",
        "catch_up": catch_up,
    }
    return {name: value for name, value in given.items() if value is not None}


def _print(schedule: dict[str, Any]) -> None:
    print(json.dumps(schedule, indent=2))
