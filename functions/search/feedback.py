"""Routes of feedback. Here, since an entry's pattern stands in its chunk and likeness is a matter of embeddings."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import actor_of
from functions.http.body_models import Body, body_of, documented
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, Name, WithoutNul
from functions.http.repeating import once
from functions.parts import Parts
from functions.search.documentation import FEEDBACKS, GIVEN, PREVIEW, UNDONE
from oddline.entries import LARGEST_PATTERN_ID
from oddline.errors import InvalidParameter
from oddline.feedback import Verdict, list_feedback
from oddline.identity import Caller
from oddline.scoring import feedback
from oddline.scoring.sequences import OddSequence
from oddline.scoring.sequences import feedback as sequences

LONGEST_NOTE = 2_000  # characters
PATH = "/api/v1/feedback"

router = new_router(tags=["feedback"])

Kind = Annotated[Literal["anomaly", "sequence"], Query(description="`sequence`: the odd one told by `entry_id`")]
EntryId = Annotated[UUID | None, Query(description="Of an entry: its pattern, in its source")]
PatternId = Annotated[
    int | None, Query(ge=0, le=LARGEST_PATTERN_ID, description="Of a pattern, in `source` or in all sources")
]
Source = Annotated[Name | None, Query(description="The source's name, beside `pattern_id`")]
Undone = Annotated[bool, Query(description="Those that were taken back, too")]
After = Annotated[UUID | None, Query(description="The `next` of the page before")]


class Given(Body):
    """A verdict on an entry's pattern in its source, on a pattern in one source or in all, or on an odd sequence."""

    kind: Literal["anomaly", "sequence"] = Field(
        default="anomaly", description="`sequence`: on the odd sequence that is told by `entry_id`"
    )
    entry_id: UUID | None = None
    pattern_id: int | None = Field(default=None, ge=0, le=LARGEST_PATTERN_ID)
    source: Name | None = None
    verdict: Literal["expected", "confirmed"]
    note: WithoutNul = Field(default="", max_length=LONGEST_NOTE, examples=["planned maintenance"])


@router.post(PATH, responses=GIVEN, openapi_extra=documented(Given))
@once
def give_feedback(request: Request, caller: Authenticated, body: Annotated[Given, Depends(body_of(Given))]) -> Response:
    """Say of an anomaly that it is expected, or that it is a fault whenever it comes; what is similar follows."""
    parts = parts_of(request)
    said: dict[str, Any] = {
        "verdict": Verdict(body.verdict),
        "note": body.note,
        "key_id": caller.id,
        "by": actor_of(request, caller),
        "db": parts.db,
        "project": caller.project,
        "now": parts.clock(),
    }
    about = body.model_dump(include={"entry_id", "pattern_id", "source"})
    if body.kind == "sequence":
        kept, hidden = sequences.give(_sequence(parts, caller, **about), **said)
        return json_answer(feedback.view(kept) | {"days": sequences.PREVIEW_DAYS, "hidden": hidden})
    return json_answer(feedback.give(_subject(parts, caller, **about), **said))


@router.get(f"{PATH}/preview", responses=PREVIEW)
def preview_feedback(
    request: Request,
    caller: Authenticated,
    *,
    kind: Kind = "anomaly",
    entry_id: EntryId = None,
    pattern_id: PatternId = None,
    source: Source = None,
) -> Response:
    """Tell what a verdict of "expected" would have hidden of the last 30 days."""
    parts = parts_of(request)
    where: dict[str, Any] = {"db": parts.db, "project": caller.project, "now": parts.clock()}
    about: dict[str, Any] = {"entry_id": entry_id, "pattern_id": pattern_id, "source": source}
    if kind == "sequence":
        return json_answer(sequences.preview(_sequence(parts, caller, **about), **where))
    return json_answer(feedback.preview(_subject(parts, caller, **about), **where))


@router.get(PATH, responses=FEEDBACKS)
def list_given(
    request: Request,
    caller: Authenticated,
    *,
    undone: Undone = False,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List verdicts, newest first."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        kept = list_feedback(tx, caller.project, undone=undone, after=after, limit=limit + 1)
    shown = fitting([feedback.view(one) for one in kept[:limit]])
    following = {"next": shown[-1]["id"]} if len(shown) < len(kept) else {}
    return json_answer({"feedback": shown, **following})


@router.delete(f"{PATH}/{{feedback_id}}", status_code=204, responses=UNDONE)
def undo_feedback(request: Request, caller: Authenticated, feedback_id: UUID) -> Response:
    """Take a verdict back: the one before it counts again, if there was one."""
    parts = parts_of(request)
    by = actor_of(request, caller)
    feedback.undo(feedback_id, by=by, db=parts.db, project=caller.project, now=parts.clock())
    return Response(status_code=204)


def _subject(
    parts: Parts, caller: Caller, *, entry_id: UUID | None, pattern_id: int | None, source: str | None
) -> feedback.Subject:
    return feedback.find_subject(
        entry_id=entry_id,
        pattern_id=pattern_id,
        source=source,
        db=parts.db,
        objects=parts.objects,
        project=caller.project,
        now=parts.clock(),
    )


def _sequence(
    parts: Parts, caller: Caller, *, entry_id: UUID | None, pattern_id: int | None, source: str | None
) -> OddSequence:
    for name, value in (("pattern_id", pattern_id), ("source", source)):
        if value is not None:
            raise InvalidParameter(f"{name}: an odd sequence is told by its entry_id alone", field=name)
    if entry_id is None:
        raise InvalidParameter("give the entry_id of an odd sequence", field="entry_id")
    return sequences.find_sequence(entry_id, db=parts.db, project=caller.project, now=parts.clock())
