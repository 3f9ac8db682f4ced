"""What the lists of tasks and of dead letters share: their parameters and their pages."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from functions.http import json_answer
from functions.http.pages import fitting
from functions.http.parameters import Name
from oddline.tasks import State

States = Annotated[list[State] | None, Query(description="In one of these states")]
Text = Annotated[Name | None, Query(description="With this in the name or in the error, or at the beginning of the id")]
Before = Annotated[UUID | None, Query(description="The `next` of the page before")]


def page_of(views: Sequence[Mapping[str, Any]], *, limit: int) -> Response:
    """A page of tasks from one more than it may have."""
    shown = fitting(views[:limit])
    page: dict[str, Any] = {"tasks": shown}
    if len(shown) < len(views):
        page["next"] = shown[-1]["task_id"]
    return json_answer(page)
