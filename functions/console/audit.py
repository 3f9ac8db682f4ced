"""The route of the audit trail: who did what, for those who administer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import StringConstraints

from functions.console.documentation import AUDIT
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, From, Limit, To, WithoutNul
from oddline import audit

LONGEST = 300  # characters of an actor, of a subject

router = new_router(tags=["audit"])

Text = Annotated[WithoutNul, StringConstraints(min_length=1, max_length=LONGEST)]
Actor = Annotated[Text | None, Query(description="By this one: `key:…`, `person:…` or `operator:…`")]
Actions = Annotated[list[audit.Action] | None, Query(description="One of these. May be given several times")]
Subject = Annotated[Text | None, Query(description="To exactly this, as in `source:checkout-api`")]
After = Annotated[UUID | None, Query(description="The `next` of the page before")]


@router.get("/api/v1/audit", responses=AUDIT)
def list_audit(
    request: Request,
    caller: Authenticated,
    *,
    actor: Actor = None,
    action: Actions = None,
    subject: Subject = None,
    time_from: From = None,
    time_to: To = None,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List what was done in this project, newest first; of those who were forgotten `erased` is left."""
    query = audit.Query(
        actor=actor, actions=tuple(action or ()), subject=subject, time_from=time_from, time_to=time_to, after=after
    )
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        found = audit.list_actions(tx, caller.project, query, cipher=parts.settings.cipher(), limit=limit + 1)
    shown = fitting([entry.view() for entry in found[:limit]])
    page: dict[str, Any] = {"actions": shown}
    if len(shown) < len(found):
        page["next"] = shown[-1]["id"]
    return json_answer(page)
