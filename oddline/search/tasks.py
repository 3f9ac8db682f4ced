"""The catalogue entries of searching patterns."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from oddline.analytics import OfProject
from oddline.tasks import Priority, Queue, Retry, Starter, TaskSpec

GENERATE_EMBEDDINGS: Final = TaskSpec(
    name="generate_embeddings",
    queue=Queue.DATA_ANALYSIS,
    payload=OfProject,
    idempotency="makes vectors only of patterns that have none of this model; how far it is, is written with them",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    # One of very many patterns goes on in attempt after attempt.
    retry=Retry(attempts=5_000, base=timedelta(seconds=1), cap=timedelta(seconds=60)),
    starters=frozenset({Starter.SYSTEM, Starter.MEMBER}),
    smoke=OfProject(project=UUID(int=0)),
    at_once=1,  # a second one would only find the project held
)
EMBED_NEW_PATTERNS: Final = TaskSpec(
    name="embed_new_patterns",
    queue=Queue.DATA_ANALYSIS,
    priority=Priority.LOW,
    idempotency="as generate_embeddings, of every project in turn",
    soft_limit=timedelta(seconds=60),
    hard_limit=timedelta(seconds=120),
    ledger=False,
)

TASKS: Final = (GENERATE_EMBEDDINGS, EMBED_NEW_PATTERNS)
