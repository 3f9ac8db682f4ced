"""The worker with places to break at: `celery --app breakable_worker worker`."""

from datetime import timedelta
from typing import Any

from points import after, before

from oddline import submissions
from oddline.chunks import compaction, compaction_store, merging
from oddline.scoring import service, writing
from worker_image.worker import scoring
from worker_image.worker.app import app

__all__ = ["app"]

# So that a few submissions are enough for a merge, for an object of its own, and for what it replaces to go.
compaction.ENOUGH_CHUNKS = 2  # type: ignore[misc]
merging.SMALL_BYTES = 0  # type: ignore[misc]
compaction.REPLACED_KEPT = timedelta(seconds=3)  # type: ignore[misc]


def _of_several_projects(claimed: Any) -> bool:
    return len({one.project for one in claimed}) > 1


_claim: list[Any] = []


def _remember(claimed: Any) -> bool:
    _claim[:] = claimed
    return bool(claimed)


before(scoring._Scoring, "__call__", "message-taken")
after(submissions, "claim_share", "claimed", when=_remember)
after(writing, "build", "chunk-built")
after(writing, "build", "chunk-of-several-built", when=lambda _: _of_several_projects(_claim))
after(writing, "insert_born", "chunk-written")
after(service, "write_scored", "chunk-committed")

before(compaction, "Reader", "merge-listed")
after(compaction.Compactor, "_open", "merge-read", when=lambda read: read[0])
before(compaction.Compactor, "_swap", "merge-object-written")
before(compaction_store, "doom", "merge-swapping")
after(compaction.Compactor, "_swap", "merge-swapped")
before(compaction_store, "forget_doomed", "merged-deleted")
