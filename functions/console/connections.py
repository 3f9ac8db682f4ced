"""Routes of connections: live feeds that are polled, how they are doing, and a try that stores nothing."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field, model_validator

from functions.console.connection_documentation import CONFIGURATION, CONNECTION, CONNECTIONS, MADE, REMOVED, TRIED
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, Moment, Name
from functions.http.repeating import once
from oddline import streams
from oddline.audit import Action
from oddline.ids import new_id
from oddline.streams import Wish

router = new_router(tags=["connections"])

AfterName = Annotated[Name | None, Query(description="The `next` of the page before")]
ConnectionName = Annotated[Name, Field(description="Unique in the project", examples=["checkout"])]
TypeName = Annotated[Name, Field(description="cloudwatch, s3, http, redis, google or azure", examples=["cloudwatch"])]
SourceName = Annotated[Name, Field(description="Of its entries", examples=["checkout-api"])]
Interval = Annotated[
    int,
    Field(
        ge=streams.SHORTEST_INTERVAL_S,
        le=streams.LONGEST_INTERVAL_S,
        description="Seconds from one poll to the next",
    ),
]
Configuration = Annotated[
    dict[str, Any], Field(description="Where it leads, as its type says: docs/connections.md", examples=[CONFIGURATION])
]
Credentials = Annotated[
    dict[str, Any] | None, Field(description="What lets in there: stored encrypted, and never shown again")
]


class ConnectionChange(Body):
    """What of a connection can be set; what is left out stays as it is."""

    name: ConnectionName = ""
    source: SourceName = ""
    configuration: Configuration = Field(default={})
    credentials: Credentials = None
    interval_s: Interval = streams.SHORTEST_INTERVAL_S
    since: Annotated[Moment | None, Field(description="What is older is not taken; from its making on")] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing is given")
        return self


class NewConnection(ConnectionChange):
    """A connection to be made."""

    name: ConnectionName
    type: TypeName
    source: SourceName
    configuration: Configuration


@router.get("/api/v1/connections", responses=CONNECTIONS)
def list_connections(
    request: Request, caller: Authenticated, *, after: AfterName = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List connections by name, each with how it is doing."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        found = streams.listed(tx, project=caller.project, after=after, limit=limit + 1)
    shown = fitting([one.view() for one in found[:limit]])
    page: dict[str, Any] = {"connections": shown}
    if len(shown) < len(found):
        page["next"] = shown[-1]["name"]
    return json_answer(page)


@router.post("/api/v1/connections", status_code=201, responses=MADE, openapi_extra=documented(NewConnection))
@once
def create_connection(
    request: Request, caller: Authenticated, body: Annotated[NewConnection, Depends(body_of(NewConnection))]
) -> Response:
    """Make a connection: what is new there comes in from now on, or from `since` on."""
    parts = parts_of(request)
    now = parts.clock()
    given = dict(body) | {"since": body.since or now}
    credentials = given.pop("credentials")
    with parts.db.transaction(project=caller.project) as tx:
        made = streams.create(
            tx, Wish(**given), credentials=credentials, connection_id=new_id(), project=caller.project, now=now
        )
        told = {"type": made.type, "has_credentials": made.has_credentials}
        record(tx, request, caller, Action.CONNECTION_MADE, subject=f"connection:{made.id}", details=told)
        shown = streams.view(tx, made)
    return json_answer(shown, status=201, headers={"Location": f"/api/v1/connections/{made.id}"})


@router.get("/api/v1/connections/{connection_id}", responses=CONNECTION)
def show_connection(request: Request, caller: Authenticated, connection_id: UUID) -> Response:
    """Show a connection and how it is doing; of its credentials only that there are some."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return json_answer(streams.show(tx, connection_id, project=caller.project))


@router.put("/api/v1/connections/{connection_id}", responses=CONNECTION, openapi_extra=documented(ConnectionChange))
def change_connection(
    request: Request,
    caller: Authenticated,
    connection_id: UUID,
    body: Annotated[ConnectionChange, Depends(body_of(ConnectionChange))],
) -> Response:
    """Change a connection; one that leads elsewhere then begins there anew, from now on."""
    parts = parts_of(request)
    given = {name: getattr(body, name) for name in body.model_fields_set if getattr(body, name) is not None}
    credentials = given.pop("credentials", None)
    with parts.db.transaction(project=caller.project) as tx:
        changed = streams.change(
            tx, connection_id, given, credentials=credentials, project=caller.project, now=parts.clock()
        )
        told = {"fields": sorted(body.model_fields_set)}
        record(tx, request, caller, Action.CONNECTION_CHANGED, subject=f"connection:{connection_id}", details=told)
        return json_answer(streams.view(tx, changed))


@router.delete("/api/v1/connections/{connection_id}", status_code=204, responses=REMOVED)
def remove_connection(request: Request, caller: Authenticated, connection_id: UUID) -> Response:
    """Remove a connection and its credentials; what it has brought stays."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        streams.remove(tx, connection_id, project=caller.project)
        record(tx, request, caller, Action.CONNECTION_REMOVED, subject=f"connection:{connection_id}")
    return Response(status_code=204)


@router.post("/api/v1/connections/{connection_id}/pause", responses=CONNECTION)
@once
def pause_connection(request: Request, caller: Authenticated, connection_id: UUID) -> Response:
    """Poll it no more until it is resumed."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        paused = streams.pause(tx, connection_id, project=caller.project, now=parts.clock())
        record(tx, request, caller, Action.CONNECTION_PAUSED, subject=f"connection:{connection_id}")
        return json_answer(streams.view(tx, paused))


@router.post("/api/v1/connections/{connection_id}/resume", responses=CONNECTION)
@once
def resume_connection(request: Request, caller: Authenticated, connection_id: UUID) -> Response:
    """Poll it again, from where it was: nothing that came meanwhile is missed, if it is still there."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        resumed = streams.resume(tx, connection_id, project=caller.project, now=parts.clock())
        record(tx, request, caller, Action.CONNECTION_RESUMED, subject=f"connection:{connection_id}")
        return json_answer(streams.view(tx, resumed))


@router.post("/api/v1/connections/{connection_id}/test", status_code=202, responses=TRIED)
@once
def try_connection(request: Request, caller: Authenticated, connection_id: UUID) -> Response:
    """Try a connection: the task's result tells what it reaches and its first few entries, and nothing is stored.

    The result is sealed, since it holds entries: administrators read it.
    """
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        task_id = streams.request_test(tx, connection_id, project=caller.project, now=parts.clock())
        told = {"task_id": task_id}
        record(tx, request, caller, Action.CONNECTION_TRIED, subject=f"connection:{connection_id}", details=told)
    parts.publisher.wake(streams.TEST_CONNECTION, task_id=task_id)
    location = {"Location": f"/api/v1/tasks/{task_id}"}
    return json_answer({"task_id": task_id, "status": "queued"}, status=202, headers=location)
