"""Tell what a file's entries are like once they are scored: how many of what, which are odd, which patterns are new."""

from datetime import timedelta
from functools import partial
from typing import Any, Final

import polars as pl

from oddline.analytics import Fold, find_odd, read_parts, sum_up
from oddline.chunks import Reader, list_in_ranges
from oddline.errors import NotYet
from oddline.files import store
from oddline.files.log_file import LogFile
from oddline.files.tasks import FilePayload
from oddline.submissions import INDEX_MASK, SCORE_WAITING_BATCH, entry_id
from oddline.tasks import TaskContext

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

    The result says whether that is only a part. What was kept when there were more is not written over.

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
    is_partial = counts["entries"] < file.entries
    summary = {**times, **counts, "partial": is_partial, "odd_patterns": odd["patterns"], "oddest": oddest}
    if counts["entries"] >= (file.analytics or {}).get("entries", 0):
        with context.db.transaction() as tx:
            store.change(tx, file, was=[file.state], analytics=summary)
    return {name: summary[name] for name in ("entries", "partial", "anomalies", "error_rate") if name in summary}


def _read(file: LogFile, context: TaskContext, fold: Fold) -> pl.DataFrame:
    """What a file's entries come to."""
    with context.db.transaction() as tx:
        by_day = store.submissions_by_day(tx, file)
        ranges = {day: (min(some), entry_id(max(some), INDEX_MASK)) for day, some in by_day.items()}
        parts = list_in_ranges(tx, project=file.project, ranges=ranges, today=context.clock().date())
    own = pl.LazyFrame({"submission": [one.bytes for some in by_day.values() for one in some]})
    reader = Reader(db=context.db, objects=context.objects, project=file.project)
    return fold.of(
        read_parts(parts, lambda entries: fold.narrow(entries.join(own, on="submission", how="semi")), reader=reader)
    )
