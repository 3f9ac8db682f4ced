"""The triggers' handlers: `functions.triggers.app.<name>` is a Lambda handler.

Lambda delivers an event again when its handler failed, and sometimes when it did not: what was stored the first time is
known by its key or id and stays as it is.
"""

from functools import partial
from typing import Any

from chalice import Chalice
from chalice.app import S3Event

from functions.parts import Opener, open_parts
from functions.triggers.files import PREFIX, read_file
from functions.triggers.log_events import read_log_events
from functions.triggers.submitting import submit_all

app = Chalice(app_name="oddline-triggers")
parts = Opener(partial(open_parts, "ingest"))


@app.lambda_function(name="log_events")  # type: ignore[untyped-decorator]  # Chalice has no type information
def log_events(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Take what a subscription filter of CloudWatch Logs found; returns how many entries and submissions it made."""
    opened = parts()
    return submit_all(opened, read_log_events(event, sources=opened.settings.trigger_sources))


# `bucket` is what the template calls it.
@app.on_s3_event(bucket="Bucket", prefix=PREFIX, events=["s3:ObjectCreated:*"], name="uploaded_files")  # type: ignore[untyped-decorator]
def uploaded_files(event: S3Event) -> dict[str, int]:
    """Take the lines of objects that were put under `uploads/`; returns how many entries and submissions it made."""
    opened = parts()
    files = (read_file(opened, record["s3"]) for record in event.to_dict()["Records"])
    return submit_all(opened, (part for file in files for part in file))
