"""Tell what a file's entries are like once they are scored: how many of what, which are odd, which patterns are new."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.analytics import Narrow, find_odd, sum_up
from oddline.chunks import Reader, list_parts_of
from oddline.errors import NotYet
from oddline.files import store
from oddline.files.log_file import LogFile
from oddline.files.tasks import FilePayload
from oddline.submissions import SCORE_WAITING_BATCH
from oddline.tasks import TaskContext

PARTS_AT_ONCE: Final = 100  # of up to 10,000 entries: their chunks are read together
SHOWN: Final = 10  # of each list
MESSAGE_CHARACTERS: Final = 500
SOONEST: Final = timedelta(seconds=3)  # in which one looks again whether all entries are scored
LATEST: Final = timedelta(seconds=60)
_A_PART: Final = timedelta(seconds=0.1)  # about as long as scoring takes


def score_log_file(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """End when all entries of a file are scored, or can not be.

    Raises:
        NotYet: some are not.
    """
    with context.db.transaction() as tx:
        file = store.find(tx, payload.project, file=payload.file)
        waiting = store.count_unscored(tx, file) if file is not None else 0
    if waiting:
        context.publisher.wake(SCORE_WAITING_BATCH)
        until = context.clock() + min(max(waiting * _A_PART, SOONEST), LATEST)
        raise NotYet(f"{waiting} parts of file {payload.file} wait to be scored", until=until)
    return {"entries": file.entries if file else 0}


def calculate_file_analytics(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """Sum a file's entries up and keep that with the file; of what is not scored, or gone, nothing is counted.

    Raises:
        ChunkMissing, CorruptBody: some of it cannot be read.
        ObjectStoreUnavailable, DatabaseUnavailable: passing.
    """
    with context.db.transaction() as tx:
        file = store.find(tx, payload.project, file=payload.file)
    if file is None or not file.entries:
        return {}
    read = partial(_read, file, context)
    counts = sum_up(read, file.project, context, most=SHOWN, new_since=file.put_at)
    odd = find_odd(read, file.project, context, most=SHOWN)
    oddest = [{**one, "message": one["message"][:MESSAGE_CHARACTERS]} for one in odd["oddest"]]
    times = {name: (file.metadata or {}).get(name) for name in ("first", "last")}
    summary = {**times, **counts, "odd_patterns": odd["patterns"], "oddest": oddest}
    with context.db.transaction() as tx:
        store.change(tx, file, was=[file.state], analytics=summary)
    return {name: summary[name] for name in ("entries", "anomalies", "error_rate") if name in summary}


def _read(file: LogFile, context: TaskContext, narrow: Narrow) -> Iterator[pl.DataFrame]:
    """What `narrow` leaves of a file's entries, part by part."""
    reader = Reader(db=context.db, objects=context.objects, project=file.project)
    after = -1
    while True:
        with context.db.transaction() as tx:
            parts = store.scored_parts(tx, file, after=after, limit=PARTS_AT_ONCE)
            chunks = {chunk for part in parts for chunk in part.chunks}
            blobs = list_parts_of(tx, project=file.project, chunks=list(chunks))
        if not parts:
            return
        own = [part.submission for part in parts]
        yield from reader.read(blobs, lambda entries, own=own: narrow(_of(entries, own)))  # type: ignore[misc]
        after = parts[-1].first_byte


def _of(entries: pl.LazyFrame, submissions: Iterable[UUID]) -> pl.LazyFrame:
    return entries.filter(pl.col("submission").is_in([one.bytes for one in submissions]))
