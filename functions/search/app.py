"""The Lambda function that reads chunks: its routes, and nothing else."""

from functools import partial
from typing import Annotated

from fastapi import Query, Request, Response
from mangum import Mangum

from functions.http import (
    Authenticated,
    Opener,
    json_answer,
    new_app,
    new_router,
    open_parts,
    parts_of,
    side_by_side,
)
from functions.search import feedback, logs, patterns
from functions.search.documentation import SHADOW_REPORT
from oddline.scoring.registry import shadow_report

own = new_router()

DEFAULT_HOURS, MOST_HOURS = 24, 720

Hours = Annotated[float, Query(gt=0, le=MOST_HOURS, allow_inf_nan=False, description="How far back")]


@own.get("/api/v1/models/shadow-report", responses=SHADOW_REPORT, tags=["models"])
def show_shadow_report(request: Request, caller: Authenticated, *, hours: Hours = DEFAULT_HOURS) -> Response:
    """Tell how the scores of the model on trial differ from the live ones, in this project's entries."""
    parts = parts_of(request)
    report = shadow_report(db=parts.db, objects=parts.objects, project=caller.project, hours=hours, now=parts.clock())
    return json_answer(report)


router = side_by_side(own, logs.router, patterns.router, feedback.router)
app = new_app(router, title="Oddline: search", parts=Opener(partial(open_parts, "search")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
