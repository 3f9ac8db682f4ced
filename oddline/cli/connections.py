"""`oddline connections`: live feeds that are polled, as the project whose key is used."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from oddline.cli.app import make_app
from oddline.cli.connecting import Key, Url, call_api
from oddline.cli.console import new_console
from oddline.errors import InvalidParameter, UnreadableFile

PATH = "/api/v1/connections"
LONGEST_TRY_S = 60.0

app = make_app(help="Poll live feeds: CloudWatch Logs, S3, HTTP, Redis, Google Cloud, Azure.")
console = new_console()

AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
Id = Annotated[UUID, typer.Argument(help="as `list` shows it")]


@app.command("list")
def list_(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List connections by name, each with how it is doing."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = call_api("GET", PATH, url=url, key=key, params={"after": after} if after else {})
        found += page["connections"]
        after = page.get("next")
        if after is None:
            break
    if as_json:
        print(json.dumps(found))
        return
    table = Table("id", "name", "type", "source", "state", "entries", "last entry", "last error", box=None)
    for one in found:
        named = [one[name] for name in ("id", "name", "type", "source", "state")]
        last = (one["last_entry_at"] or "")[:19]
        table.add_row(*named, str(one["entries"]), last, one["last_error"] or "")
    console.print(table)


@app.command()
def show(connection: Id, url: Url = None, key: Key = None) -> None:
    """Show a connection and how it is doing."""
    _print(call_api("GET", f"{PATH}/{connection}", url=url, key=key))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="unique in the project")],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="cloudwatch, s3, http, redis, google or azure")],
    source: Annotated[str, typer.Argument(help="of its entries")],
    configuration: Annotated[str, typer.Argument(help="where it leads, in JSON: docs/connections.md")],
    credentials: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON that lets in there; - reads it from standard input")
    ] = None,
    interval: Annotated[int | None, typer.Option(help="seconds from one poll to the next, 30 at the least")] = None,
    since: Annotated[datetime | None, typer.Option(help="(UTC) what is older is not taken; now")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make a connection: what is new there comes in from now on."""
    body: dict[str, Any] = {
        "name": name,
        "type": type_,
        "source": source,
        "configuration": _object(configuration, field="configuration"),
        "credentials": None if credentials is None else _object(_text(credentials), field="credentials"),
        "interval_s": interval,
        "since": since and f"{since.isoformat()}Z",
    }
    given = {field: value for field, value in body.items() if value is not None}
    _print(call_api("POST", PATH, url=url, key=key, json=given))


@app.command("test")
def try_(connection: Id, url: Url = None, key: Key = None) -> None:
    """Try a connection: what it reaches and its first few entries, or the exact reason why not; nothing is stored."""
    task = call_api("POST", f"{PATH}/{connection}/test", url=url, key=key)["task_id"]
    deadline = time.monotonic() + LONGEST_TRY_S
    while not (told := call_api("GET", f"/api/v1/tasks/{task}", url=url, key=key))["ready"]:
        if time.monotonic() >= deadline:
            console.print(f"nothing yet; `oddline tasks show {task}` tells later")
            raise typer.Exit(1)
        time.sleep(0.5)
    _print(told["result"] if told["successful"] else {"reached": False, "reason": told["error"]})
    if not told["successful"] or not told["result"]["reached"]:
        raise typer.Exit(1)


@app.command()
def pause(connection: Id, url: Url = None, key: Key = None) -> None:
    """Poll it no more until it is resumed."""
    call_api("POST", f"{PATH}/{connection}/pause", url=url, key=key)
    console.print(f"paused {connection}")


@app.command()
def resume(connection: Id, url: Url = None, key: Key = None) -> None:
    """Poll it again, from where it was."""
    call_api("POST", f"{PATH}/{connection}/resume", url=url, key=key)
    console.print(f"resumed {connection}")


@app.command()
def remove(connection: Id, url: Url = None, key: Key = None) -> None:
    """Remove it and its credentials; what it has brought stays."""
    call_api("DELETE", f"{PATH}/{connection}", url=url, key=key)
    console.print(f"removed {connection}")


def _text(name: str) -> str:
    """A file's text: on a command line, credentials would be there for all to see."""
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text()
    except (OSError, UnicodeError) as error:
        raise UnreadableFile(f"{name} cannot be read: {error}") from error


def _object(text: str, *, field: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidParameter(f"the {field} are no JSON: {error}", field=field) from None


def _print(told: dict[str, Any]) -> None:
    print(json.dumps(told, indent=2))
