"""Routes of the project's own settings: mail about odd lines, how many alarms, how long entries are kept."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import Field

from functions.console.documentation import PROJECT
from functions.console.parameters import Address
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import record
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import Portion
from oddline.audit import Action
from oddline.database import Transaction
from oddline.entries import LEAST_ALARMS_PER_DAY, MOST_ALARMS_PER_DAY
from oddline.errors import NotFound
from oddline.identity import Caller, read_project, update_alarms, update_mail, update_retention

MOST_RECIPIENTS = 50  # SES's own limit for one message

router = new_router(tags=["project"])


class ProjectSettings(Body):
    """What of a project can be set; what is left out stays as it is."""

    mail_recipients: Annotated[list[Address], Field(max_length=MOST_RECIPIENTS)] = Field(
        default_factory=list, examples=[["oncall@example.org"]], description="Who gets mail about odd lines"
    )
    mail_minimum_score: Portion = Field(default=0.0, description="From which score on", examples=[0.9])
    retention_days: int = Field(
        default=30, ge=1, le=3650, strict=True, description="Days after their arrival that entries are kept"
    )
    alarms_per_day: float | None = Field(
        default=None,
        ge=LEAST_ALARMS_PER_DAY,
        le=MOST_ALARMS_PER_DAY,
        allow_inf_nan=False,
        examples=[5],
        description="How many incidents (a pattern in an hour) a day and source may be alarms, where a source has no "
        "number of its own; null: the model's own threshold, raised where it would give more than 30",
    )


@router.get("/api/v1/project", responses=PROJECT)
def show_project(request: Request, caller: Authenticated) -> Response:
    """Show the project's settings."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return json_answer(_view(tx, caller))


@router.put("/api/v1/project", responses=PROJECT, openapi_extra=documented(ProjectSettings))
def update_project(
    request: Request,
    caller: Authenticated,
    settings: Annotated[ProjectSettings, Depends(body_of(ProjectSettings))],
) -> Response:
    """Set who gets mail about odd lines, how many alarms there may be, and how long entries are kept."""
    given = settings.model_dump(exclude_unset=True)
    with parts_of(request).db.transaction(project=caller.project) as tx:
        update_mail(
            tx,
            caller.project,
            recipients=given.get("mail_recipients"),
            minimum_score=given.get("mail_minimum_score"),
        )
        if "retention_days" in given:
            update_retention(tx, caller.project, days=given["retention_days"])
        if "alarms_per_day" in given:
            update_alarms(tx, caller.project, alarms_per_day=given["alarms_per_day"])
        # Recipients are persons of their own: their number has to do.
        told = given | ({"mail_recipients": len(settings.mail_recipients)} if "mail_recipients" in given else {})
        record(tx, request, caller, Action.PROJECT_CHANGED, subject=f"project:{caller.project}", details=told)
        return json_answer(_view(tx, caller))


def _view(tx: Transaction, caller: Caller) -> dict[str, Any]:
    project = read_project(tx, caller.project)
    if project is None:
        raise NotFound("the project of this key is gone")
    return {
        "id": project.id,
        "name": project.name,
        "created_at": project.created_at,
        "mail_recipients": project.mail_recipients,
        "mail_minimum_score": project.mail_minimum_score,
        "retention_days": project.retention_days,
        "alarms_per_day": project.alarms_per_day,
    }
