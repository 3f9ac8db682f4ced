"""Run a replay, batch after batch of its chunks, so that a kill anywhere costs one batch and counts nothing twice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from oddline.chunks import Part, Wanted, list_parts
from oddline.database import Database
from oddline.errors import NotFound, OddlineError, Unavailable
from oddline.patterns import pattern_texts
from oddline.scoring.encoder import Encoder
from oddline.scoring.replay import store
from oddline.scoring.replay.batches import Batches
from oddline.scoring.replay.model import Difference, ListedChunk, Replay
from oddline.scoring.tasks import ReplayRange
from oddline.tasks import TaskContext

RUN_TIME: Final = timedelta(minutes=20)  # of one attempt: below its soft limit, by more than any batch takes
MOST_STALLS: Final = 4  # attempts without one batch done, before it is given up
PATTERNS_SHOWN: Final = 100

OpenModel = Callable[[str], Encoder]


def replay(wanted: ReplayRange, context: TaskContext, *, open_model: OpenModel) -> dict[str, Any]:
    """Score the range again; returns the differences. What earlier attempts did is not done again.

    Raises:
        Unavailable: time is up, or something does not answer: the next attempt goes on (passing).
        OddlineError: several attempts have not got any further.
        NotFound: the task is not one of the ledger.
    """
    if context.task_id is None:
        raise NotFound("a replay is a task of the ledger")
    begun = _begin(context.task_id, wanted, context)
    deadline = context.clock() + RUN_TIME
    with context.db.transaction() as tx:
        is_left = bool(store.chunks_left(tx, begun.id, limit=1))
    if is_left:
        batches = Batches(begun, context, encoder=open_model(begun.model_version))
        while batches.run_next():
            context.report(_progress(context.db, begun))
            if context.clock() >= deadline:
                raise Unavailable("the time of one attempt is over: the next one goes on")
    return _result(context.db, begun)


def _begin(task_id: UUID, wanted: ReplayRange, context: TaskContext) -> Replay:
    """The replay, with its list of chunks fixed by whichever attempt was the first."""
    with context.db.transaction() as tx:
        if store.find(tx, task_id) is None:
            begun = Replay(
                id=task_id,
                project=wanted.project,
                model_version=wanted.model,
                source=wanted.source,
                time_from=wanted.time_from,
                time_to=wanted.time_to,
                stalls=0,
                is_mixed=False,
                created_at=context.clock(),
            )
            time_range = Wanted(time_from=wanted.time_from, time_to=wanted.time_to)
            parts = list_parts(tx, project=wanted.project, wanted=time_range, today=context.clock().date())
            store.insert(tx, begun, list(_listed(parts)) if wanted.time_from < wanted.time_to else [])
        stored = store.find(tx, task_id)
        if stored is None:
            raise NotFound(f"there is no replay {task_id}")
        store.count_stall(tx, task_id)
    if stored.stalls >= MOST_STALLS:
        raise OddlineError(f"{MOST_STALLS} attempts have not got the replay any further")
    return stored


def _listed(parts: Sequence[Part]) -> Iterator[ListedChunk]:
    ordered = sorted(parts, key=lambda part: part.place.chunk)
    for chunk, group in groupby(ordered, key=lambda part: part.place.chunk):
        of_chunk = list(group)
        yield ListedChunk(
            chunk=chunk,
            entries=sum(part.group.rows for part in of_chunk),
            lowest_id=min(part.group.lowest_id for part in of_chunk),
            highest_id=max(part.group.highest_id for part in of_chunk),
            lowest_time=min(part.group.lowest_time for part in of_chunk),
            highest_time=max(part.group.highest_time for part in of_chunk),
        )


def _progress(db: Database, begun: Replay) -> float:
    with db.transaction() as tx:
        progress = store.progress(tx, begun.id)
    return progress.done / max(progress.entries, 1)


def _result(db: Database, begun: Replay) -> dict[str, Any]:
    with db.transaction() as tx:
        totals = store.totals(tx, begun.id)
        largest = store.largest_differences(tx, begun.id, limit=PATTERNS_SHOWN)
        texts = pattern_texts(tx, begun.project, pattern_ids=[one.pattern_id for one in largest])
    return {
        "replay": str(begun.id),
        "model": begun.model_version,
        **asdict(totals),
        "differences": [_view(one, pattern=texts.get(one.pattern_id)) for one in largest],
    }


def _view(difference: Difference, *, pattern: str | None) -> dict[str, Any]:
    return {
        "source_id": difference.source_id,
        "pattern_id": difference.pattern_id,
        "pattern": pattern,
        "entries": difference.entries,
        "mean_score": round(difference.score_sum / difference.entries, 4),
        "replayed_mean_score": round(difference.replayed_sum / difference.entries, 4),
        "became_odd": difference.became_odd,
        "became_normal": difference.became_normal,
    }
