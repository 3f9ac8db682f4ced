"""The frame of the command line: its list of commands, each loaded only when it is called, and how errors are told."""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from oddline.cli.odd_lines import clean
from oddline.errors import BadRequest, InvalidParameter, OddlineError

EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: `home` is `module:attribute`, a function for one command or a `typer.Typer` for a group of them."""

    name: str
    home: str
    help: str


COMMANDS: Final = (
    Entry("up", "oddline.cli.stack:up", "Start everything on this machine and stay in the foreground."),
    Entry("status", "oddline.cli.stack:status", "Say whether the local stack runs, where, and how it is."),
    Entry("stop", "oddline.cli.stack:stop", "Stop the local stack."),
    Entry("worker", "oddline.cli.stack:worker", "Run one more worker in the foreground."),
    Entry("flower", "oddline.cli.flower:flower", "Run Flower, a page on workers, in the foreground."),
    Entry("send", "oddline.cli.send:send", "Send log files to the API, one entry a line."),
    Entry("files", "oddline.cli.files:app", "Upload log files, see how far they are, delete them."),
    Entry("tail", "oddline.cli.tail:tail", "Show what comes in, scored, with its odd tokens in colour."),
    Entry("find", "oddline.cli.find:find", "Find patterns by what they mean, with their latest entries."),
    Entry("keys", "oddline.cli.keys:app", "Make, list and revoke API keys."),
    Entry("projects", "oddline.cli.projects:app", "List projects; say how much each may send and ask."),
    Entry("feedback", "oddline.cli.feedback:app", "Say what an anomaly is: expected, or a fault whenever it comes."),
    Entry("erase", "oddline.cli.erase:erase", "Erase a person's values everywhere; a task does it, and proves it."),
    Entry("tasks", "oddline.cli.tasks:app", "What runs, what waits, what failed; start, cancel, replay, drop, smoke."),
    Entry("queues", "oddline.cli.queues:app", "What waits in the queues; hold, purge and release them."),
    Entry("workers", "oddline.cli.workers:app", "What workers do now, their events; restart them, limit tasks."),
    Entry("schedules", "oddline.cli.schedules:app", "Start tasks at set times; show what became of it."),
    Entry("connections", "oddline.cli.connections:app", "Poll live feeds; try them, and say how they are doing."),
    Entry("score", "oddline.cli.score:score", "Point at the odd lines of files, or of standard input."),
    Entry("model", "oddline.cli.model:app", "Train, add, list, promote and compare models; replay with another one."),
    Entry("audit", "oddline.cli.audit:app", "Who did what; and whether the trail is what was sealed."),
    Entry("verify", "oddline.cli.verify:verify", "Count every accepted entry against what is stored."),
    Entry("export", "oddline.cli.export:export", "Take entries out as Parquet that any other tool reads."),
    Entry("restore", "oddline.cli.restore:restore", "Bring entries of a range back from a backup."),
    Entry("cost", "oddline.cli.cost:cost", "Estimate what a deployment costs a month."),
)


def make_app(**settings: Any) -> typer.Typer:
    """A Typer app in the style of ours: plain help (a rich one takes twice the time to start), no added options."""
    return typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True, **settings
    )


class _LateCommands(TyperGroup):
    """Shows the commands' names and one-line helps without importing their modules; only the one called is loaded."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {
            entry.name: TyperCommand(name=entry.name, help=entry.help, rich_markup_mode=None) for entry in COMMANDS
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, _load(next(entry for entry in COMMANDS if entry.name == name)), rest


def _load(entry: Entry) -> Any:
    module, _, attribute = entry.home.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = make_app()
        single.command(entry.name)(found)
        found = single
    return typer.main.get_command(found)


app = make_app(cls=_LateCommands, context_settings={"help_option_names": ["-h", "--help"]})


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"oddline {version('oddline')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Reads logs and points at the odd lines."""


def run() -> None:
    """Run the command line. An error of ours is one line on stderr; anything else is a bug, and shows its traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name or a line may hold what the terminal's encoding lacks; that is no reason to stop.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="oddline")
    except OddlineError as error:
        is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        label = typer.style("error:", fg="red", bold=True) if is_coloured else "error:"
        print(label, clean(" ".join(str(error).split())), file=sys.stderr)
        sys.exit(EXIT_USAGE if isinstance(error, BadRequest | InvalidParameter) else EXIT_ERROR)
