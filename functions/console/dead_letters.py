"""Routes of dead letters: look at what failed for good, put it back, or settle it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from functions.console.task_documentation import (
    DEAD_LETTER,
    DEAD_LETTERS,
    DROPPED,
    DROPPED_MANY,
    REPLAYED,
    REPLAYED_MANY,
)
from functions.console.task_pages import Before, Text, page_of
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, From, Limit, Moment, Name, To
from functions.http.repeating import once
from oddline.audit import Action
from oddline.catalogue import CATALOGUE
from oddline.maintenance import drop_dead_letter, drop_dead_letters, replay_dead_letter, replay_dead_letters
from oddline.tasks import Search, State, Task, dead_letter, newest, shown

router = new_router(tags=["tasks"])

Force = Annotated[bool, Query(description="Also where it came back dead too often")]


class Which(Body):
    """Which dead letters are put back: those of one task, or all."""

    name: Name | None = None
    failed_before: Moment | None = Field(
        default=None, description="What failed later is left. Of a further call: what the call before answered"
    )


@router.get("/api/v1/tasks/dead-letters", responses=DEAD_LETTERS)
def list_dead_letters(
    request: Request,
    caller: Authenticated,
    *,
    name: Name | None = None,
    time_from: From = None,
    time_to: To = None,
    text: Text = None,
    before: Before = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List tasks that failed for good, with what they were given, newest first."""
    search = Search(states=[State.FAILURE], name=name, time_from=time_from, time_to=time_to, text=text)
    with parts_of(request).db.transaction(project=caller.project) as tx:
        letters = newest(tx, search, before=before, limit=limit + 1)
    return page_of([_view(letter) for letter in letters], limit=limit)


@router.post("/api/v1/tasks/dead-letters/replay", responses=REPLAYED_MANY, openapi_extra=documented(Which))
@once
def replay_many(request: Request, caller: Authenticated, which: Annotated[Which, Depends(body_of(Which))]) -> Response:
    """Put up to 500 dead letters back, the oldest first: call again until none is `left`, with its `failed_before`.

    Those that are `capped` came back dead too often, and stay: only one by one and with `force` they are put back.
    """
    parts = parts_of(request)
    began = min(which.failed_before or parts.clock(), parts.clock())
    with parts.db.transaction(project=caller.project) as tx:
        replayed = replay_dead_letters(tx, catalogue=CATALOGUE, name=which.name, failed_before=began)
        told = {"replayed": replayed.replayed}
        record(tx, request, caller, Action.TASKS_REPLAYED, subject=f"tasks:{which.name or ''}", details=told)
    for spec, task_id in replayed.tasks:
        parts.publisher.wake(spec, task_id=task_id)
    counts = {"replayed": replayed.replayed, "left": replayed.left, "capped": replayed.capped}
    return json_answer(counts | {"failed_before": began})


@router.delete("/api/v1/tasks/dead-letters", responses=DROPPED_MANY)
def drop_many(
    request: Request, caller: Authenticated, *, name: Annotated[Name, Query(description="Of this task")]
) -> Response:
    """Settle up to 500 dead letters of a task for good: call again until none is dropped."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        told = {"dropped": drop_dead_letters(tx, name=name, now=parts.clock())}
        record(tx, request, caller, Action.TASKS_DROPPED, subject=f"tasks:{name}", details=told)
    return json_answer(told)


@router.get("/api/v1/tasks/dead-letters/{task_id}", responses=DEAD_LETTER)
def show(request: Request, caller: Authenticated, task_id: UUID) -> Response:
    """Show a dead letter, with the attempts that failed, the last 20."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        letter = dead_letter(tx, task_id)
    failures = [{key: failure[key] for key in ("attempt", "at", "error")} for failure in letter.failures]
    return json_answer(_view(letter) | {"failures": failures})


@router.post("/api/v1/tasks/dead-letters/{task_id}/replay", status_code=202, responses=REPLAYED)
@once
def replay(request: Request, caller: Authenticated, task_id: UUID, *, force: Force = False) -> Response:
    """Put a dead letter back to its beginning."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        spec = replay_dead_letter(tx, task_id, catalogue=CATALOGUE, force=force)
        told = {"name": spec.name, "force": force}
        record(tx, request, caller, Action.TASK_REPLAYED, subject=f"task:{task_id}", details=told)
    parts.publisher.wake(spec, task_id=task_id if spec.ledger else None)
    location = {"Location": f"/api/v1/tasks/{task_id}"}
    return json_answer({"task_id": task_id, "status": "queued"}, status=202, headers=location)


@router.delete("/api/v1/tasks/dead-letters/{task_id}", status_code=204, responses=DROPPED)
def drop(request: Request, caller: Authenticated, task_id: UUID) -> Response:
    """Settle a dead letter for good: it will not be tried again."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        drop_dead_letter(tx, task_id, now=parts.clock())
        record(tx, request, caller, Action.TASK_DROPPED, subject=f"task:{task_id}")
    return Response(status_code=204)


def _view(letter: Task) -> dict[str, Any]:
    return {**letter.view(), "payload": shown(letter.payload), "replays": letter.replays}
