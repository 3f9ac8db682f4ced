"""Routes of entries: pages of them, what comes in, one by its id."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, After, Limit, MinimumScore, Sources
from functions.search.documentation import ENTRY, PAGE, SEARCHED, TAIL
from functions.search.parameters import MinimumSeverity, Severities, Text, query_of
from functions.search.views import page_view
from oddline.entries import (
    LONGEST_BACK_S,
    SEARCH_ENTRIES,
    EntryQuery,
    Page,
    find_search,
    get_entry,
    list_entries,
    read_tail,
    severity_numbers,
    start_search,
    takes_long,
)
from oddline.scoring.replay import overlay_replay

router = new_router(tags=["entries"])

Replay = Annotated[UUID | None, Query(description="With each entry's score in this replay, beside its own")]
Facets = Annotated[bool, Query(description="With counts by severity, source and hour of all that is asked for")]
Asked = Annotated[EntryQuery, Depends(query_of)]
TailAfter = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The `next` of the answer before; or a number: begin so many seconds back "
        f"(at most {LONGEST_BACK_S:,}). Without it: begin at the end",
    ),
]


@router.get("/api/v1/logs", responses=PAGE)
def list_logs(
    request: Request,
    caller: Authenticated,
    query: Asked,
    *,
    replay: Replay = None,
    facets: Facets = False,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List entries, newest first. `attr.<name>=<value>` asks for an attribute; several conditions must all hold."""
    parts = parts_of(request)
    page = list_entries(
        query,
        db=parts.db,
        objects=parts.objects,
        project=caller.project,
        now=parts.clock(),
        after=after,
        limit=limit,
        facets=facets,
    )
    if after is None and replay is None and takes_long(page):
        with parts.db.transaction(project=caller.project) as tx:
            task = start_search(tx, query, project=caller.project, limit=limit, facets=facets, now=parts.clock())
        parts.publisher.wake(SEARCH_ENTRIES, task_id=task)
        return _not_ready(task, {"status": "queued", "progress": None})
    if replay is not None:
        overlaid = overlay_replay(page.entries, replay, db=parts.db, objects=parts.objects, project=caller.project)
        page = replace(page, entries=overlaid)
    return json_answer(page_view(page))


@router.get("/api/v1/logs/searches/{task_id}", responses=SEARCHED)
def show_search(request: Request, caller: Authenticated, task_id: UUID) -> Response:
    """Show what a search found that took too long for an answer; 202 while it goes on."""
    parts = parts_of(request)
    found = find_search(task_id, db=parts.db, objects=parts.objects, project=caller.project)
    return json_answer(page_view(found)) if isinstance(found, Page) else _not_ready(task_id, found)


@router.get("/api/v1/logs/tail", responses=TAIL)  # before `/logs/{entry_id}`, which would take it for an id
def tail_logs(
    request: Request,
    caller: Authenticated,
    *,
    source: Sources = None,
    severity: Severities = None,
    minimum_severity: MinimumSeverity = None,
    minimum_score: MinimumScore = None,
    text: Text = None,
    after: TailAfter = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """Tell what came in since, in the order in which it was scored; ask again with `next`, for nothing is missed so."""
    parts = parts_of(request)
    query = EntryQuery(
        sources=tuple(source or ()),
        severities=severity_numbers(severity or ()),
        severity_minimum=minimum_severity,
        score_minimum=minimum_score,
        text=text,
    )
    tail = read_tail(
        query,
        db=parts.db,
        objects=parts.objects,
        project=caller.project,
        now=parts.clock(),
        after=after,
        limit=limit,
    )
    tail = tail.cut(len(fitting(tail.entries)))
    return json_answer({"entries": tail.entries, "next": tail.next, "caught_up": tail.caught_up})


@router.get("/api/v1/logs/{entry_id}", responses=ENTRY)
def show_log(request: Request, caller: Authenticated, entry_id: UUID) -> Response:
    """Show an entry, from the moment on that it was accepted."""
    parts = parts_of(request)
    entry = get_entry(entry_id, db=parts.db, objects=parts.objects, project=caller.project, now=parts.clock())
    return json_answer(entry)


def _not_ready(task: UUID, how_far: Mapping[str, Any]) -> Response:
    location = f"/api/v1/logs/searches/{task}"
    return json_answer({"task_id": task, **how_far}, status=202, headers={"Location": location})
