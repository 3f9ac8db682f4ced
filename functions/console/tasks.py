"""Routes of tasks: what became of one, which there are, and the dead letters among them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from functions.console.documentation import DEAD_LETTERS, DROPPED, REPLAYED, TASK, TASKS
from functions.http import json_answer, needs, parts_of
from functions.http.auditing import record
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, Name
from oddline.audit import Action
from oddline.catalogue import CATALOGUE
from oddline.errors import NotFound
from oddline.identity import Caller, Scope
from oddline.maintenance import drop_dead_letter, replay_dead_letter
from oddline.tasks import State, Task, dead_letters, find, newest

router = APIRouter(tags=["tasks"])

Reading = Annotated[Caller, Depends(needs(Scope.READ))]
Administering = Annotated[Caller, Depends(needs(Scope.ADMIN))]
States = Annotated[list[State] | None, Query(description="In one of these states")]
Before = Annotated[UUID | None, Query(description="The `next` of the page before")]


@router.get("/api/v1/tasks", responses=TASKS)
def list_tasks(
    request: Request,
    caller: Reading,
    *,
    state: States = None,
    name: Name | None = None,
    before: Before = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List tasks, newest first."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        tasks = newest(tx, states=state or (), name=name, before=before, limit=limit + 1)
    return _page(tasks, [task.view() for task in tasks], limit=limit)


# Before `/tasks/{task_id}`, which would take the name for an id.
@router.get("/api/v1/tasks/dead-letters", responses=DEAD_LETTERS)
def list_dead_letters(
    request: Request, caller: Reading, *, before: Before = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List tasks that failed for good, with what they were given, newest first."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        tasks = dead_letters(tx, before=before, limit=limit + 1)
    return _page(tasks, [{**task.view(), "payload": task.payload} for task in tasks], limit=limit)


@router.post("/api/v1/tasks/dead-letters/{task_id}/replay", status_code=202, responses=REPLAYED)
def replay(request: Request, caller: Administering, task_id: UUID) -> Response:
    """Put a dead letter back to its beginning."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        spec = replay_dead_letter(tx, task_id, catalogue=CATALOGUE)
        record(tx, request, caller, Action.TASK_REPLAYED, subject=f"task:{task_id}", details={"name": spec.name})
    parts.publisher.wake(spec, task_id=task_id if spec.ledger else None)
    location = {"Location": f"/api/v1/tasks/{task_id}"}
    return json_answer({"task_id": task_id, "status": "queued"}, status=202, headers=location)


@router.delete("/api/v1/tasks/dead-letters/{task_id}", status_code=204, responses=DROPPED)
def drop(request: Request, caller: Administering, task_id: UUID) -> Response:
    """Settle a dead letter for good: it will not be tried again."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        drop_dead_letter(tx, task_id, now=parts.clock())
        record(tx, request, caller, Action.TASK_DROPPED, subject=f"task:{task_id}")
    return Response(status_code=204)


@router.get("/api/v1/tasks/{task_id}", responses=TASK)
@router.get("/api/v1/tasks/status/{task_id}", responses=TASK)
def show_task(request: Request, caller: Reading, task_id: UUID) -> Response:
    """Tell what became of a task. A submission's scoring is one too, by the submission's id."""
    return _shown(request, caller, task_id)


@router.get("/api/task-status/{task_id}", include_in_schema=False)
@router.get("/api/task-status/{task_id}/", responses=TASK)
def show_task_in_older_form(request: Request, caller: Reading, task_id: UUID) -> Response:
    """Tell what became of a task, at the path of earlier systems; here, too, a key is needed."""
    return _shown(request, caller, task_id)


def _shown(request: Request, caller: Caller, task_id: UUID) -> Response:
    with parts_of(request).db.transaction(project=caller.project) as tx:
        task = find(tx, task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}", field="task_id")
    return json_answer(task.view())


def _page(tasks: list[Task], views: list[dict[str, Any]], *, limit: int) -> Response:
    shown = fitting(views[:limit])
    page: dict[str, Any] = {"tasks": shown}
    if len(shown) < len(tasks):
        page["next"] = shown[-1]["task_id"]
    return json_answer(page)
