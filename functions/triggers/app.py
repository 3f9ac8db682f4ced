"""The triggers' handlers: `functions.triggers.app.<name>` is a Lambda handler.

Lambda delivers an event again when its handler failed, and sometimes when it did not: what was stored the first time is
known by its key or id and stays as it is.
"""

from functools import partial
from typing import Any

from chalice import Chalice
from chalice.app import CloudWatchEvent, S3Event

import oddline.tasks.broker  # noqa: F401  # what will be published is loaded now, while Lambda lends a whole processor
from functions.parts import Opener, open_parts
from functions.triggers.files import PREFIX, Told, take_objects
from functions.triggers.log_events import read_log_events
from functions.triggers.submitting import submit_all

app = Chalice(app_name="oddline-triggers")
parts = Opener(partial(open_parts, "ingest"))

UPLOADED = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"object": {"key": [{"prefix": PREFIX}]}},
}


@app.lambda_function(name="log_events")  # type: ignore[untyped-decorator]  # Chalice has no type information
def log_events(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Take what a subscription filter of CloudWatch Logs found; returns how many entries and submissions it made."""
    opened = parts()
    return submit_all(opened, read_log_events(event, sources=opened.settings.trigger_sources))


@app.on_cw_event(UPLOADED, name="uploaded_files")  # type: ignore[untyped-decorator]
def uploaded_files(event: CloudWatchEvent) -> dict[str, int]:
    """Have an object processed that EventBridge tells of; returns how many files are new."""
    return take_objects(parts(), [Told.by_eventbridge(event.detail, at=event.time)])


# For a bucket that tells Lambda itself; ours cannot, since it is made before the functions.
@app.on_s3_event(bucket="any", prefix=PREFIX, events=["s3:ObjectCreated:*"], name="notified_files")  # type: ignore[untyped-decorator]
def notified_files(event: S3Event) -> dict[str, int]:
    """Have objects processed that S3 tells of; returns how many files are new."""
    return take_objects(parts(), [Told.by_s3(record) for record in event.to_dict()["Records"]])
