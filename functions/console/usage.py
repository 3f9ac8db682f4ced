"""The route that shows what a project has used and what it may use; only the operator changes that."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query, Request, Response

from functions.console.documentation import USAGE
from functions.http import Authenticated, json_answer, new_router, parts_of
from oddline.limits import WINDOW_S, Kind, Limits
from oddline.submissions import Usage, read_usage

MOST_DAYS = 31

router = new_router(tags=["project"])


@router.get("/api/v1/usage", responses=USAGE)
def show_usage(
    request: Request,
    caller: Authenticated,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="Today and so many days before, less one")] = 1,
) -> Response:
    """Show what the project sent today (in UTC), on the days before, and what it may use."""
    parts = parts_of(request)
    today = parts.clock().date()
    with parts.db.transaction(project=caller.project) as tx:
        found = {one.day: one for one in read_usage(tx, caller.project, since=today - timedelta(days=days - 1))}
    told = [found.get(day, Usage(day=day)) for day in (today - timedelta(days=back) for back in range(days))]
    return json_answer(_view(told, parts.limiter.limits_of(caller.project)))


def _view(days: list[Usage], limits: Limits) -> dict[str, Any]:
    """0, no limit, is told as null: a number would read as one."""
    today = days[0]
    return {
        "entries": {"used": today.entries, "limit": limits.entries_a_day or None},
        "bytes": {"used": today.bytes, "limit": limits.bytes_a_day or None},
        "resets_at": f"{today.day + timedelta(days=1)}T00:00:00Z",
        "requests": {
            "window_seconds": WINDOW_S,
            **{
                str(kind): {"key": limits.rate("key", kind) or None, "project": limits.rate("project", kind) or None}
                for kind in Kind
            },
        },
        "days": [{"day": one.day, "entries": one.entries, "bytes": one.bytes} for one in days],
    }
