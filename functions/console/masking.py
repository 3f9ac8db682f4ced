"""Routes of masking: what of entries is masked before it is stored, for the whole project or for one source."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from functions.console.documentation import MASKING
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import Name
from oddline.audit import Action, source_subject
from oddline.redaction import LONGEST_EXPRESSION, MOST_OWN_RULES, Kind, set_masking, show_masking

PATH = "/api/v1/masking"

router = new_router(tags=["masking"])

Source = Annotated[Name | None, Query(description="Of this source, which need not have had an entry yet")]


class OwnRule(Body):
    """What the expression finds, or its first group, becomes `<masked:name>`."""

    name: str = Field(pattern=r"^[a-z][a-z_]{0,29}$", examples=["employee"])
    expression: str = Field(min_length=1, max_length=LONGEST_EXPRESSION, description="RE2", examples=[r"E-(\d{6})"])


class MaskingSettings(Body):
    """What is masked beside, or instead of, what is masked by default; it takes the place of what was set."""

    on: list[Kind] = Field(default_factory=list, max_length=len(Kind), examples=[["email"]])
    off: list[Kind] = Field(default_factory=list, max_length=len(Kind), examples=[["card"]])
    own: list[OwnRule] = Field(default_factory=list, max_length=MOST_OWN_RULES)


@router.get(PATH, responses=MASKING)
def show(request: Request, caller: Authenticated, source: Source = None) -> Response:
    """Show what is masked before it is stored."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return json_answer(show_masking(tx, caller.project, source=source or ""))


@router.put(PATH, responses=MASKING, openapi_extra=documented(MaskingSettings))
def update(
    request: Request,
    caller: Authenticated,
    settings: Annotated[MaskingSettings, Depends(body_of(MaskingSettings))],
    source: Source = None,
) -> Response:
    """Set what is masked, some seconds from now on; what is stored already stays as it is."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        set_masking(
            tx,
            caller.project,
            source=source or "",
            on=settings.on,
            off=settings.off,
            own=[rule.model_dump() for rule in settings.own],
            changed_by=caller.actor,
            now=parts.clock(),
        )
        told = {"on": settings.on, "off": settings.off}
        # What the expressions look for may be a person's: their names have to do.
        named: dict[str, Any] = {"own": [rule.name for rule in settings.own]}
        subject = f"project:{caller.project}"
        if source:
            named, subject = named | {"source": source}, source_subject(caller.project, source)
        record(tx, request, caller, Action.MASKING_CHANGED, subject=subject, details=told, named=named)
        return json_answer(show_masking(tx, caller.project, source=source or ""))
