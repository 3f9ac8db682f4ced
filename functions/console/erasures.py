"""Routes of erasures: ask for the values of a person to be erased, and get the proof."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from functions.console.documentation import ERASING, ERASURE, ERASURES
from functions.http import Authenticated, is_operator, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, WithoutNul
from functions.http.repeating import once
from oddline.audit import Action
from oddline.privacy import (
    ERASE_PERSON,
    LONGEST_REASON,
    MOST_VALUES,
    SETTLED,
    find_erasure,
    list_erasures,
    request_erasure,
)

PATH = "/api/v1/erasures"

router = new_router(tags=["erasures"])

Before = Annotated[UUID | None, Query(description="The `next` of the page before")]


class Wanted(Body):
    """What is to be erased, in each way in which it is written."""

    values: list[str] = Field(min_length=1, max_length=MOST_VALUES, examples=[["ada@example.org", "Ada Lovelace"]])
    ignore_case: bool = Field(default=False, description="Whether capital and small letters are the same")
    reason: WithoutNul = Field(
        min_length=1,
        max_length=LONGEST_REASON,
        examples=["request 4711"],
        description="Kept with the erasure; it must not hold a value",
    )


@router.post(PATH, status_code=202, responses=ERASING, openapi_extra=documented(Wanted))
@once
def erase(request: Request, caller: Authenticated, wanted: Annotated[Wanted, Depends(body_of(Wanted))]) -> Response:
    """Erase values from all that the project has: what comes in is masked in seconds, a task erases what is stored.

    Asked for in the operator's project it reaches what belongs to no project, too.
    """
    parts = parts_of(request)
    whole_installation = is_operator(parts, caller)
    with parts.db.transaction(project=caller.project) as tx:
        erasure = request_erasure(
            tx,
            project=caller.project,
            values=wanted.values,
            ignore_case=wanted.ignore_case,
            reason=wanted.reason,
            requested_by=caller.actor,
            cipher=parts.settings.cipher(),
            now=parts.clock(),
            whole_installation=whole_installation,
        )
        record(tx, request, caller, Action.ERASURE_ASKED, subject=f"erasure:{erasure.id}")
    parts.publisher.wake(ERASE_PERSON, task_id=erasure.task, countdown=SETTLED)
    answer = {"erasure_id": erasure.id, "task_id": erasure.task, "status": "queued"}
    return json_answer(answer, status=202, headers={"Location": f"{PATH}/{erasure.id}"})


@router.get(PATH, responses=ERASURES)
def list_(
    request: Request, caller: Authenticated, *, before: Before = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List erasures, newest first, without the values."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        found = list_erasures(tx, caller.project, before=before, limit=limit)
    page: dict[str, Any] = {"erasures": [erasure.view() for erasure in found]}
    if len(found) == limit:
        page["next"] = found[-1].id
    return json_answer(page)


@router.get(PATH + "/{erasure_id}", responses=ERASURE)
def show(request: Request, caller: Authenticated, erasure_id: UUID) -> Response:
    """Show how far an erasure is, and its proof."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return json_answer(find_erasure(tx, caller.project, erasure=erasure_id).view())
