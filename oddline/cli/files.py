"""`oddline files`: upload log files, see what became of them, delete them."""

import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import TaskID
from rich.table import Table

from oddline.cli.app import make_app
from oddline.cli.connecting import Key, Url, api_client, call_api, oddline_client
from oddline.cli.console import counted, new_console
from oddline.cli.file_progress import FileProgress, wait_for
from oddline.cli.uploading import upload as upload_file
from oddline.errors import DamagedFile, OddlineError

app = make_app(help="Upload log files, see how far they are, delete them.")
console = new_console()
errors = new_console(stderr=True)

File = Annotated[str, typer.Argument(help="its id")]


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="of any kind that docs/formats.md lists, packed or not")],
    source: Annotated[str, typer.Option(help="of entries that name none; the file's name when not given")] = "",
    format_: Annotated[str, typer.Option("--format", help="found by looking when not given")] = "",
    zone: Annotated[str, typer.Option(help="of times without one; UTC when not given")] = "",
    process: Annotated[bool, typer.Option(help="make entries of them at once")] = True,
    wait: Annotated[bool, typer.Option(help="until they are entries")] = False,
    patience: Annotated[float, typer.Option(help="seconds to wait at most")] = 3_600.0,
    url: Url = None,
    key: Key = None,
) -> None:
    """Upload log files. What broke off goes on when it is run again; what is there already is not sent twice."""
    uploaded: list[dict[str, Any]] = []
    bars: dict[str, TaskID] = {}
    with api_client(url=url, key=key) as client, FileProgress(errors) as progress:
        for path in files:
            bar = progress.begin(path.name)
            file = upload_file(
                client,
                path,
                source=source,
                format_=format_,
                zone=zone,
                process=process,
                told=partial(progress.sent, bar),
            )
            console.print(f"{file['file_id']}  {file['name']}  {file['state']}")
            uploaded.append(file)
            bars[file["task_id"]] = bar
        if wait and process:
            _wait(bars, progress, patience_s=patience, url=url, key=key)
    _warn(f"{file['name']} is damaged" for file in uploaded if file["state"] == "damaged")


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="only in this state")] = None,
    limit: Annotated[int, typer.Option(help="at most so many")] = 20,
    url: Url = None,
    key: Key = None,
) -> None:
    """List files, newest first."""
    asked: dict[str, Any] = {"limit": limit} | ({"state": state} if state else {})
    table = Table("id", "name", "state", "done", "entries", "format")
    for file in call_api("GET", "/api/v1/files", url=url, key=key, params=asked)["files"]:
        found = (file["found"] or {}).get("format", "")
        done = f"{file['progress']:g} %"
        table.add_row(file["file_id"], file["name"], file["state"], done, f"{file['entries']:,}", found)
    console.print(table)


@app.command()
def show(file: File, url: Url = None, key: Key = None) -> None:
    """Show how far a file is, and what it was found to hold."""
    console.print_json(data=call_api("GET", f"/api/v1/files/{file}", url=url, key=key))


@app.command()
def process(
    files: Annotated[list[str], typer.Argument(help="their ids")],
    wait: Annotated[bool, typer.Option(help="until they are entries")] = False,
    patience: Annotated[float, typer.Option(help="seconds to wait at most")] = 3_600.0,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make entries of files, side by side; of what is or was processed already nothing is done twice."""
    started = call_api("POST", "/api/v1/files/process", url=url, key=key, json={"file_ids": files})
    console.print(f"task {started['task_id']}")
    if wait:
        with FileProgress(errors) as progress:
            bars = {one["task_id"]: progress.begin(one["file_id"]) for one in started["files"]}
            _wait(bars, progress, patience_s=patience, url=url, key=key)


@app.command()
def delete(file: File, url: Url = None, key: Key = None) -> None:
    """Delete a file; its entries stay."""
    call_api("DELETE", f"/api/v1/files/{file}", url=url, key=key)


def _wait(
    bars: dict[str, TaskID], progress: FileProgress, *, patience_s: float, url: str | None, key: str | None
) -> None:
    began = time.monotonic()
    with oddline_client(url=url, key=key) as client:
        tasks = wait_for(client, bars, patience_s=patience_s, told=progress.processed)
    if failed := [task for task in tasks if not task.successful]:
        raise OddlineError(f"{len(failed)} of {len(tasks)} files failed: {failed[0].error}")
    results = [task.result or {} for task in tasks]
    entries = sum(result.get("entries", 0) for result in results)
    console.print(f"{counted(entries, 'entry', 'entries')} stored in {time.monotonic() - began:.0f} s")
    _warn(result.get("warning") for result in results)


def _warn(warnings: Iterable[str | None]) -> None:
    """Fail where a file was damaged: what could be read is stored, and whoever sent it must know that it is not all.

    Raises:
        DamagedFile: one was.
    """
    if told := [warning for warning in warnings if warning]:
        raise DamagedFile(f"{len(told)} of the files could not be read to the end: {told[0]}")
