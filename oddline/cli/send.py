"""`oddline send`: a file's lines, as entries of one source, over the HTTP API."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from oddline.cli.connecting import Key, Url, oddline_client
from oddline.cli.console import counted, new_console
from oddline.client import Sent
from oddline.errors import OddlineError

console = new_console(stderr=True)

SHOWN_FAULTS = 5


def send(
    files: Annotated[list[Path] | None, typer.Argument(help="files; standard input when not given")] = None,
    source: Annotated[str | None, typer.Option(help="the source's name; the file's own when not given")] = None,
    url: Url = None,
    key: Key = None,
    wait: Annotated[bool, typer.Option(help="until all lines are scored")] = False,
    patience: Annotated[float, typer.Option(help="seconds to wait at most")] = 600.0,
) -> None:
    """Send log files, one entry a line. Sending the same file again doubles nothing for a day."""
    total = Sent()
    with oddline_client(url=url, key=key) as client:
        for file in files or [Path("-")]:
            name = source or ("stdin" if str(file) == "-" else file.stem)
            for sent in client.sending(_entries(file, source=name), run=f"send:{name}"):
                total += sent
                for refusal in sent.refused[:SHOWN_FAULTS]:
                    console.print(f"refused: {refusal.detail}", style="yellow")
        console.print(
            f"{counted(total.accepted, 'entry', 'entries')} taken in {counted(len(total.task_ids), 'batch', 'batches')}"
        )
        if wait:
            tasks = client.wait(total.task_ids, timeout_s=patience)
            if failed := [task for task in tasks if not task.successful]:
                raise OddlineError(f"{len(failed)} of {len(tasks)} batches were not scored: {failed[0].error}")
            odd = sum(task.result.get("anomalies", 0) for task in tasks)
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
