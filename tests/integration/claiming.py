"""Put a submission into the inbox and claim what waits, without a worker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from oddline.database import Database
from oddline.settings import Side
from oddline.submissions import Claimed, claim_share, new_submission_id
from oddline.submissions.store import insert

Databases = Callable[[Side], Database]


def submitted(db: Databases, project: UUID, *, entries: int = 1) -> UUID:
    """A submission that waits; nobody will read its body."""
    submission = new_submission_id()
    with db("ingest").transaction(project=project) as tx:
        insert(
            tx,
            submission,
            project=project,
            body=b"x",
            body_object=None,
            entries=entries,
            utf8_bytes=1,
            now=datetime.now(UTC),
        )
    return submission


def claimed(db: Databases) -> list[Claimed]:
    """What waits, for half a minute."""
    return claim_share(
        db("worker"),
        worker="w",
        lines=100,
        lines_alone=100,
        after=UUID(int=0),
        after_retried=UUID(int=0),
        retried_first=True,
        lease=timedelta(seconds=30),
        now=datetime.now(UTC),
    )
