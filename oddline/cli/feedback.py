"""`oddline feedback`: say of an anomaly that it is expected, or a fault whenever it comes; list and undo."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from oddline.cli.app import make_app
from oddline.cli.connecting import Key, Url, call_api
from oddline.cli.console import new_console
from oddline.feedback import Verdict

PATH = "/api/v1/feedback"

app = make_app(help="Say what an anomaly is: expected, or a fault whenever it comes.")
console = new_console()

About = Annotated[str, typer.Argument(help="an entry's id, or a pattern's number")]
Source = Annotated[str | None, typer.Option(help="of a pattern: only in this source; in all when not given")]
IsSequence = Annotated[bool, typer.Option("--sequence", help="of the odd sequence that is told by this entry")]
Note = Annotated[str, typer.Option(help="why, for whoever reads the list")]


@app.command()
def expected(
    about: About, source: Source = None, sequence: IsSequence = False, note: Note = "", url: Url = None, key: Key = None
) -> None:
    """It is as it should be, and so is what resembles it."""
    _give(Verdict.EXPECTED, about, source=source, sequence=sequence, note=note, url=url, key=key)


@app.command()
def confirmed(
    about: About, source: Source = None, sequence: IsSequence = False, note: Note = "", url: Url = None, key: Key = None
) -> None:
    """It is a fault, however often it comes."""
    _give(Verdict.CONFIRMED, about, source=source, sequence=sequence, note=note, url=url, key=key)


@app.command()
def undo(
    feedback_id: Annotated[UUID, typer.Argument(help="as `list` shows it")], url: Url = None, key: Key = None
) -> None:
    """Take one back."""
    call_api("DELETE", f"{PATH}/{feedback_id}", url=url, key=key)
    console.print(f"undone {feedback_id}")


@app.command("list")
def list_(
    undone: Annotated[bool, typer.Option("--undone", help="those taken back, too")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List what was said, newest first."""
    given = call_api("GET", PATH, url=url, key=key, params={"undone": undone, "limit": limit})["feedback"]
    if as_json:
        print(json.dumps(given))
        return
    table = Table("id", "since", "verdict", "source", "pattern or sequence", "note", box=None)
    for one in given:
        verdict = one["verdict"] + (" (undone)" if one["undone_at"] else "")
        is_sequence = one["kind"] == "sequence"
        about = f"{one['steps']} steps, {one['entry_id']}" if is_sequence else f"{one['pattern_id']} {one['pattern']}"
        table.add_row(one["id"], one["since"][:16], verdict, one["source"] or "all", about, one["note"])
    console.print(table)


def _give(
    verdict: Verdict,
    about: str,
    *,
    source: str | None,
    sequence: bool,
    note: str,
    url: str | None,
    key: str | None,
) -> None:
    body: dict[str, Any] = {"verdict": verdict, "note": note, "source": source}
    body |= {"kind": "sequence" if sequence else "anomaly"}
    body |= {"pattern_id": int(about)} if about.isdecimal() else {"entry_id": about}
    given = call_api("POST", PATH, url=url, key=key, json=body)
    told = f"a sequence of {given['steps']} steps" if sequence else given["pattern"]
    console.print(f"{given['id']}  {verdict}: {told}")
    if verdict is Verdict.EXPECTED:
        console.print(f"Anomalies of the last {given['days']} days that this hides: {given['hidden']:,}")
