"""`oddline export`: entries as Parquet that any other tool reads."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from oddline.audit import Action, record
from oddline.cli.connecting import known_project, operator, operator_database, operator_settings
from oddline.cli.console import TIMES, counted
from oddline.database import Database
from oddline.entries import (
    MANIFEST,
    EntryQuery,
    FolderTarget,
    ObjectTarget,
    export_entries,
    severity_number,
    severity_numbers,
)
from oddline.errors import InvalidParameter
from oddline.objects import S3Objects, open_objects
from oddline.submissions import new_id

EXIT_EMPTY: Final = 3


def export(
    target: Annotated[str, typer.Argument(help="an empty folder, made if need be, or s3://bucket/prefix")],
    project: Annotated[str, typer.Option(help="whose entries: a name or an id")] = "default",
    time_from: Annotated[datetime | None, typer.Option("--from", formats=TIMES, help="of this time (UTC) on")] = None,
    time_to: Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="before this time (UTC)")] = None,
    source: Annotated[list[str] | None, typer.Option(help="from this source; several: from any of them")] = None,
    severity: Annotated[list[str] | None, typer.Option(help="of this severity; several: of one of them")] = None,
    min_severity: Annotated[str | None, typer.Option(help="of this severity or a higher one")] = None,
    min_score: Annotated[float | None, typer.Option(help="with this score or a higher one", min=0, max=1)] = None,
    anomalies: Annotated[bool | None, typer.Option(help="only what is an anomaly, or only what is none")] = None,
    pattern: Annotated[int | None, typer.Option(help="with the pattern of this id", min=0)] = None,
    text: Annotated[str | None, typer.Option(help="with this in the message, in letters of any case")] = None,
    words: Annotated[str | None, typer.Option(help="with each of these words in the message")] = None,
    regex: Annotated[str | None, typer.Option(help="with a match of this in the message")] = None,
    attr: Annotated[list[str] | None, typer.Option(help="with this attribute: NAME=VALUE; several: with all")] = None,
    trace_id: Annotated[str | None, typer.Option(help="exactly this one")] = None,
    span_id: Annotated[str | None, typer.Option(help="exactly this one")] = None,
    session: Annotated[str | None, typer.Option(help="exactly this one")] = None,
) -> None:
    """Take the entries of a time out as Parquet files and a manifest; ends with 3 where there are none."""
    query = EntryQuery(
        time_from=_aware(time_from),
        time_to=_aware(time_to),
        sources=tuple(source or ()),
        severities=severity_numbers(severity or ()),
        severity_minimum=None if min_severity is None else _lowest(min_severity),
        score_minimum=min_score,
        is_anomaly=anomalies,
        pattern_id=pattern,
        text=text,
        words=tuple(words.split()) if words else (),
        regex=regex,
        attributes=tuple(map(_pair, attr or ())),
        trace_id=trace_id,
        span_id=span_id,
        session=session,
    )
    settings, now = operator_settings(), datetime.now(UTC)
    place = _open_target(target, endpoint_url=settings.aws_endpoint_url)
    place.check_empty()
    with operator_database() as db:
        project_id = _record(db, project, query=query, target=target, now=now)
        exported = export_entries(
            query,
            db=db,
            objects=open_objects(settings),
            project=project_id,
            target=place,
            now=now,
            told=lambda entries: (
                print(f"{entries:,} entries", end="\r", file=sys.stderr) if sys.stderr.isatty() else None
            ),
        )
    if not exported.files:
        print(f"project {project} has no such entries: nothing was written", file=sys.stderr)
        raise typer.Exit(EXIT_EMPTY)
    size = sum(one.bytes for one in exported.files)
    entries, files = counted(exported.entries, "entry", "entries"), counted(len(exported.files), "file", "files")
    print(f"{entries} in {files} of {size / 1e6:.1f} MB; {MANIFEST} lists them")


def _record(db: Database, project: str, *, query: EntryQuery, target: str, now: datetime) -> UUID:
    """Note who takes out what, before anything is; returns the project's id. What is looked for may name a person."""
    project_id = known_project(db, project)
    with db.transaction() as tx:
        details = {"from": query.time_from, "to": query.time_to, "is_all": query == _range_of(query)}
        record(
            tx,
            project=project_id,
            by=operator(),
            action=Action.ENTRIES_EXPORTED,
            subject=f"export:{new_id()}",
            details=details,
            named={"target": target},
            now=now,
        )
    return project_id


def _range_of(query: EntryQuery) -> EntryQuery:
    return EntryQuery(time_from=query.time_from, time_to=query.time_to)


def _open_target(target: str, *, endpoint_url: str | None) -> FolderTarget | ObjectTarget:
    scheme, separator, address = target.rpartition("://")
    if not separator:
        return FolderTarget(Path(target))
    bucket, _, prefix = address.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidParameter("the target is a folder, or s3://bucket/prefix", field="target")
    return ObjectTarget(S3Objects(bucket, prefix=prefix, endpoint_url=endpoint_url))


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _lowest(given: str) -> int:
    try:
        return severity_number(given)
    except ValueError as error:
        raise InvalidParameter(f"min-severity: {error}", field="min-severity") from error


def _pair(given: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not (name and separator and value):
        raise InvalidParameter("attr: NAME=VALUE", field="attr")
    return name, value
