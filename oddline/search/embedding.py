"""Give each pattern its vector, batch by batch: whatever ends a run, the next one goes on where it was."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.errors import ModelUnavailable
from oddline.search import store
from oddline.search.embedder import MODEL_VERSION, Embedder

PATTERNS_AT_ONCE: Final = 32  # about a second, for which a transaction is open that has not written yet
TURN: Final = timedelta(seconds=15)  # of one run: other tasks wait for the process

log = logging.getLogger(__name__)


def embed_project(
    project: UUID,
    *,
    db: Database,
    open_embedder: Callable[[], Embedder],
    clock: Callable[[], datetime],
    until: datetime,
) -> tuple[int, bool]:
    """Give patterns of a project their vectors until all have one, or time is up: how many, and whether all have.

    It ends, too, where another run has the project. The model is opened where there is something to do.

    Raises:
        DatabaseUnavailable: no answer.
        ModelUnavailable: the model cannot be loaded.
    """
    made = 0
    while clock() < until:
        with db.transaction() as tx:
            some = _embed_some(tx, project, open_embedder=open_embedder)
        if some is None:
            break
        if not some:
            return made, True
        made += some
    return made, False


def embed_all(
    *, db: Database, open_embedder: Callable[[], Embedder], clock: Callable[[], datetime], until: datetime
) -> tuple[int, bool]:
    """Give patterns of every project their vectors, a batch of each in turn: how many, and whether more are left to do.

    Of all runs in the installation one is at it, and the others end at once. A project that another task has is left,
    and so is one at which a batch fails: the next run tries it again.

    Raises:
        DatabaseUnavailable: no answer.
        ModelUnavailable: the model cannot be loaded.
        Exception: what a project's batch failed of, where no other got anything done.
    """
    with db.transaction() as tx:
        projects = deque(store.projects_with_new(tx, model_version=MODEL_VERSION))
    made, failure = 0, None
    while projects and clock() < until:
        project = projects.popleft()
        try:
            with db.transaction() as tx:
                if not store.take_turn(tx):
                    return made, False
                some = _embed_some(tx, project, open_embedder=open_embedder)
        except ModelUnavailable:  # no other project would get further
            raise
        except Exception as error:
            log.exception("patterns of project %s get no vectors now", project)
            failure = error
            continue
        if some:
            made += some
            projects.append(project)
    if failure and not made:
        raise failure
    return made, bool(projects)


def _embed_some(tx: Transaction, project: UUID, *, open_embedder: Callable[[], Embedder]) -> int | None:
    """How many patterns were read; 0 where all have their vector, None where another run holds the project."""
    if not store.take_project(tx, project):
        return None
    new = store.lacking(tx, project, model_version=MODEL_VERSION, limit=PATTERNS_AT_ONCE)
    reached = max(new.patterns) if len(new.patterns) == PATTERNS_AT_ONCE else new.highest
    if new.patterns:
        vectors = open_embedder().embed(list(new.patterns.values()))
        written = store.insert_vectors(tx, project, patterns=new.patterns, vectors=vectors, model_version=MODEL_VERSION)
        # One that reads otherwise by now, since a person was erased from it, is for the next batch.
        reached = min([reached, *(one - 1 for one in new.patterns if one not in written)])
    if reached > new.after:
        store.note_progress(tx, project, model_version=MODEL_VERSION, after=new.after, pattern_id=reached)
    return len(new.patterns)
