"""Draw docs/scale.svg and print the table of docs/scale.md, from simulated days: `python -m bench.scale_picture`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.fleet import Minute
from bench.scale import SCENARIOS, Scenario, simulate, summary

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "scale.svg"
POINT_MINUTES = 10  # a point is the highest of so many minutes
COLOURS = {"by backlog alone": "#b8b8b8", "as deployed": "#c0504d", "changed": "#4f81bd"}
ROWS: tuple[tuple[str, str, Callable[[Minute], float]], ...] = (
    ("batches offered, /s", "log", lambda one: one.offered_per_s),
    ("oldest that waits, s", "symlog", lambda one: one.oldest_s),
    ("scoring tasks", "linear", lambda one: one.tasks),
    ("database, of its cores", "linear", lambda one: one.database_share),
    ("database connections", "linear", lambda one: one.connections),
)
HEADS = {
    "calm_tasks": "tasks, calm",
    "calm_oldest_s": "oldest, calm, s",
    "most_tasks": "tasks, most",
    "oldest_s": "oldest, s",
    "at_door": "batches at the door",
    "caught_up_min": "caught up after, min",
    "database_share": "database, of its cores",
    "writes_per_s": "writing transactions/s",
    "connections": "connections",
    "readers_behind_s": "readers behind, s",
}


def main() -> None:
    """Simulate all days, draw them, print what they came to."""
    days = {one: simulate(one).minutes for one in SCENARIOS}
    draw(days, file=PICTURE)
    print(heading())
    for scenario, minutes in days.items():
        print(row(scenario, minutes))


def heading() -> str:
    """The table's first two lines."""
    return f"| | {' | '.join(HEADS.values())} |\n|{' --- |' * (len(HEADS) + 1)}"


def row(scenario: Scenario, minutes: Sequence[Minute]) -> str:
    """A day as a line of the table."""
    told = summary(minutes)
    return f"| {scenario.volume}, {scenario.fleet_is} | {' | '.join(_cell(told[key]) for key in HEADS)} |"


def _cell(value: float | None) -> str:
    return "never" if value is None else f"{value:,}".removesuffix(".0")


def draw(days: Mapping[Scenario, Sequence[Minute]], *, file: Path) -> None:
    """A column for each volume, a row for each thing that is watched; the same file for the same days."""
    volumes = list(dict.fromkeys(scenario.volume for scenario in days))
    # Text stays text, in the reader's own font; names inside the file do not change from run to run.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "oddline", "font.size": 8}):
        figure = Figure(figsize=(12, 10), layout="constrained")
        plots = figure.subplots(len(ROWS), len(volumes), sharex=True, squeeze=False)
        for scenario, minutes in days.items():
            _draw_day(plots[:, volumes.index(scenario.volume)], minutes, colour=COLOURS[scenario.fleet_is])
        for plot, volume in zip(plots[0], volumes, strict=True):
            plot.set_title(volume)
        for plot, (label, _, _) in zip(plots[:, 0], ROWS, strict=True):
            plot.set_ylabel(label)
        for plot in plots[-1]:
            plot.set_xticks(range(0, 25, 6))
            plot.set_xlabel("hour of the day")
        for plot in plots[1]:
            plot.set_ylim(bottom=0, top=2 * max(plot.dataLim.y1, 10.0))
        for plot in plots[2:].flat:
            plot.set_ylim(bottom=0, top=1.1 * plot.dataLim.y1)
        lines = [Line2D([], [], color=colour, label=fleet) for fleet, colour in COLOURS.items()]
        figure.legend(handles=lines, loc="outside upper right", ncols=len(lines))
        figure.savefig(file, metadata={"Date": None})


def _draw_day(plots: Iterable[Axes], minutes: Sequence[Minute], *, colour: str) -> None:
    starts = range(0, len(minutes), POINT_MINUTES)
    for plot, (_, scale, value) in zip(plots, ROWS, strict=True):
        highest = [max(map(value, minutes[start : start + POINT_MINUTES])) for start in starts]
        plot.plot([minutes[start].at_s / 3_600 for start in starts], highest, color=colour, linewidth=1)
        plot.set_yscale(scale)
        plot.grid(visible=True, linewidth=0.3)


if __name__ == "__main__":
    main()
