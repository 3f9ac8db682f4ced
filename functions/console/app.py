"""The Lambda function that shows and settles what rows hold: its routes put together, and nothing else."""

from functools import partial

from fastapi import APIRouter
from mangum import Mangum

from functions.console import anomalies, audit, monitoring, project, sources, system_alerts, tasks
from functions.http import Opener, new_app, open_parts

router = APIRouter()
for part in (tasks, system_alerts, monitoring, sources, project, anomalies, audit):
    router.include_router(part.router)

app = new_app(router, title="Oddline: console", parts=Opener(partial(open_parts, "console")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
