"""The Lambda function that reads chunks: its routes, and nothing else."""

from dataclasses import replace
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from mangum import Mangum

from functions.http import Authenticated, Opener, json_answer, new_app, open_parts, parts_of
from functions.http.parameters import DEFAULT_AT_ONCE, After, From, Limit, MinimumScore, Sources, To
from functions.search import feedback
from functions.search.documentation import ENTRY, PAGE, SHADOW_REPORT
from functions.search.parameters import Severity
from functions.search.views import page_view
from oddline.entries import LARGEST_PATTERN_ID, LONGEST_TEXT, EntryQuery, get_entry, list_entries
from oddline.scoring.registry import shadow_report
from oddline.scoring.replay import overlay_replay

router = APIRouter(tags=["entries"])

DEFAULT_HOURS, MOST_HOURS = 24, 720

IsAnomaly = Annotated[bool | None, Query(description="Only entries that are, or are not, over their threshold")]
Pattern = Annotated[int | None, Query(ge=0, le=LARGEST_PATTERN_ID, description="With the pattern of this id")]
Replay = Annotated[UUID | None, Query(description="With each entry's score in this replay, beside its own")]
Hours = Annotated[float, Query(gt=0, le=MOST_HOURS, allow_inf_nan=False, description="How far back")]
Text = Annotated[
    str | None,
    Query(min_length=1, max_length=LONGEST_TEXT, description="With this in the message, in letters of any case"),
]


@router.get("/api/v1/logs", responses=PAGE)
def list_logs(
    request: Request,
    caller: Authenticated,
    *,
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
    severity: Severity = None,
    minimum_score: MinimumScore = None,
    is_anomaly: IsAnomaly = None,
    pattern: Pattern = None,
    text: Text = None,
    replay: Replay = None,
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
    if replay is not None:
        overlaid = overlay_replay(page.entries, replay, db=parts.db, objects=parts.objects, project=caller.project)
        page = replace(page, entries=overlaid)
    return json_answer(page_view(page))


@router.get("/api/v1/logs/{entry_id}", responses=ENTRY)
def show_log(request: Request, caller: Authenticated, entry_id: UUID) -> Response:
    """Show an entry, from the moment on that it was accepted."""
    parts = parts_of(request)
    entry = get_entry(entry_id, db=parts.db, objects=parts.objects, project=caller.project, now=parts.clock())
    return json_answer(entry)


@router.get("/api/v1/models/shadow-report", responses=SHADOW_REPORT, tags=["models"])
def show_shadow_report(request: Request, caller: Authenticated, *, hours: Hours = DEFAULT_HOURS) -> Response:
    """Tell how the scores of the model on trial differ from the live ones, in this project's entries."""
    parts = parts_of(request)
    report = shadow_report(db=parts.db, objects=parts.objects, project=caller.project, hours=hours, now=parts.clock())
    return json_answer(report)


router.include_router(feedback.router)

app = new_app(router, title="Oddline: search", parts=Opener(partial(open_parts, "search")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
