"""Routes of tasks: which there are, what became of one, start one, cancel one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import Field

from functions.console.task_documentation import CANCELLED, KINDS, MAIL, STARTED, TASK, TASKS
from functions.console.task_pages import Before, States, Text, page_of
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import actor_of, record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, From, Limit, Name, To
from functions.http.repeating import once
from oddline.audit import Action
from oddline.catalogue import CATALOGUE
from oddline.errors import NotFound
from oddline.identity import Caller, Scope
from oddline.maintenance import cancel_task
from oddline.tasks import Outcome, Search, Starter, State, TaskSpec, find, newest, opened
from oddline.tasks import request as request_task

router = new_router(tags=["tasks"])


class Wish(Body):
    """A task that somebody wishes to run."""

    name: Name = Field(examples=["send_email"])
    payload: dict[str, Any] = Field(
        default_factory=dict, description="What it is given: see the catalogue", examples=[MAIL]
    )


@router.get("/api/v1/tasks", responses=TASKS)
def list_tasks(
    request: Request,
    caller: Authenticated,
    *,
    state: States = None,
    name: Name | None = None,
    time_from: From = None,
    time_to: To = None,
    text: Text = None,
    before: Before = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List tasks, newest first."""
    search = Search(states=state or (), name=name, time_from=time_from, time_to=time_to, text=text)
    return _list(request, caller, search, before=before, limit=limit)


@router.post("/api/v1/tasks", status_code=202, responses=STARTED, openapi_extra=documented(Wish))
@once
def start_task(request: Request, caller: Authenticated, wish: Annotated[Wish, Depends(body_of(Wish))]) -> Response:
    """Start a task of the catalogue, if the caller may."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        spec, task_id = request_task(
            tx,
            CATALOGUE,
            name=wish.name,
            payload=wish.payload,
            starter=_starter(caller),
            project=caller.project,
            now=parts.clock(),
        )
        record(tx, request, caller, Action.TASK_STARTED, subject=f"task:{task_id}", details={"name": wish.name})
    parts.publisher.wake(spec, task_id=task_id)
    location = {"Location": f"/api/v1/tasks/{task_id}"}
    return json_answer({"task_id": task_id, "status": "queued"}, status=202, headers=location)


# These names before `/tasks/{task_id}`, which would take them for ids.
@router.get("/api/v1/tasks/catalogue", responses=KINDS)
def list_kinds(caller: Authenticated) -> Response:
    """List the kinds of task: who may start each and with what, and how it is run."""
    return json_answer({"tasks": [_kind(spec, caller) for spec in CATALOGUE.values()]})


@router.get("/api/v1/tasks/active", responses=TASKS)
def list_active(
    request: Request, caller: Authenticated, *, before: Before = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List what runs now, newest first."""
    search = Search(states=[State.STARTED, State.PROGRESS])
    return _list(request, caller, search, before=before, limit=limit)


@router.get("/api/v1/tasks/scheduled", responses=TASKS)
def list_scheduled(
    request: Request, caller: Authenticated, *, before: Before = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List what waits for its time, `due_at`: for a start that is set, or for another attempt. Newest first."""
    search = Search(states=[State.PENDING, State.RETRY], due_after=parts_of(request).clock())
    return _list(request, caller, search, before=before, limit=limit)


@router.delete("/api/v1/tasks/cancel/{task_id}", responses=CANCELLED)
def cancel(request: Request, caller: Authenticated, task_id: UUID) -> Response:
    """Cancel a task. The answer waits up to 5 s, so as to tell what came of it; 202: it is being stopped."""
    parts = parts_of(request)
    by = actor_of(request, caller)
    cancelled = cancel_task(parts.db, task_id, project=caller.project, by=by, clock=parts.clock)
    stopping = cancelled.outcome is Outcome.STOPPING
    return json_answer(
        {"task_id": task_id, "outcome": str(cancelled.outcome), "status": str(cancelled.task.state)},
        status=202 if stopping else 200,
        headers={"Location": f"/api/v1/tasks/{task_id}"} if stopping else {},
    )


@router.get("/api/v1/tasks/{task_id}", responses=TASK)
@router.get("/api/v1/tasks/status/{task_id}", responses=TASK)
def show_task(request: Request, caller: Authenticated, task_id: UUID) -> Response:
    """Tell what became of a task. A submission's scoring is one too, by the submission's id.

    What is about people (a mail's recipients and text) is `sealed`, and open to keys with the scope `admin` alone.
    """
    return _shown(request, caller, task_id)


@router.get("/api/task-status/{task_id}", include_in_schema=False)
@router.get("/api/task-status/{task_id}/", responses=TASK)
def show_task_in_older_form(request: Request, caller: Authenticated, task_id: UUID) -> Response:
    """Tell what became of a task, at the path of earlier systems; here, too, a key is needed."""
    return _shown(request, caller, task_id)


def _shown(request: Request, caller: Caller, task_id: UUID) -> Response:
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        task = find(tx, task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}", field="task_id")
        if Scope.ADMIN not in caller.scopes:
            return json_answer(task.view())
        plain = opened(task, parts.settings.cipher())
        if plain != task:  # it is about people: so who looks is kept
            record(tx, request, caller, Action.TASK_OPENED, subject=f"task:{task_id}", details={"name": task.name})
    return json_answer(plain.view() | {"payload": plain.payload})


def _list(request: Request, caller: Caller, search: Search, *, before: UUID | None, limit: int) -> Response:
    with parts_of(request).db.transaction(project=caller.project) as tx:
        tasks = newest(tx, search, before=before, limit=limit + 1)
    return page_of([task.view() for task in tasks], limit=limit)


def _starter(caller: Caller) -> Starter:
    return Starter.ADMIN if Scope.ADMIN in caller.scopes else Starter.MEMBER


def _kind(spec: TaskSpec, caller: Caller) -> dict[str, Any]:
    return spec.view() | {"startable": spec.may_be_started_by(_starter(caller))}
