"""The route of what operators were told of a project; what concerns no single one, `oddline tasks alerts` tells."""

from dataclasses import asdict

from fastapi import Request, Response

from functions.console.task_documentation import SYSTEM_ALERTS
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, Name
from oddline.tasks import raised_alerts

router = new_router(tags=["tasks"])


@router.get("/api/v1/system-alerts", responses=SYSTEM_ALERTS)
def list_system_alerts(
    request: Request,
    caller: Authenticated,
    *,
    kind: Name | None = None,
    limit: Limit = DEFAULT_AT_ONCE,
) -> Response:
    """List the alerts that operators got about this project, those raised last first; older ones by a higher limit."""
    with parts_of(request).db.transaction(project=caller.project) as tx:
        return json_answer({"alerts": [asdict(alert) for alert in raised_alerts(tx, kind=kind, limit=limit)]})
