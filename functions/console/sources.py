"""Routes of sources: which there are, by what they are judged, and what a person sets for one."""

from typing import Annotated, Any, Self

from fastapi import Depends, Path, Query, Request, Response
from pydantic import Field, model_validator

from functions.console.documentation import SOURCE, SOURCES
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, LONGEST_NAME, Limit, Name, Portion, WithoutNul
from oddline.audit import Action, source_subject
from oddline.entries import (
    LEAST_ALARMS_PER_DAY,
    LONGEST_ATTRIBUTE,
    LONGEST_WINDOW,
    MOST_ALARMS_PER_DAY,
    SHORTEST_WINDOW,
    set_sequence_window,
    set_session_attribute,
    set_source_alarms,
    set_source_threshold,
    source_view,
    source_views,
)

router = new_router(tags=["sources"])

After = Annotated[Name | None, Query(description="The `next` of the page before")]
SourceName = Annotated[WithoutNul, Path(min_length=1, max_length=LONGEST_NAME)]


class SourceSettings(Body):
    """What of a source can be set; what is left out stays as it is."""

    threshold: Portion | None = Field(
        default=None,
        examples=[None],
        description="From which score on entries are anomalies; null: that is found by itself",
    )
    alarms_per_day: float | None = Field(
        default=None,
        ge=LEAST_ALARMS_PER_DAY,
        le=MOST_ALARMS_PER_DAY,
        allow_inf_nan=False,
        examples=[5],
        description="How many incidents (a pattern in an hour) a day may be alarms; null: as many as the project says",
    )

    session_attribute: WithoutNul | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_ATTRIBUTE,
        examples=["request_id"],
        description="The attribute by which entries without a session belong together; also trace_id",
    )
    sequence_window: int | None = Field(
        default=None,
        ge=SHORTEST_WINDOW,
        le=LONGEST_WINDOW,
        examples=[60],
        description="Seconds: entries that have neither a session nor that attribute are judged in such windows",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing is given")
        return self


@router.get("/api/v1/sources", responses=SOURCES)
def list_sources(
    request: Request,
    caller: Authenticated,
    *,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List sources by name."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        sources = source_views(tx, project=caller.project, today=parts.clock().date(), after=after, limit=limit)
    page: dict[str, Any] = {"sources": sources}
    if len(sources) == limit:
        page["next"] = sources[-1]["name"]
    return json_answer(page)


# A source's name may hold slashes.
@router.put("/api/v1/sources/{name:path}", responses=SOURCE, openapi_extra=documented(SourceSettings))
def update_source(
    request: Request,
    caller: Authenticated,
    name: SourceName,
    settings: Annotated[SourceSettings, Depends(body_of(SourceSettings))],
) -> Response:
    """Set what makes an entry of a source an anomaly, and how its entries are put together to sequences."""
    parts = parts_of(request)
    given = settings.model_dump(exclude_unset=True)
    source: dict[str, Any] = {"project": caller.project, "name": name}
    with parts.db.transaction(project=caller.project) as tx:
        if "threshold" in given:
            set_source_threshold(tx, **source, threshold=given["threshold"])
        if "alarms_per_day" in given:
            set_source_alarms(tx, **source, alarms_per_day=given["alarms_per_day"])
        if "session_attribute" in given:
            set_session_attribute(tx, **source, attribute=given["session_attribute"])
        if "sequence_window" in given:
            set_sequence_window(tx, **source, seconds=given["sequence_window"])
        told = given | {"session_attribute": "set"} if given.get("session_attribute") else given  # it is free text
        subject, named = source_subject(caller.project, name), {"source": name}
        record(tx, request, caller, Action.SOURCE_CHANGED, subject=subject, details=told, named=named)
        return json_answer(source_view(tx, project=caller.project, name=name, today=parts.clock().date()))
