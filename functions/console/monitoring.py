"""The route by which load balancers, the local stack and people ask how Oddline is."""

import logging

from fastapi import Request, Response

from functions.console.documentation import HEALTH
from functions.http import json_answer, new_router, parts_of
from oddline.errors import DatabaseUnavailable
from oddline.maintenance import Health, read_health

log = logging.getLogger(__name__)

router = new_router(tags=["monitoring"])


@router.get("/api/v1/monitoring/health", responses=HEALTH)
def show_health(request: Request) -> Response:
    """Tell whether all parts answer: 200 if so, else 503. No key is needed."""
    parts = parts_of(request)
    try:
        health = read_health(parts.db, now=parts.clock())
    except DatabaseUnavailable as error:
        log.warning("the database does not answer: %s", error)
        health = Health(healthy=False, message="database: does not answer", workers=0, checks=())
    return json_answer(health.view(), status=200 if health.healthy else 503)
