"""The Lambda function that shows and settles what rows hold: its routes put together, and nothing else."""

from functools import partial

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
from functions.http import Opener, new_app, open_parts, side_by_side

router = side_by_side(
    dead_letters.router,
    tasks.router,
    workers.router,
    system_alerts.router,
    schedules.router,
    connections.router,
    monitoring.router,
    sources.router,
    project.router,
    usage.router,
    anomalies.router,
    analytics.router,
    signing_in.router,
    keys.router,
    members.router,
    audit.router,
    masking.router,
    erasures.router,
    files.router,
)

app = new_app(router, title="Oddline: console", parts=Opener(partial(open_parts, "console")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
