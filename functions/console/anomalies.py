"""The route of odd entries: what people look at one by one, each with its explanation."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from functions.console.documentation import ANOMALIES
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.pages import fitting
from functions.http.parameters import DEFAULT_AT_ONCE, After, From, Limit, MinimumScore, Sources, To
from oddline.entries import OddQuery, list_odd_entries

router = new_router(tags=["anomalies"])

Order = Annotated[Literal["newest", "oddest"], Query(description="Which come first")]
Verdicts = Annotated[
    list[Literal["open", "expected", "confirmed"]] | None,
    Query(description="Of which people have said this; `open`: nothing. May be given several times"),
]
Kind = Annotated[
    Literal["anomaly", "peak", "sequence", "rate"],
    Query(description="Odd entries, the highest score of each source and hour, odd sessions of entries, or odd rates"),
]
Peaks = Annotated[bool, Query(description="The same as kind=peak")]


@router.get("/api/v1/anomalies", responses=ANOMALIES)
def list_anomalies(
    request: Request,
    caller: Authenticated,
    *,
    order: Order = "newest",
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
    minimum_score: MinimumScore = None,
    verdict: Verdicts = None,
    kind: Kind = "anomaly",
    peaks: Peaks = False,
    after: After = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List odd entries; one stands for `count` alike."""
    query = OddQuery(
        order=order,
        time_from=time_from,
        time_to=time_to,
        sources=tuple(source or ()),
        score_minimum=minimum_score,
        verdicts=tuple(verdict or ()),
        kind=kind,
        peaks=peaks,
    )
    parts = parts_of(request)
    asked: dict[str, Any] = {"project": caller.project, "now": parts.clock(), "after": after}
    with parts.db.transaction(project=caller.project) as tx:
        page = list_odd_entries(tx, query, **asked, limit=limit)
        shown = len(fitting(page.entries))
        if shown < len(page.entries):
            page = list_odd_entries(tx, query, **asked, limit=shown)
    view: dict[str, Any] = {"anomalies": page.entries}
    if page.next is not None:
        view["next"] = page.next
    return json_answer(view)
