"""The API with places to break at: `uvicorn breakable_api:app`."""

from points import after, before

from functions.asgi import app
from functions.ingest import submitting
from oddline.submissions import service

__all__ = ["app"]

before(service, "_insert", "body-written")
after(service, "_insert", "submission-written")
before(submitting, "_accepted", "submission-committed")
