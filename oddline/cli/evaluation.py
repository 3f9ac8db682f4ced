"""`oddline model evaluate` and `oddline model severity`: what a model is worth, and what it says of any line."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from oddline.settings import load_settings

Folder = Annotated[Path | None, typer.Option(help="Folder of the model. [default: the one in use]")]


def evaluate(
    *,
    model: Folder = None,
    data: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Public logs: bgl100k/ and hdfs_sessions/.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write all figures here.")] = None,
) -> None:
    """Measure a model beside the simple tricks; some minutes. Without --data what needs public logs is left out."""
    from oddline.scoring.evaluation import service

    results = service.measure(
        model=model or load_settings().model_folder, data=data, report=lambda what: print(f"{what} …", file=sys.stderr)
    )
    _print_table(results)
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def severity(
    *,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A text file, a message a line.")],
    model: Folder = None,
) -> None:
    """Print each line of a file behind its severity (0 to 1) and a tab."""
    from oddline.patterns import Masker
    from oddline.scoring import Encoder
    from oddline.scoring.encoder import severity as of_logit

    encoder, masker = Encoder.load(model or load_settings().model_folder), Masker()
    severities: dict[str, float] = {}
    with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            text = line.rstrip("\r\n")
            pattern = masker.mask(text)
            if pattern not in severities:
                severities[pattern] = of_logit(encoder.encode([pattern])[0].severity_logit)
            print(f"{severities[pattern]:.4f}\t{text}")


def _print_table(results: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from oddline.scoring.evaluation.service import BARS, MOST_REALISED

    table = Table(title=f"{results['model']}, threshold {results['threshold']:g}")
    for column in ("what", "measured", "bar", ""):
        table.add_column(column)
    for bar in BARS:
        figure, reached = bar.reached_by(results)
        verdict = "not measured" if figure is None else "reached" if reached else "missed"
        table.add_row(
            " ".join(bar.path),
            "–" if figure is None else f"{figure:g}",
            f"{'≤' if bar.at_most else '≥'} {bar.value:g}",
            verdict,
        )
    for row in results["calibration"]:
        verdict = "reached" if row["realised"] <= MOST_REALISED and not row["warm_up_over_cap"] else "missed"
        what = f"alarms a day, asked for {row['asked']}: realised ÷ asked"
        table.add_row(what, f"{row['realised']:g}", f"≤ {MOST_REALISED}", verdict)
    on_day_7 = "odd" if results["memory"]["odd_on_day_7"] else "normal"
    table.add_row("an hour's fault, each day for a week", on_day_7, "odd", "reached" if on_day_7 == "odd" else "missed")
    Console().print(table)
