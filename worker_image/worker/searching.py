"""Searching in the worker: long searches, and the vectors that patterns are found by."""

from collections.abc import Mapping
from typing import Any

from oddline.analytics import OfProject
from oddline.entries import SEARCH_ENTRIES, search_entries
from oddline.errors import NotYet
from oddline.search import EMBED_NEW_PATTERNS, GENERATE_EMBEDDINGS, TURN, embed_all, embed_project
from oddline.tasks import NoPayload, Run, TaskContext
from worker_image.worker.binding import Bound
from worker_image.worker.process import Process


def _generate_embeddings(process: Process) -> Run:
    def run(payload: OfProject, context: TaskContext) -> Any:
        until = context.clock() + TURN
        made, is_whole = embed_project(
            payload.project, db=context.db, open_embedder=lambda: process.embedder, clock=context.clock, until=until
        )
        if not is_whole:
            raise NotYet(f"{made} patterns got their vector, and there are more", until=context.clock())
        return {"embedded": made}

    return run


def _embed_new_patterns(process: Process) -> Run:
    def run(payload: NoPayload, context: TaskContext) -> Any:  # noqa: ARG001
        until = context.clock() + TURN
        return embed_all(db=context.db, open_embedder=lambda: process.embedder, clock=context.clock, until=until)

    return run


BINDINGS: Mapping[str, Bound] = {
    SEARCH_ENTRIES.name: lambda process: search_entries,  # noqa: ARG005  # needs nothing of the process
    GENERATE_EMBEDDINGS.name: _generate_embeddings,
    EMBED_NEW_PATTERNS.name: _embed_new_patterns,
}
