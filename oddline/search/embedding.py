"""Give each pattern its vector, batch by batch: whatever ends a run, the next one goes on where it was."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.database import Database
from oddline.search import store
from oddline.search.embedder import MODEL_VERSION, Embedder

PATTERNS_AT_ONCE: Final = 32  # about a second, for which a transaction is open that has not written yet
TURN: Final = timedelta(minutes=3)  # of one run: below its soft limit, by more than a batch takes


def embed_project(
    project: UUID,
    *,
    db: Database,
    open_embedder: Callable[[], Embedder],
    clock: Callable[[], datetime],
    until: datetime,
) -> tuple[int, bool]:
    """Give patterns of a project their vectors until all have one, or time is up: how many, and whether all have.

    The model is opened where there is something to do.

    Raises:
        DatabaseUnavailable: no answer.
        ModelUnavailable: the model cannot be loaded.
    """
    made = 0
    while clock() < until:
        some = _embed_some(project, db=db, open_embedder=open_embedder, wait=True)
        if not some:
            return made, True
        made += some
    return made, False


def embed_all(
    *, db: Database, open_embedder: Callable[[], Embedder], clock: Callable[[], datetime], until: datetime
) -> int:
    """Give patterns of every project their vectors, a batch of each in turn; a project that another run has is left.

    Raises:
        DatabaseUnavailable, ModelUnavailable: as `embed_project`.
    """
    with db.transaction() as tx:
        projects = store.projects_with_new(tx, model_version=MODEL_VERSION)
    made = 0
    while projects and clock() < until:
        left = []
        for project in projects:
            some = _embed_some(project, db=db, open_embedder=open_embedder, wait=False)
            made += some or 0
            if some:
                left.append(project)
        projects = left
    return made


def _embed_some(project: UUID, *, db: Database, open_embedder: Callable[[], Embedder], wait: bool) -> int | None:
    """How many patterns got their vector; 0 where all have one, None where another run holds the project."""
    with db.transaction() as tx:
        if not store.take_project(tx, project, wait=wait):
            return None
        patterns, highest = store.lacking(tx, project, model_version=MODEL_VERSION, limit=PATTERNS_AT_ONCE)
        if patterns:
            vectors = open_embedder().embed(list(patterns.values()))
            store.insert_vectors(tx, project, patterns=patterns, vectors=vectors, model_version=MODEL_VERSION)
        reached = max(patterns) if len(patterns) == PATTERNS_AT_ONCE else highest
        if reached:
            store.note_progress(tx, project, model_version=MODEL_VERSION, pattern_id=reached)
    return len(patterns)
