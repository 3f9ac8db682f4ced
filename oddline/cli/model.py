"""`oddline model`: train a model, and say which are shipped."""

import json
from pathlib import Path
from typing import Annotated

import typer

from oddline.cli.app import make_app
from oddline.errors import NotConfigured
from oddline.settings import PACKAGED_MODELS

app = make_app()


@app.command()
def train(
    *,
    out: Annotated[Path, typer.Option(help="Folder that gets model.onnx, tokenizer.json and config.json.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to train, about, on one core.")] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed and minutes give the same model.")] = 1,
    statements: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Log statements to learn from, if not the shipped.")
    ] = None,
) -> None:
    """Train a model from log statements; needs the extra `train`."""
    try:
        from oddline.scoring.training import train as training
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "onnx"}:
            raise
        raise NotConfigured(
            f"training needs {error.name}, which is not installed: pip install 'oddline[train]'"
        ) from error

    trained = training.train(out=out, statements_file=statements, minutes=minutes, seed=seed, version=out.name)
    print(f"{trained.folder}: {trained.steps:,} steps")
    for name, value in trained.facts.items():
        print(f"  {name:<24}{value:g}")
    print(f"use it: ODDLINE_MODEL_FOLDER={out}")


@app.command("list")
def list_models() -> None:
    """List the shipped models: version, size and default threshold."""
    print(f"{'version':<16}{'size':>10}{'threshold':>12}  folder")
    for config_file in sorted(PACKAGED_MODELS.glob("*/config.json")):
        config = json.loads(config_file.read_bytes())
        size_mb = (config_file.parent / "model.onnx").stat().st_size / 1e6
        print(f"{config['version']:<16}{size_mb:>7.1f} MB{config['default_threshold']:>12.2f}  {config_file.parent}")
