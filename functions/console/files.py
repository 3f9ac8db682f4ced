"""Routes of log files: upload one in parts, have it processed, see how far it is, delete it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect

from functions.console.file_documentation import (
    BEGUN,
    COMPLETED,
    DELETED,
    FILE,
    FILES,
    GROUP,
    ORIGIN,
    PAGE,
    PUT,
    STARTED,
)
from functions.http import Authenticated, Parts, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, LONGEST_NAME, Limit, Name, WithoutNul
from functions.http.repeating import HEADER, once
from oddline import files
from oddline.audit import Action
from oddline.errors import BadRequest, NotFound, TooLarge
from oddline.files import FileState, LogFile
from oddline.identity import Caller

PATH = "/api/v1/files"
MOST_FILES = 1_000  # of a group
PARTS_HELD: Final = 4  # in memory at once; the bodies of others are not read until these are stored
PART_WITHIN_S: Final = 300.0  # a part that comes more slowly would keep others out
_part_turns = asyncio.Semaphore(PARTS_HELD)

router = new_router(tags=["files"])

Before = Annotated[UUID | None, Query(description="The `next` of the page before")]
After = Annotated[int, Query(ge=0, le=10_000, description="Parts behind this number")]
PartsAtOnce = Annotated[int, Query(ge=1, le=1_000)]
Key = Annotated[
    str | None, Header(alias=HEADER, max_length=255, description="Asked with it again, it tells how the upload stands")
]
Text = Annotated[WithoutNul, Field(max_length=LONGEST_NAME)]


class NewFile(Body):
    """A file that is to be uploaded."""

    name: Name = Field(examples=["checkout-2026-11-04.log.gz"])
    size: int | None = Field(default=None, ge=0, description="Bytes; told, it is checked in the end")
    source: Text = Field(default="", description="Of its entries that name none; else the file's name")
    format: Text = Field(default="", description="Its format; found by looking where it is not given")
    zone: Text = Field(default="", description="Of times without one; UTC if not given", examples=["Asia/Tokyo"])


class Completion(Body):
    """What is to become of a file whose parts are all there."""

    process: bool = Field(default=True, description="Whether it becomes entries at once")


class Group(Body):
    """Files that are to be processed side by side."""

    file_ids: list[UUID] = Field(min_length=1, max_length=MOST_FILES, strict=False)


async def part_body(request: Request) -> AsyncIterator[bytes]:
    """A part as it came, while it is among the few that are held at once.

    Raises:
        TooLarge: it has more bytes than any part may have; not one over that is waited for.
        BadRequest: the client broke it off, or took too long.
    """
    async with _part_turns:
        try:
            async with asyncio.timeout(PART_WITHIN_S):
                body = await _received(request)
        except ClientDisconnect as error:
            raise BadRequest("the body was broken off", field="body") from error
        except TimeoutError as error:
            raise BadRequest(f"the body did not come within {PART_WITHIN_S:.0f} s", field="body") from error
        yield body


async def _received(request: Request) -> bytes:
    body, most = bytearray(), files.PART_BYTES_UNTOLD
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise TooLarge(f"a part that comes this way has at most {most:,} bytes", limit=most, unit="bytes")
    return bytes(body)


@router.post(PATH, status_code=201, responses=BEGUN, openapi_extra=documented(NewFile))
def begin(
    request: Request,
    caller: Authenticated,
    new: Annotated[NewFile, Depends(body_of(NewFile))],
    idempotency_key: Key = None,
) -> Response:
    """Begin to upload a log file. Put each part where the answer says, then complete it.

    Asked with the same `Idempotency-Key` as before, it tells how the first upload stands, so that it can go on.
    """
    parts = parts_of(request)
    erase = parts.rule_book.redaction(parts.db, caller.project).rules.whole.erase
    file = files.begin(
        parts.db,
        parts.objects,
        project=caller.project,
        wanted=files.Wanted(
            name=erase(new.name),
            source=erase(new.source),
            size=new.size,
            format=new.format,
            zone=new.zone,
            key=erase(idempotency_key) if idempotency_key else None,
            caller=caller.actor,
        ),
        most_bytes=parts.settings.file_bytes,
        now=parts.clock(),
    )
    with parts.db.transaction(project=caller.project) as tx:
        record(tx, request, caller, Action.FILE_ADDED, subject=f"file:{file.id}", details={"size": file.size})
    answer = file.upload_view()
    if file.state is FileState.UPLOADING:
        answer["upload"] = files.page(parts.objects, file, after=0)
    return json_answer(answer, status=201, headers={"Location": f"{PATH}/{file.id}"})


@router.get(PATH, responses=FILES)
def list_(
    request: Request,
    caller: Authenticated,
    *,
    state: Annotated[FileState | None, Query(description="In this state")] = None,
    before: Before = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List files, newest first."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        found = files.list_files(tx, caller.project, state=state, before=before, limit=limit)
    page: dict[str, Any] = {"files": [file.view() for file in found]}
    if len(found) == limit:
        page["next"] = str(found[-1].id)
    return json_answer(page)


@router.post(PATH + "/process", status_code=202, responses=GROUP, openapi_extra=documented(Group))
@once
def process_group(
    request: Request, caller: Authenticated, group: Annotated[Group, Depends(body_of(Group))]
) -> Response:
    """Have files made into entries side by side; one task tells when all have ended."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        started, tasks = files.start_group(tx, caller.project, files=group.file_ids, now=parts.clock())
        record(tx, request, caller, Action.FILES_PROCESSED, subject=f"files:{len(tasks)}")
    _publish(parts, started)
    told = [{"file_id": file, "task_id": task} for file, task in tasks.items()]
    return _queued(started, files=told)


@router.get(PATH + "/origin/{entry_id}", responses=ORIGIN)
def origin(request: Request, caller: Authenticated, entry_id: UUID) -> Response:
    """Tell from which bytes of which file an entry comes."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        found = files.origin_of(tx, caller.project, entry=entry_id)
    if found is None:
        raise NotFound(f"entry {entry_id} comes from no file that is kept", field="entry_id")
    return json_answer(found)


@router.get(PATH + "/{file_id}", responses=FILE)
def show(request: Request, caller: Authenticated, file_id: UUID) -> Response:
    """Tell how far a file is, and what it was found to hold."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return json_answer(files.existing(tx, caller.project, file=file_id).view())


@router.get(PATH + "/{file_id}/upload", responses=PAGE)
def upload(
    request: Request, caller: Authenticated, file_id: UUID, *, after: After = 0, limit: PartsAtOnce = DEFAULT_AT_ONCE
) -> Response:
    """Tell which parts of an upload are there and where the others go: so one that broke off goes on."""
    file = _file(request, caller, file_id)
    return json_answer(files.page(parts_of(request).objects, file, after=after, limit=limit))


@router.put(PATH + "/{file_id}/parts/{number}", status_code=204, responses=PUT)
def put_part(
    request: Request, caller: Authenticated, file_id: UUID, number: int, data: Annotated[bytes, Depends(part_body)]
) -> Response:
    """Store a part, where the upload's URLs lead here."""
    files.put(parts_of(request).objects, _file(request, caller, file_id), number=number, data=data)
    return Response(status_code=204)


@router.post(PATH + "/{file_id}/complete", responses=COMPLETED, openapi_extra=documented(Completion, may_lack=True))
@once
def complete(
    request: Request,
    caller: Authenticated,
    file_id: UUID,
    wanted: Annotated[Completion, Depends(body_of(Completion, may_lack=True))],
) -> Response:
    """Make the file of its parts, and have it made into entries."""
    parts = parts_of(request)
    file = files.complete(
        parts.db,
        parts.objects,
        _file(request, caller, file_id),
        most_bytes=parts.settings.file_bytes,
        now=parts.clock(),
    )
    if wanted.process:
        _process(request, caller, file_id)
        file = _file(request, caller, file_id)
    return json_answer(file.upload_view())


@router.post("/api/v1/logs/process/{log_file_id}", status_code=202, responses=STARTED)
@once
def process(request: Request, caller: Authenticated, log_file_id: UUID) -> Response:
    """Have a file made into entries; one that is or was processed has the same task as before."""
    return _queued(_process(request, caller, log_file_id))


@router.delete(PATH + "/{file_id}", status_code=204, responses=DELETED)
def delete(request: Request, caller: Authenticated, file_id: UUID) -> Response:
    """Delete a file, or give up its upload."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        task = files.delete(tx, caller.project, file=file_id, now=parts.clock())
        record(tx, request, caller, Action.FILE_DELETED, subject=f"file:{file_id}")
    if task is not None:
        parts.publisher.wake(files.DELETE_LOG_FILE, task_id=task)
    return Response(status_code=204)


def _file(request: Request, caller: Caller, file_id: UUID) -> LogFile:
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return files.existing(tx, caller.project, file=file_id)


def _process(request: Request, caller: Caller, file_id: UUID) -> files.Started:
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        started = files.start_processing(tx, caller.project, file=file_id, now=parts.clock())
        if started.due:
            record(tx, request, caller, Action.FILE_PROCESSED, subject=f"file:{file_id}")
    _publish(parts, started)
    return started


def _publish(parts: Parts, started: files.Started) -> None:
    for one in started.due:
        parts.publisher.wake(one.spec, task_id=one.id)


def _queued(started: files.Started, **more: Any) -> Response:
    answer = {"task_id": started.task, "status": "queued", **more}
    return json_answer(answer, status=202, headers={"Location": f"/api/v1/tasks/{started.task}"})
