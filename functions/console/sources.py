"""Routes of sources: which there are, and the threshold that a person sets for one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AfterValidator, Field

from functions.console.bodies import Body, body_of, documented
from functions.console.documentation import SOURCE, SOURCES
from functions.http import json_answer, needs, parts_of
from functions.http.parameters import DEFAULT_AT_ONCE, LONGEST_NAME, Limit, Name, without_nul
from oddline.entries import set_source_threshold, source_views
from oddline.identity import Caller, Scope

router = APIRouter(tags=["sources"])

After = Annotated[Name | None, Query(description="The `next` of the page before")]
SourceName = Annotated[str, Path(min_length=1, max_length=LONGEST_NAME), AfterValidator(without_nul)]


class Threshold(Body):
    """From which score on entries of a source are anomalies; null gives that back to the model."""

    threshold: float | None = Field(ge=0, le=1, allow_inf_nan=False, examples=[0.95])


@router.get("/api/v1/sources", responses=SOURCES)
def list_sources(
    request: Request,
    caller: Annotated[Caller, Depends(needs(Scope.READ))],
    *,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List sources by name."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        sources = source_views(tx, project=caller.project, after=after, limit=limit)
    page: dict[str, Any] = {"sources": sources}
    if len(sources) == limit:
        page["next"] = sources[-1]["name"]
    return json_answer(page)


# A source's name may hold slashes.
@router.put("/api/v1/sources/{name:path}", responses=SOURCE, openapi_extra=documented(Threshold))
def set_threshold(
    request: Request,
    caller: Annotated[Caller, Depends(needs(Scope.ADMIN))],
    name: SourceName,
    body: Annotated[Threshold, Depends(body_of(Threshold))],
) -> Response:
    """Set from which score on entries of a source are anomalies: those that are scored from now on."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        source = set_source_threshold(tx, project=caller.project, name=name, threshold=body.threshold)
    return json_answer(source)
