"""Routes of schedules: those that users make, what became of their runs, and Oddline's own to look at."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field, model_validator

from functions.console.schedule_documentation import MADE, REMOVED, RUNS, SCHEDULE, SCHEDULES, STARTED
from functions.console.task_documentation import MAIL
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, Moment, Name
from functions.http.repeating import once
from oddline import schedules
from oddline.audit import Action
from oddline.catalogue import CATALOGUE
from oddline.errors import Forbidden
from oddline.identity import Scope
from oddline.ids import new_id
from oddline.schedules import CatchUp, UserSchedule, Wish
from oddline.tasks import Starter

router = new_router(tags=["schedules"])

AfterName = Annotated[Name | None, Query(description="The `next` of the page before")]
BeforeRun = Annotated[Moment | None, Query(description="The `next` of the page before")]
OfTheSystem = Annotated[bool, Query(description="Oddline's own schedules instead; for administrators")]


ScheduleName = Annotated[Name, Field(description="Unique in the project", examples=["morning mail"])]
TaskName = Annotated[Name, Field(description="Of the task catalogue", examples=["send_email"])]
Expression = Annotated[
    str,
    Field(
        description="EventBridge Scheduler's: rate(…), cron(…) with six fields, at(…)",
        examples=["cron(0 8 ? * MON-FRI *)"],
    ),
]


class ScheduleChange(Body):
    """What of a schedule can be set; what is left out stays as it is."""

    name: ScheduleName = ""
    task: TaskName = ""
    expression: Expression = ""
    payload: dict[str, Any] = Field(default={}, description="What the task is given", examples=[MAIL])
    timezone: str = Field(default="UTC", description="Of the IANA database", examples=["Europe/Berlin"])
    starts_at: Moment | None = Field(default=None, description="It fires at this moment at the soonest")
    ends_at: Moment | None = Field(default=None, description="It fires before this moment only")
    catch_up: CatchUp = Field(default=CatchUp.NONE, description="Whether the last of missed runs is made up for")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing is given")
        return self


class NewSchedule(ScheduleChange):
    """A schedule to be made."""

    name: ScheduleName
    task: TaskName
    expression: Expression


@router.get("/api/v1/schedules", responses=SCHEDULES)
def list_schedules(
    request: Request,
    caller: Authenticated,
    *,
    system: OfTheSystem = False,
    after: AfterName = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List schedules by name, each with its next five times."""
    parts = parts_of(request)
    now = parts.clock()
    if system:
        if Scope.ADMIN not in caller.scopes:
            raise Forbidden(f"Oddline's own schedules are shown to those with the scope {Scope.ADMIN}", field="system")
        return json_answer({"schedules": schedules.system_schedules(CATALOGUE, now=now)})
    with parts.db.transaction(project=caller.project) as tx:
        found = schedules.listed(tx, project=caller.project, after=after, limit=limit + 1)
    shown = fitting([schedules.view(one, now=now) for one in found[:limit]])
    page: dict[str, Any] = {"schedules": shown}
    if len(shown) < len(found):
        page["next"] = shown[-1]["name"]
    return json_answer(page)


@router.post("/api/v1/schedules", status_code=201, responses=MADE, openapi_extra=documented(NewSchedule))
@once
def create_schedule(
    request: Request, caller: Authenticated, body: Annotated[NewSchedule, Depends(body_of(NewSchedule))]
) -> Response:
    """Make a schedule: it starts a task of the catalogue, with the rights of whoever made it."""
    parts = parts_of(request)
    now = parts.clock()
    with parts.db.transaction(project=caller.project) as tx:
        made = schedules.create(
            tx,
            Wish(**dict(body)),
            schedule_id=new_id(),
            project=caller.project,
            starter=Starter.ADMIN,
            actor=caller.actor,
            catalogue=CATALOGUE,
            now=now,
        )
        record(tx, request, caller, Action.SCHEDULE_MADE, subject=f"schedule:{made.id}", details={"task": made.task})
    location = {"Location": f"/api/v1/schedules/{made.id}"}
    return json_answer(schedules.view(made, now=now), status=201, headers=location)


@router.get("/api/v1/schedules/{schedule_id}", responses=SCHEDULE)
def show_schedule(request: Request, caller: Authenticated, schedule_id: UUID) -> Response:
    """Show a schedule with its next five times.

    What is about people (a mail's recipients and text) is `sealed`, and open to those with the scope `admin` alone.
    """
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        kept = schedules.find(tx, schedule_id)
        if Scope.ADMIN not in caller.scopes:
            return _shown(request, kept)
        plain = schedules.opened(kept)
        if plain != kept:  # it is about people: so who looks is kept
            record(tx, request, caller, Action.SCHEDULE_OPENED, subject=f"schedule:{schedule_id}")
    return json_answer(schedules.view(plain, now=parts.clock()) | {"payload": plain.payload})


@router.put("/api/v1/schedules/{schedule_id}", responses=SCHEDULE, openapi_extra=documented(ScheduleChange))
def change_schedule(
    request: Request,
    caller: Authenticated,
    schedule_id: UUID,
    body: Annotated[ScheduleChange, Depends(body_of(ScheduleChange))],
) -> Response:
    """Change a schedule: from then on it runs with the rights of whoever changed it."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        changed = schedules.change(
            tx,
            schedule_id,
            {name: getattr(body, name) for name in body.model_fields_set},
            starter=Starter.ADMIN,
            actor=caller.actor,
            catalogue=CATALOGUE,
            now=parts.clock(),
        )
        told = {"fields": sorted(body.model_fields_set)}
        record(tx, request, caller, Action.SCHEDULE_CHANGED, subject=f"schedule:{schedule_id}", details=told)
    return _shown(request, changed)


@router.delete("/api/v1/schedules/{schedule_id}", status_code=204, responses=REMOVED)
def remove_schedule(request: Request, caller: Authenticated, schedule_id: UUID) -> Response:
    """Remove a schedule and what is kept of its runs; what it has started goes on."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        schedules.remove(tx, schedule_id, now=parts.clock())
        record(tx, request, caller, Action.SCHEDULE_REMOVED, subject=f"schedule:{schedule_id}")
    return Response(status_code=204)


@router.post("/api/v1/schedules/{schedule_id}/pause", responses=SCHEDULE)
@once
def pause_schedule(request: Request, caller: Authenticated, schedule_id: UUID) -> Response:
    """Let a schedule fire no more until it is resumed."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        paused = schedules.pause(tx, schedule_id, now=parts.clock())
        record(tx, request, caller, Action.SCHEDULE_PAUSED, subject=f"schedule:{schedule_id}")
    return _shown(request, paused)


@router.post("/api/v1/schedules/{schedule_id}/resume", responses=SCHEDULE)
@once
def resume_schedule(request: Request, caller: Authenticated, schedule_id: UUID) -> Response:
    """Let a paused schedule fire again, from now on and with the rights of whoever resumed it."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        resumed = schedules.resume(tx, schedule_id, starter=Starter.ADMIN, actor=caller.actor, now=parts.clock())
        record(tx, request, caller, Action.SCHEDULE_RESUMED, subject=f"schedule:{schedule_id}")
    return _shown(request, resumed)


@router.post("/api/v1/schedules/{schedule_id}/run", status_code=202, responses=STARTED)
@once
def run_schedule(request: Request, caller: Authenticated, schedule_id: UUID) -> Response:
    """Start a schedule's task now, beside its planned times."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        started = schedules.run_now(tx, schedule_id, starter=Starter.ADMIN, catalogue=CATALOGUE, now=parts.clock())
        told = {"task_id": started.task_id}
        record(tx, request, caller, Action.SCHEDULE_RUN, subject=f"schedule:{schedule_id}", details=told)
    parts.publisher.wake(started.spec, task_id=started.task_id)
    location = {"Location": f"/api/v1/tasks/{started.task_id}"}
    return json_answer({"task_id": started.task_id, "status": "queued"}, status=202, headers=location)


@router.get("/api/v1/schedules/{schedule_id}/runs", responses=RUNS)
def list_runs(
    request: Request,
    caller: Authenticated,
    schedule_id: UUID,
    *,
    before: BeforeRun = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List what became of a schedule's planned times in the last 14 days, the last first."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        runs = schedules.runs_of(tx, schedule_id, before=before, limit=limit + 1)
    page: dict[str, Any] = {"runs": [run.view() for run in runs[:limit]]}
    if len(runs) > limit:
        page["next"] = runs[limit - 1].planned
    return json_answer(page)


def _shown(request: Request, schedule: UserSchedule) -> Response:
    return json_answer(schedules.view(schedule, now=parts_of(request).clock()))
