"""`oddline send`: a file's lines, as entries of one source, over the HTTP API."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from oddline.cli.connecting import api_client
from oddline.cli.sending import send as send_entries
from oddline.cli.sending import wait_until_scored
from oddline.errors import OddlineError

console = Console(stderr=True, highlight=False, markup=False)

SHOWN_FAULTS = 5


def send(
    files: Annotated[list[Path] | None, typer.Argument(help="files; standard input when not given")] = None,
    source: Annotated[str | None, typer.Option(help="the source's name; the file's own when not given")] = None,
    url: Annotated[
        str | None, typer.Option(envvar="ODDLINE_URL", help="of the API; the local stack's if not given")
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar="ODDLINE_KEY", help="API key; the local stack's if not given")
    ] = None,
    wait: Annotated[bool, typer.Option(help="until all lines are scored")] = False,
    patience: Annotated[float, typer.Option(help="seconds to wait at most")] = 600.0,
) -> None:
    """Send log files, one entry a line. Sending the same file again doubles nothing for a day."""
    accepted, task_ids = 0, []
    with api_client(url=url, key=key) as client:
        for file in files or [Path("-")]:
            name = source or ("stdin" if str(file) == "-" else file.stem)
            for sent in send_entries(client, _entries(file, source=name), run=f"send:{name}"):
                accepted += sent.accepted
                task_ids.append(sent.task_id)
                for fault in sent.refused[:SHOWN_FAULTS]:
                    console.print(f"refused: {fault['detail']}", style="yellow")
        console.print(f"{accepted} entries taken in {len(task_ids)} batches")
        if wait:
            views = wait_until_scored(client, task_ids, patience_s=patience)
            if failed := [view for view in views if not view["successful"]]:
                raise OddlineError(f"{len(failed)} of {len(views)} batches were not scored: {failed[0]['error']}")
            odd = sum(view["result"].get("anomalies", 0) for view in views)
            console.print(f"all scored, {odd} odd")


def _entries(file: Path, *, source: str) -> Iterator[dict[str, Any]]:
    """The file's lines that are not blank, undecodable bytes replaced and NUL shown as a symbol."""
    try:
        stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise OddlineError(f"{file}: {error.strerror}") from error
    with stream:
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\r\n").replace("\0", "␀")
            if line.strip():
                yield {"message": line, "source": source}
