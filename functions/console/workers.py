"""Routes of workers and queues. They act on the whole installation: for admins of the operator's project alone."""

from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import StringConstraints

from functions.console.fleet_documentation import HELD, LIMITS, PURGED, QUEUES, RESTARTED, SETTLED, WORKERS
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import LONGEST_NAME, Name, WithoutNul
from functions.http.repeating import once
from oddline import fleet
from oddline.audit import Action
from oddline.catalogue import CATALOGUE
from oddline.errors import Conflict
from oddline.identity import Caller
from oddline.tasks import Queue, WorkerClass

router = new_router(tags=["workers"])

Reason = Annotated[WithoutNul, StringConstraints(max_length=LONGEST_NAME)]


class Hold(Body):
    """Why a queue is held."""

    reason: Reason = ""


class Restart(Body):
    """Which workers are to be replaced; all where no class is named."""

    classes: tuple[WorkerClass, ...] = ()


class Limit(Body):
    """How often each worker may start a task: `10/m`, `5/s`, `100/h`, or `0` for as often as it can."""

    rate: str


@router.get("/api/v1/workers", responses=WORKERS)
def list_workers(request: Request) -> Response:
    """List the workers that are alive: memory, what each process does now, and since when."""
    parts = parts_of(request)
    workers = fleet.list_workers(parts.db, now=parts.clock())
    return json_answer({"workers": [worker.view() for worker in workers]})


@router.post("/api/v1/workers/restart", status_code=202, responses=RESTARTED, openapi_extra=documented(Restart))
@once
def restart_workers(
    request: Request, caller: Authenticated, body: Annotated[Restart, Depends(body_of(Restart))]
) -> Response:
    """Have workers finish what they do and be replaced, one of a class after the other."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        fleet.ask_restart(tx, body.classes, by=caller.actor, now=parts.clock())
        record(tx, request, caller, Action.WORKERS_RESTARTED, subject=f"workers:{','.join(body.classes)}")
    return json_answer({"classes": body.classes or list(WorkerClass), "status": "asked"}, status=202)


@router.get("/api/v1/queues", responses=QUEUES)
def list_queues(request: Request) -> Response:
    """List the queues: messages in Redis beside what waits in the ledger, and which are held."""
    parts = parts_of(request)
    queues = fleet.list_queues(parts.db, redis_url=parts.settings.with_secret().redis_url, now=parts.clock())
    return json_answer({"queues": [queue.view() for queue in queues]})


@router.post("/api/v1/queues/{queue}/hold", responses=HELD, openapi_extra=documented(Hold))
@once
def hold_queue(
    request: Request, caller: Authenticated, queue: Queue, body: Annotated[Hold, Depends(body_of(Hold))]
) -> Response:
    """Have nobody take work of a queue: it waits in the ledger until the queue is released."""
    _hold(request, caller, queue, body, action=Action.QUEUE_HELD)
    return json_answer({"queue": queue, "status": "held"})


@router.post("/api/v1/queues/{queue}/purge", responses=PURGED, openapi_extra=documented(Hold))
@once
def purge_queue(
    request: Request, caller: Authenticated, queue: Queue, body: Annotated[Hold, Depends(body_of(Hold))]
) -> Response:
    """Hold a queue and delete its messages in Redis. Nothing is lost: its work stays in the ledger."""
    _hold(request, caller, queue, body, action=Action.QUEUE_PURGED)
    dropped = fleet.drop_messages(parts_of(request).settings.with_secret().redis_url, queue)
    return json_answer({"queue": queue, "status": "held", "messages": dropped})


@router.post("/api/v1/queues/{queue}/release", responses=HELD)
@once
def release_queue(request: Request, caller: Authenticated, queue: Queue) -> Response:
    """Let work of a queue be taken again; workers publish what waits within seconds."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        if not fleet.release(tx, queue):
            raise Conflict(f"{queue} is not held", field="queue")
        record(tx, request, caller, Action.QUEUE_RELEASED, subject=f"queue:{queue}")
    return json_answer({"queue": queue, "status": "released"})


@router.get("/api/v1/rate-limits", responses=LIMITS)
def list_limits(request: Request) -> Response:
    """List the rate limits that differ from the catalogue's; each holds for every worker by itself."""
    with parts_of(request).db.transaction() as tx:
        found = fleet.limits(tx)
    return json_answer({"limits": [limit.view() for limit in found]})


@router.put("/api/v1/rate-limits/{task}", status_code=204, responses=SETTLED, openapi_extra=documented(Limit))
def set_limit(
    request: Request, caller: Authenticated, task: Name, body: Annotated[Limit, Depends(body_of(Limit))]
) -> Response:
    """Change how often each worker may start a task; workers follow within seconds."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        fleet.set_limit(tx, task, rate=body.rate, catalogue=CATALOGUE, by=caller.actor, now=parts.clock())
        record(tx, request, caller, Action.RATE_LIMITED, subject=f"task:{task}", details={"rate": body.rate})
    return Response(status_code=204)


@router.delete("/api/v1/rate-limits/{task}", status_code=204, responses=SETTLED)
def lift_limit(request: Request, caller: Authenticated, task: Name) -> Response:
    """Let the catalogue's limit hold again."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        fleet.lift_limit(tx, task)
        record(tx, request, caller, Action.RATE_FREED, subject=f"task:{task}")
    return Response(status_code=204)


def _hold(request: Request, caller: Caller, queue: Queue, body: Hold, *, action: Action) -> None:
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        fleet.hold(tx, queue, by=caller.actor, reason=body.reason, now=parts.clock())
        record(tx, request, caller, action, subject=f"queue:{queue}")
