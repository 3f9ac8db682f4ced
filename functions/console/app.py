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
from functions.http import Opener, new_app, open_parts

PARTS = (
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

app = new_app(*(part.router for part in PARTS), title="Oddline: console", parts=Opener(partial(open_parts, "console")))
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
