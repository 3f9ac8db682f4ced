"""The Lambda function that reads chunks: its routes, and nothing else."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from mangum import Mangum

from functions.http import Opener, json_answer, needs, new_app, open_parts, parts_of
from functions.http.parameters import DEFAULT_AT_ONCE, After, From, Limit, MinimumScore, Sources, To
from functions.search.documentation import ENTRY, PAGE
from functions.search.parameters import Severity
from functions.search.views import page_view
from oddline.entries import EntryQuery, get_entry, list_entries
from oddline.identity import Caller, Scope

router = APIRouter(tags=["entries"])

Reading = Annotated[Caller, Depends(needs(Scope.READ))]
IsAnomaly = Annotated[bool | None, Query(description="Only entries that are, or are not, over their threshold")]
Pattern = Annotated[int | None, Query(description="With the pattern of this id")]
Text = Annotated[str | None, Query(description="With this in the message, whatever the case of its letters")]


@router.get("/api/v1/logs", responses=PAGE)
def list_logs(
    request: Request,
    caller: Reading,
    *,
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
    severity: Severity = None,
    minimum_score: MinimumScore = None,
    is_anomaly: IsAnomaly = None,
    pattern: Pattern = None,
    text: Text = None,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List entries, newest first."""
    query = EntryQuery(
        time_from=time_from,
        time_to=time_to,
        sources=tuple(source or ()),
        severity_minimum=severity,
        score_minimum=minimum_score,
        is_anomaly=is_anomaly,
        pattern_id=pattern,
        text=text,
    )
    parts = parts_of(request)
    page = list_entries(
        query,
        db=parts.db,
        objects=parts.objects,
        project=caller.project,
        now=parts.clock(),
        after=after,
        limit=limit,
    )
    return json_answer(page_view(page))


@router.get("/api/v1/logs/{entry_id}", responses=ENTRY)
def show_log(request: Request, caller: Reading, entry_id: UUID) -> Response:
    """Show an entry, from the moment on that it was accepted."""
    parts = parts_of(request)
    entry = get_entry(entry_id, db=parts.db, objects=parts.objects, project=caller.project, now=parts.clock())
    return json_answer(entry)


app = new_app(router, title="Oddline: search", parts=Opener(partial(open_parts, "search")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
