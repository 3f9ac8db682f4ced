"""`oddline model add, list, show, promote, rollback, shadow, compare, replay`: an operator's way to the models."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from oddline.cli.connecting import known_project, operator, operator_database, operator_settings
from oddline.cli.console import TIMES, new_console
from oddline.database import Database
from oddline.errors import InvalidParameter, StackFailed
from oddline.local.stack import PROJECT
from oddline.objects import open_objects
from oddline.scoring import ReplayRange, registry
from oddline.scoring.replay import start_replay
from oddline.settings import PACKAGED_MODELS, load_settings
from oddline.tasks import Publisher

console = new_console()

AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]
Version = Annotated[str, typer.Argument(help="the version that config.json names")]
PROMOTED = "workers change over within a minute"


def add(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="with model.onnx, tokenizer.json, …")],
    metrics: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON of `oddline model evaluate`, kept with it")
    ] = None,
) -> None:
    """Check a model and put it into the registry, where it stays as it is. It does not score before it is promoted."""
    settings = operator_settings()
    with operator_database() as db:
        added = registry.add_model(
            folder,
            db=db,
            objects=open_objects(settings),
            built_in=built_in_version(),
            by=operator(),
            now=datetime.now(UTC),
            metrics={} if metrics is None else {"evaluation": _json_object(metrics)},
        )
    print(f"{added.version}: {added.bytes / 1e6:.1f} MB, default threshold {added.default_threshold:g}")


def list_models(as_json: AsJson = False) -> None:
    """List the shipped models and, where there is a stack, those of the registry."""
    shipped = [_shipped(config) for config in sorted(PACKAGED_MODELS.glob("*/config.json"))]
    models: list[registry.StoredModel] = []
    choice: registry.Choice | None = None
    with suppress(StackFailed), operator_database() as db, db.transaction() as tx:  # the shipped ones need no stack
        models, choice = registry.list_models(tx), registry.read_choice(tx)
    rows = [
        *({**row, "use": _use(None, choice) if row["version"] == built_in_version() else ""} for row in shipped),
        *(
            {
                "version": model.version,
                "mb": round(model.bytes / 1e6, 1),
                "threshold": round(model.default_threshold, 4),
                "state": model.state,
                "added": f"{model.added_at:%Y-%m-%d %H:%M}",
                "use": _use(model.version, choice),
            }
            for model in models
        ),
    ]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("version", "use", "state", "MB", "threshold", "added", box=None)
    for row in rows:
        table.add_row(
            row["version"], row["use"], row["state"], f"{row['mb']:.1f}", f"{row['threshold']:g}", row["added"]
        )
    console.print(table)


def show(
    version: Annotated[str | None, typer.Argument(help="a model; else the choice and its history")] = None,
) -> None:
    """Show a model with its figures and its last error; or which model scores, and how that came about."""
    with operator_database() as db, db.transaction() as tx:
        if version is not None:
            told: Any = asdict(registry.find_model(tx, version))
        else:
            choice = registry.read_choice(tx)
            told = {
                "live": choice.live or built_in_version(),
                "live_is_built_in": choice.live is None,
                "shadow": choice.shadow,
                "shadow_since": choice.shadow_since,
                "failing": {model.version: model.error for model in registry.failing_models(tx)},
                "history": [asdict(change) for change in registry.list_changes(tx)],
            }
    print(json.dumps(told, default=str, indent=2))


def promote(version: Version) -> None:
    """Let a model score: workers change over within a minute, without a restart."""
    wanted = None if version == built_in_version() else version
    with operator_database() as db:
        registry.promote(db, wanted, by=operator(), now=datetime.now(UTC))
    console.print(f"{version} is live: {PROMOTED}")


def rollback() -> None:
    """Let the model score again that did before the last promotion."""
    with operator_database() as db:
        choice = registry.rollback(db, by=operator(), now=datetime.now(UTC))
    console.print(f"{choice.live or built_in_version()} is live: {PROMOTED}")


def shadow(
    version: Annotated[str | None, typer.Argument(help="the model to try beside the live one")] = None,
    off: Annotated[bool, typer.Option("--off", help="try none")] = False,
) -> None:
    """Score with a second model, too, without any effect but the scores that `compare` tells of."""
    if off == (version is not None):
        raise InvalidParameter("give a version, or --off", field="version")
    with operator_database() as db:
        registry.set_shadow(db, version, by=operator(), now=datetime.now(UTC))
    console.print(f"{version or 'no model'} is tried beside the live one: {PROMOTED}")


def compare(
    project: Annotated[str, typer.Option(help="whose entries")] = PROJECT,
    hours: Annotated[float, typer.Option(min=0.01, help="how far back")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Tell how the scores of the model on trial differ from the live ones."""
    settings = operator_settings()
    with project_of(project) as (db, project_id):
        report = registry.shadow_report(
            db=db, objects=open_objects(settings), project=project_id, hours=hours, now=datetime.now(UTC)
        )
    if as_json:
        print(json.dumps(report, default=str))
        return
    odd = report["anomalies"]
    print(f"{report['shadow']} beside {report['live'] or built_in_version()}, since {report['read_from']:%F %H:%M}")
    print(f"  {report['entries']:,} entries, {report['pairs']:,} pairs of source and pattern")
    print(f"  correlation {report['correlation']}, mean difference {report['mean_difference']}")
    print(f"  anomalies: both {odd['both']:,}, only live {odd['only_live']:,}, only shadow {odd['only_shadow']:,}")
    table = Table("source", "pattern", "entries", "live", "shadow", box=None)
    for row in report["patterns"]:
        scores = (f"{row['score']:.3f}", f"{row['shadow_score']:.3f}")
        table.add_row(row["source"], (row["pattern"] or "")[:100], f"{row['entries']:,}", *scores)
    console.print(table)


def replay(
    time_from: Annotated[datetime, typer.Option("--from", formats=TIMES, help="entries of this time (UTC) or later")],
    time_to: Annotated[datetime, typer.Option("--to", formats=TIMES, help="entries before this time (UTC)")],
    model: Annotated[str, typer.Option(help="the version to score with")],
    project: Annotated[str, typer.Option(help="whose entries")] = PROJECT,
    source: Annotated[str | None, typer.Option(help="only of this source")] = None,
) -> None:
    """Score a past range again with another model: a task, whose result is the differences per pattern."""
    redis_url = operator_settings().redis_url
    with project_of(project) as (db, project_id):
        if model != built_in_version():
            with db.transaction() as tx:
                registry.find_model(tx, model)
        wanted = ReplayRange(
            project=project_id,
            time_from=time_from.replace(tzinfo=UTC),
            time_to=time_to.replace(tzinfo=UTC),
            model=model,
            source=source,
        )
        publisher = Publisher(redis_url) if redis_url else None
        task_id = start_replay(wanted, by=operator(), db=db, publisher=publisher, now=datetime.now(UTC))
        if publisher is not None:
            publisher.close()
    print(task_id)
    console.print(f"oddline tasks show {task_id}; then GET /api/v1/logs?replay={task_id}", style="dim")


@contextmanager
def project_of(name: str) -> Iterator[tuple[Database, Any]]:
    """The database, and the id of a project.

    Raises:
        NotFound: there is no such project.
    """
    with operator_database() as db:
        yield db, known_project(db, name)


def built_in_version() -> str:
    """The version of the model that comes with the installation."""
    config = _json_object(load_settings().model_folder / "config.json")
    return str(config["version"])


def _shipped(config_file: Path) -> dict[str, Any]:
    config = _json_object(config_file)
    size = sum(file.stat().st_size for file in config_file.parent.iterdir() if file.is_file())
    return {
        "version": config["version"],
        "mb": round(size / 1e6, 1),
        "threshold": config["default_threshold"],
        "state": "shipped",
        "added": "",
    }


def _use(version: str | None, choice: registry.Choice | None) -> str:
    """What a model is used for; None is the one that comes with the installation."""
    if choice is None:
        return "live" if version is None else ""
    if choice.live == version:
        return "live"
    return "shadow" if version is not None and choice.shadow == version else ""


def _json_object(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidParameter(f"{file} cannot be read: {error}", field="file") from error
    if not isinstance(found, dict):
        raise InvalidParameter(f"{file} holds no JSON object", field="file")
    return found
