"""`oddline keys`: make, list, change and revoke API keys."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from oddline import identity
from oddline.audit import Action, recorder
from oddline.cli.app import make_app
from oddline.cli.connecting import operator, operator_database
from oddline.cli.console import new_console
from oddline.identity import Scope
from oddline.local.stack import PROJECT
from oddline.settings import load_settings
from oddline.submissions import new_id

app = make_app(help="Make, list, change and revoke API keys.")
console = new_console()

PREFIX_SHOWN = 12  # characters; who gave the whole key does not want to see it again

AsJson = Annotated[bool, typer.Option("--json", help="as JSON")]


@app.command()
def create(
    project: Annotated[str, typer.Option(help="made where it is missing, which is told")] = PROJECT,
    name: Annotated[str, typer.Option(help="what the key is for")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="ingest, read, write, admin; may be given several times")
    ] = None,
    signed: Annotated[bool, typer.Option(help="requests must bear a Standard Webhooks signature")] = False,
    days: Annotated[int | None, typer.Option(min=1, help="until it expires; never when not given")] = None,
    into_secret: Annotated[str, typer.Option(help="name or ARN in Secrets Manager that gets it, unshown")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown once, here."""
    by, now, scopes = operator(), datetime.now(UTC), scope or identity.DEFAULT_SCOPES
    with operator_database() as db:
        if_new = new_id()
        project_id = identity.ensure_project(
            db,
            project,
            new_id=if_new,
            now=now,
            also=recorder(Action.PROJECT_MADE, "project", by=by, now=now, name=project),
        )
        made = identity.create_key(
            db,
            project=project_id,
            name=name,
            key_id=new_id(),
            now=now,
            scopes=scopes,
            signed=signed,
            expires_at=now + timedelta(days=days) if days else None,
            also=recorder(Action.KEY_MADE, "key", by=by, now=now, scopes=list(scopes), signed=signed),
        )
    if project_id == if_new:
        print(f"there was no project {project}: it was made, too", file=sys.stderr)
    told = {"project": project, "project_id": str(project_id), "key": made.key, "signing_secret": made.signing_secret}
    if into_secret:
        _put_into_secret(into_secret, told)
        console.print(f"{made.key[:PREFIX_SHOWN]}… is in {into_secret}")
        return
    if as_json:
        print(json.dumps(told))
        return
    print(made.key)
    if made.signing_secret:
        print(made.signing_secret)
    console.print("It is not shown again.", style="dim")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all keys, newest first; never the keys themselves."""
    with operator_database() as db:
        keys = identity.list_keys(db)
    if as_json:
        print(json.dumps([{name: getattr(key, name) for name in key.__slots__} for key in keys], default=str))
        return
    now = datetime.now(UTC)
    table = Table("prefix", "project", "name", "scopes", "signed", "made", "last used", "state", box=None)
    for key in keys:
        table.add_row(
            key.prefix,
            key.project,
            key.name,
            " ".join(key.scopes),
            "yes" if key.signed else "",
            f"{key.created_at:%Y-%m-%d}",
            f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
            key.state(now),
        )
    console.print(table)


@app.command()
def revoke(prefix: Annotated[str, typer.Argument(help="the key's prefix, odl_…, or the whole key")]) -> None:
    """Revoke a key: the next request with it is refused."""
    by, now = operator(), datetime.now(UTC)
    with operator_database() as db:
        key_id, project = identity.find_key_by_prefix(db, prefix)
        also = recorder(Action.KEY_REVOKED, "key", by=by, now=now)
        identity.revoke_key(db, key_id, project=project, now=now, also=also)
    console.print(f"revoked {prefix[:PREFIX_SHOWN]}")


@app.command("rotate-secret")
def rotate_secret(
    prefix: Annotated[str, typer.Argument(help="the key's prefix, odl_…, or the whole key")],
    hours: Annotated[
        float, typer.Option(min=0, max=identity.LONGEST_OVERLAP_HOURS, help="for which the older secret stays valid")
    ] = identity.USUAL_OVERLAP_HOURS,
    as_json: AsJson = False,
) -> None:
    """Give a signed key a new signing secret. It is shown once, here."""
    by, now = operator(), datetime.now(UTC)
    until = now + timedelta(hours=hours)
    with operator_database() as db:
        key_id, project = identity.find_key_by_prefix(db, prefix)
        also = recorder(Action.KEY_SECRET_CHANGED, "key", by=by, now=now, older_valid_until=until)
        secret = identity.rotate_signing_secret(db, key_id, project=project, older_until=until, now=now, also=also)
    if as_json:
        print(json.dumps({"signing_secret": secret, "older_valid_until": until.isoformat()}))
        return
    print(secret)
    console.print(f"It is not shown again. The one before is valid until {until:%Y-%m-%d %H:%M} UTC.", style="dim")


def _put_into_secret(secret: str, told: Mapping[str, str | None]) -> None:
    """Where a command runs in a task of ECS its output is a log, and no place for a key."""
    from boto3.session import Session

    client = Session().client("secretsmanager", endpoint_url=load_settings().aws_endpoint_url)
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(told))
