"""Searching in the worker: long searches, and the vectors that patterns are found by."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from oddline.analytics import OfProject
from oddline.entries import SEARCH_ENTRIES, search_entries
from oddline.errors import NotYet
from oddline.search import EMBED_NEW_PATTERNS, GENERATE_EMBEDDINGS, TURN, embed_all, embed_project
from oddline.tasks import NoPayload, Run, TaskContext
from worker_image.worker.binding import Bound
from worker_image.worker.process import Process

HELD_PAUSE = timedelta(seconds=5)  # until a project that another run has is asked for again


def _generate_embeddings(process: Process) -> Run:
    def run(payload: OfProject, context: TaskContext) -> Any:
        until = context.clock() + TURN
        made, is_whole = embed_project(
            payload.project, db=context.db, open_embedder=lambda: process.embedder, clock=context.clock, until=until
        )
        if not is_whole:
            pause = timedelta() if made else HELD_PAUSE
            raise NotYet(f"{made} patterns got their vector, and there are more", until=context.clock() + pause)
        return {"embedded": made}

    return run


def _embed_new_patterns(process: Process) -> Run:
    def run(payload: NoPayload, context: TaskContext) -> Any:  # noqa: ARG001
        if process.rests(EMBED_NEW_PATTERNS.name):
            return 0
        until = context.clock() + TURN
        made, is_more = embed_all(
            db=context.db, open_embedder=lambda: process.embedder, clock=context.clock, until=until
        )
        if is_more:
            # Half the time for others: scoring's wake-ups come as fast as turns go by, and would pile up before them.
            process.rest(EMBED_NEW_PATTERNS.name, for_s=TURN.total_seconds())
            context.publisher.wake(EMBED_NEW_PATTERNS, countdown=TURN + timedelta(seconds=1))
        return made

    return run


BINDINGS: Mapping[str, Bound] = {
    SEARCH_ENTRIES.name: lambda process: search_entries,  # noqa: ARG005  # needs nothing of the process
    GENERATE_EMBEDDINGS.name: _generate_embeddings,
    EMBED_NEW_PATTERNS.name: _embed_new_patterns,
}
