"""The route that finds patterns by what they mean."""

from functools import cache
from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Request, Response

from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.pages import fitting
from functions.http.parameters import From, Sources, To, WithoutNul
from functions.search.documentation import HITS
from oddline.search import LONGEST_QUESTION, MOST_ENTRIES, MOST_HITS, Question

if TYPE_CHECKING:
    from oddline.search import Embedder

router = new_router(tags=["entries"])

Asked = Annotated[
    WithoutNul,
    Query(min_length=1, max_length=LONGEST_QUESTION, description="In your own words", examples=["disk failure on sda"]),
]
Hits = Annotated[int, Query(ge=1, le=MOST_HITS, description="At most so many patterns")]
Entries = Annotated[int, Query(ge=0, le=MOST_ENTRIES, description="So many of each pattern's latest entries")]


@cache
def _embedder() -> "Embedder":
    """The model, opened by the first search: no other route of this function waits for it."""
    from oddline.search import Embedder

    return Embedder.load()


@router.get("/api/v1/search", responses=HITS)
def search(
    request: Request,
    caller: Authenticated,
    q: Asked,
    *,
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
    limit: Hits = 10,
    entries: Entries = 3,
) -> Response:
    """Find patterns by what they mean, by their words, and by values in their entries."""
    from oddline.search import Searcher

    parts = parts_of(request)
    question = Question(
        text=q, time_from=time_from, time_to=time_to, sources=tuple(source or ()), limit=limit, entries=entries
    )
    found = Searcher(
        question,
        embedder=_embedder(),
        db=parts.db,
        objects=parts.objects,
        project=caller.project,
        now=parts.clock(),
    ).run()
    hits = fitting(found.hits)
    is_whole = found.complete and len(hits) == len(found.hits)
    return json_answer({"hits": hits, "waiting": found.waiting, "complete": is_whole, "cost": found.cost})
