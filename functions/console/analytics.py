"""Routes of analytics: what came when, what it sums up to, what is different between two times."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import Query, Request, Response

from functions.console.analytics_documentation import COMPARISON, SUMMARY, TIMELINE
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.parameters import From, Moment, Sources, To
from oddline.analytics import Step, Window, compare_windows, summary, timeline

USUAL = timedelta(hours=24)

router = new_router(tags=["analytics"])


class StepName(StrEnum):
    """How long a slot is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


AfterFrom = Annotated[Moment, Query(description="Where the later window begins: the time of a deploy")]
AfterTo = Annotated[Moment | None, Query(description="Where it ends; now if left away")]
BeforeFrom = Annotated[Moment | None, Query(description="Where the earlier window begins; as long before as the later")]
BeforeTo = Annotated[Moment | None, Query(description="Where it ends; where the later one begins if left away")]
All = Annotated[bool, Query(description="Also what may be chance")]


@router.get("/api/v1/analytics/timeline", responses=TIMELINE)
def show_timeline(
    request: Request,
    caller: Authenticated,
    *,
    step: Annotated[StepName, Query(description="How long a slot is")] = StepName.HOUR,
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
) -> Response:
    """Show how many entries came by minute, hour or day: in the last 24 hours if no time is given."""
    parts = parts_of(request)
    now = parts.clock()
    window = _window(time_from, time_to, now=now)
    with parts.db.transaction(project=caller.project) as tx:
        shown = timeline(tx, caller.project, window=window, step=Step[step.name], now=now, sources=source or ())
    return json_answer(shown)


@router.get("/api/v1/analytics/summary", responses=SUMMARY)
def show_summary(
    request: Request,
    caller: Authenticated,
    *,
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
) -> Response:
    """Sum up a time by severity, source and pattern: the last 24 hours if none is given."""
    parts = parts_of(request)
    now = parts.clock()
    with parts.db.transaction(project=caller.project) as tx:
        shown = summary(tx, caller.project, window=_window(time_from, time_to, now=now), now=now, sources=source or ())
    return json_answer(shown)


@router.get("/api/v1/analytics/compare", responses=COMPARISON)
def show_differences(
    request: Request,
    caller: Authenticated,
    *,
    after_from: AfterFrom,
    after_to: AfterTo = None,
    before_from: BeforeFrom = None,
    before_to: BeforeTo = None,
    source: Sources = None,
    everything: Annotated[All, Query(alias="all")] = False,
) -> Response:
    """Show which patterns are new, gone, grown or shrunk between two times, by more than chance."""
    parts = parts_of(request)
    now = parts.clock()
    after = Window(after_from, after_to or now)
    end = before_to or after_from
    before = Window(before_from or end - abs(after.end - after.start), end)
    with parts.db.transaction(project=caller.project) as tx:
        shown = compare_windows(
            tx,
            caller.project,
            before=before,
            after=after,
            now=now,
            sources=source or (),
            all_differences=everything,
        )
    return json_answer(shown)


def _window(time_from: datetime | None, time_to: datetime | None, *, now: datetime) -> Window:
    end = time_to or now
    return Window(time_from or end - USUAL, end)
