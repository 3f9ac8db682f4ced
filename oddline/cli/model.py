"""`oddline model`: train a model; choose among those that there are (`oddline.cli.registry`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from oddline.cli import evaluation, registry
from oddline.cli.app import make_app
from oddline.errors import NotConfigured

app = make_app()


@app.command()
def train(
    *,
    out: Annotated[Path, typer.Option(help="Folder that gets model.onnx, tokenizer.json and config.json.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Of 64 lines each. [default: as the shipped model]")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and steps give the same model.")] = 1,
    checkpoint: Annotated[
        Path | None,
        typer.Option(exists=True, help="A BERT to begin from. [default: all-MiniLM-L6-v2, from its package]"),
    ] = None,
    layers: Annotated[int, typer.Option(min=1, help="How many of its first layers are kept.")] = 4,
    from_nothing: Annotated[
        int | None, typer.Option(metavar="WIDTH", min=32, help="Begin from no checkpoint, with layers of this width.")
    ] = None,
    statements: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Log statements to learn from, if not the shipped.")
    ] = None,
) -> None:
    """Train a model from log statements; needs the extra `train`."""
    with _extra_installed():
        from oddline.scoring.training import train as training

    trained = training.train(
        out=out,
        beginning=training.Beginning(checkpoint=checkpoint, layers=layers, width_from_nothing=from_nothing),
        statements_file=statements,
        steps=steps or training.DEFAULT_STEPS,
        seed=seed,
        version=out.name,
    )
    print(trained.folder)
    for name, value in trained.facts.items():
        print(f"  {name:<24}{value:g}")
    print(f"use it: ODDLINE_MODEL_FOLDER={out}")


@app.command("export")
def export_checkpoint(
    *,
    checkpoint: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="A Hugging Face BERT: safetensors, config, vocabulary.")
    ],
    out: Annotated[Path, typer.Option(help="Folder that gets model.onnx, tokenizer.json and config.json.")],
    label: Annotated[
        list[str] | None, typer.Option(help="A label that is bad; several may be. [default: the second of two]")
    ] = None,
) -> None:
    """Bring a BERT (for sequence classification, or a masked language model) to our form; needs the extra `train`."""
    with _extra_installed():
        from oddline.scoring.training.checkpoint import export_checkpoint as export

    measured = export(checkpoint, out=out, version=out.name, bad_labels=label or ())
    print(out)
    for name, value in measured.items():
        print(f"  {name:<24}{value:g}")
    print(f"put it into the registry: oddline model add {out}")


@app.command()
def sentences(
    *,
    out: Annotated[Path, typer.Option(help="Folder that gets model.onnx, tokenizer.json and config.json.")],
    checkpoint: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="[default: all-MiniLM-L6-v2, from its package]")
    ] = None,
) -> None:
    """Make the model that patterns are searched by, out of a published sentence encoder; needs the extra `train`."""
    with _extra_installed():
        from oddline.scoring.training.sentences import export_sentences

    measured = export_sentences(out=out, version=out.name, checkpoint=checkpoint)
    print(out)
    for name, value in measured.items():
        print(f"  {name:<24}{value:g}")


_EXTRAS: Final = {"torch": "train", "onnx": "train", "safetensors": "train", "tree_sitter": "collect"}


@contextmanager
def _extra_installed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        raise NotConfigured(
            f"this needs {error.name}, which is not installed: pip install 'oddline[{_EXTRAS[error.name]}]'"
        ) from error


@app.command()
def collect(
    *,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where the packages are, or are brought to; some GB.")],
    out: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Gets the corpus. [default: the shipped one]")
    ] = None,
    download: Annotated[
        bool, typer.Option(help="Bring the listed packages first, by pip, npm and apt-get as they are set up here.")
    ] = True,
) -> None:
    """Take log statements from the source of listed packages; needs the extra `collect`."""
    with _extra_installed():
        from oddline.scoring.training.collect import collect as collect_corpus

    missing = collect_corpus(folder, out=out, download=download)
    for package in missing:
        print(f"not to be had: {package.registry} {package.name}")


app.command()(evaluation.evaluate)
app.command()(evaluation.severity)
app.command()(registry.add)
app.command("list")(registry.list_models)
app.command()(registry.show)
app.command()(registry.promote)
app.command()(registry.rollback)
app.command()(registry.shadow)
app.command()(registry.compare)
app.command()(registry.replay)
