"""The Lambda function that shows and settles what rows hold: its routes put together, and nothing else."""

from functools import partial

from fastapi import APIRouter
from mangum import Mangum

from functions.console import (
    analytics,
    anomalies,
    audit,
    connections,
    dead_letters,
    erasures,
    files,
    keys,
    masking,
    members,
    monitoring,
    project,
    schedules,
    signing_in,
    sources,
    system_alerts,
    tasks,
    usage,
    workers,
)
from functions.http import Opener, new_app, open_parts

# Side by side in one router: FastAPI builds each route once more for every router around it.
router = APIRouter(
    routes=[
        route
        for part in (
            dead_letters,
            tasks,
            workers,
            system_alerts,
            schedules,
            connections,
            monitoring,
            sources,
            project,
            usage,
            anomalies,
            analytics,
            signing_in,
            keys,
            members,
            audit,
            masking,
            erasures,
            files,
        )
        for route in part.router.routes
    ]
)

app = new_app(router, title="Oddline: console", parts=Opener(partial(open_parts, "console")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
