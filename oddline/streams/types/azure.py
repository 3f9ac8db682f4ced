"""Azure Monitor: a table of a Log Analytics workspace, by the query API, as an application of Microsoft Entra.

Written from "Azure Monitor Log Analytics API: request format, response format" and "OAuth 2.0 client credentials flow"
of Microsoft's documentation.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from oddline.errors import FeedFailed, FeedRefused
from oddline.streams.model import Page
from oddline.streams.reading import ConnectionType, Given, Link, Secret, Text
from oddline.streams.records import Names, as_moment, entry_of
from oddline.streams.types.answers import SHOWN_CHARACTERS, post_json, take_token
from oddline.streams.windows import Found, LookBack, read_windows
from oddline.submissions import rfc3339

PAGE: Final = 5_000  # rows of one answer; Azure's most is 500,000 rows or 100 MB
_TIME: Final = "TimeGenerated"  # every table has it

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,100}$")]
Endpoint = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=500)]


class Configuration(Given):
    """Which rows of which workspace."""

    workspace_id: Uuid
    query: Annotated[Text, Field(description="a table in KQL, with filters, as in AppTraces | where SeverityLevel > 1")]
    identity: Annotated[Column, Field(description="the column that tells rows of one moment apart")] = "_ItemId"
    names: Names = Names(message="Message", timestamp=_TIME, severity="SeverityLevel")
    look_back_s: LookBack = 1_800
    endpoint: Endpoint = "https://api.loganalytics.azure.com"
    login: Endpoint = "https://login.microsoftonline.com"
    scope: Text = "https://api.loganalytics.io/.default"


class Credentials(Given):
    """An application of Microsoft Entra that may read the workspace."""

    tenant_id: Uuid
    client_id: Uuid
    client_secret: Secret


def place(configuration: Configuration) -> str:
    """Where it leads."""
    return f"workspace {configuration.workspace_id} at {configuration.endpoint}: {configuration.query}"


def _shown_to(configuration: Configuration) -> tuple[str, ...]:
    return (configuration.endpoint, configuration.login)


def pages(link: Link) -> Iterator[Page]:
    """See `ConnectionType.pages`. The API has no pages: the token is the last row's time and identity."""
    configuration: Configuration = link.configuration
    what = f"workspace {configuration.workspace_id}"
    token = _token(link)
    most = min(PAGE, link.most)

    def fetch(start: datetime, until: datetime | None, behind: Any) -> tuple[list[Found], Any]:
        query = _query(configuration, start=start, until=until, behind=behind, most=most)
        url = f"{configuration.endpoint}/v1/workspaces/{configuration.workspace_id}/query"
        answer = post_json(link.outgoing, url, {"query": query}, what=what, token=token)
        rows = list(_rows(answer, what=what))
        following = [rows[-1][_TIME], rows[-1][configuration.identity]] if len(rows) == most else None
        return [_found(row, link) for row in rows], following

    yield from read_windows(link, fetch, look_back=timedelta(seconds=configuration.look_back_s))


def _query(configuration: Configuration, *, start: datetime, until: datetime | None, behind: Any, most: int) -> str:
    identity = configuration.identity
    steps = [configuration.query, f"where {_TIME} >= datetime({rfc3339(start)})"]
    if until is not None:
        steps.append(f"where {_TIME} <= datetime({rfc3339(until)})")
    if behind:
        at, last = behind
        quoted = str(last).replace("\\", "\\\\").replace("'", "\\'")
        later = f"{_TIME} == datetime({at}) and strcmp(tostring({identity}), '{quoted}') > 0"
        steps.append(f"where {_TIME} > datetime({at}) or ({later})")
    steps.append(f"sort by {_TIME} asc, {identity} asc")
    steps.append(f"take {most}")
    return "\n| ".join(steps)


def _token(link: Link) -> str:
    shown: Credentials = link.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": shown.client_id,
        "client_secret": shown.client_secret,
        "scope": link.configuration.scope,
    }
    url = f"{link.configuration.login}/{shown.tenant_id}/oauth2/v2.0/token"
    return take_token(link.outgoing, url, form, what=link.configuration.login)


def _rows(answer: dict[str, Any], *, what: str) -> Iterator[dict[str, Any]]:
    if "error" in answer:  # Azure gives what it had until then, with status 200
        raise FeedFailed(f"{what}: only a part was answered", said=ascii(answer["error"])[:SHOWN_CHARACTERS])
    try:
        table = answer["tables"][0]
        columns = [column["name"] for column in table["columns"]]
        rows = table["rows"]
    except (KeyError, IndexError, TypeError):
        raise FeedRefused(f"{what}: the answer holds no table") from None
    for row in rows:
        yield dict(zip(columns, row, strict=True))


def _found(row: dict[str, Any], link: Link) -> Found:
    identity = link.configuration.identity
    at = as_moment(row.get(_TIME))
    if at is None or not row.get(identity):
        raise FeedRefused(f"the query's rows lack {_TIME} or {identity}: name the column that tells rows apart")
    filled = {name: value for name, value in row.items() if value is not None and value != ""}
    entry = entry_of(filled, names=link.configuration.names, source=link.source, now=link.now())
    return Found(f"{row[_TIME]}\n{row[identity]}", at, entry)


TYPE: Final = ConnectionType(
    name="azure",
    configuration=Configuration,
    credentials=Credentials,
    place=place,
    pages=pages,
    shown_to=_shown_to,
)
