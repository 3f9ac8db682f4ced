"""`oddline restore`: bring entries of a range back from a backup, into what runs."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from oddline.audit import Action, record
from oddline.chunks import Restored, Restorer
from oddline.cli.app import EXIT_ERROR
from oddline.cli.connecting import known_project, operator, operator_database, operator_settings
from oddline.cli.console import TIMES
from oddline.database import Database
from oddline.objects import Undeleted, open_objects
from oddline.privacy import erased_again
from oddline.submissions import new_id


def restore(
    time_from: Annotated[datetime, typer.Option("--from", formats=TIMES, help="entries of this time (UTC) or later")],
    time_to: Annotated[datetime, typer.Option("--to", formats=TIMES, help="entries before this time (UTC)")],
    backup_database: Annotated[
        str, typer.Option(envvar="ODDLINE_BACKUP_DATABASE_URL", help="a copy of the database, as the worker's role")
    ],
    project: Annotated[str, typer.Option(help="whose entries: a name or an id")] = "default",
    backup_objects: Annotated[
        str | None, typer.Option(help="a copy of the object store; else the store itself, with what was deleted there")
    ] = None,
    drop_lost: Annotated[
        bool, typer.Option(help="forget chunks whose object is nowhere: what the backup has takes their place")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Bring back what is missing of a range, as often as it is run; ends with 1 where something stays lost."""
    settings = operator_settings()
    objects = open_objects(settings)
    backup = Database(backup_database, size=2, application="oddline-restore")
    with operator_database() as db:
        project_id = _record(db, project, time_from=time_from, time_to=time_to)
        restorer = Restorer(
            db=db,
            objects=objects,
            backup_db=backup,
            backup_objects=Undeleted(objects)
            if backup_objects is None
            else open_objects(settings.model_copy(update={"objects_url": backup_objects})),
            project=project_id,
            change=erased_again(db, project=project_id, cipher=settings.cipher()),
            clock=lambda: datetime.now(UTC),
            new_id=new_id,
        )
        try:
            done = restorer.run(
                time_from=time_from.replace(tzinfo=UTC), time_to=time_to.replace(tzinfo=UTC), drop_lost=drop_lost
            )
        finally:
            backup.close()
    _tell(done, as_json=json)
    if done.unreadable or (done.lost and not drop_lost):
        raise typer.Exit(EXIT_ERROR)


def _record(db: Database, project: str, *, time_from: datetime, time_to: datetime) -> UUID:
    """Note who brings back what, before anything is; returns the project's id."""
    project_id = known_project(db, project)
    with db.transaction() as tx:
        record(
            tx,
            project=project_id,
            by=operator(),
            action=Action.ENTRIES_RESTORED,
            subject=f"restore:{new_id()}",
            details={"from": time_from, "to": time_to},
            now=datetime.now(UTC),
        )
    return project_id


def _tell(done: Restored, *, as_json: bool) -> None:
    if as_json:
        import orjson

        print(orjson.dumps(asdict(done)).decode())
        return
    print(f"{done.chunks:,} chunks of the backup reach into this time")
    print(f"{done.entries:,} entries were missing and are back, {done.objects:,} objects were copied")
    if done.lost:
        print(f"{done.lost:,} chunks here have an object that is nowhere")
    if done.unreadable:
        print(f"{done.unreadable:,} chunks of the backup cannot be read")
    print("`oddline verify` counts what is here")
