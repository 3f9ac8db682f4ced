"""One entry by its id, from the moment that it was accepted on."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks import Part, Reader, follow, list_by_id
from oddline.database import Database, Transaction
from oddline.entries import store
from oddline.entries.view import entry_view, rounded
from oddline.errors import ChunkMissing, NotFound
from oddline.feedback import verdicts_of
from oddline.objects import ObjectStore
from oddline.patterns import pattern_texts
from oddline.submissions import index_of, made_at, rfc3339, submission_of

ARRIVAL_DAYS: Final = range(-1, 8)
"""Days of arrival around the day in an id: clocks differ, and the parts of a file have a time up to some days back."""

_WITHOUT_CHUNK: Final = {"accepted": "processing", "claimed": "processing", "dead": "dead"}


def get_entry(entry: UUID, *, db: Database, objects: ObjectStore, project: UUID, now: datetime) -> dict[str, Any]:
    """An entry as clients get it, with its `explanation`; `status` is "processing" before it is scored.

    An entry that could not be scored has the status "dead". In both cases only its id and arrival are known here, and
    an id of the same request that was refused or never given answers the same.

    Raises:
        NotFound: the project has no such entry, or has none any more.
        ChunkMissing: what its chunk's row names is not there, though the row was read twice.
        CorruptBody, ObjectStoreUnavailable, DatabaseUnavailable: it cannot be read.
    """
    days = _arrival_days(entry, now=now)
    try:
        return _get(entry, days=days, db=db, objects=objects, project=project, now=now)
    except ChunkMissing:
        # Compaction passed between the row and the reading: the row of now is true again.
        return _get(entry, days=days, db=db, objects=objects, project=project, now=now)


def _get(
    entry: UUID, *, days: list[date], db: Database, objects: ObjectStore, project: UUID, now: datetime
) -> dict[str, Any]:
    with db.transaction(project=project) as tx:
        submission = store.find_submission(tx, project=project, submission=submission_of(entry))
        if submission is not None and submission.state in _WITHOUT_CHUNK:
            status = _WITHOUT_CHUNK[submission.state]
            return {"id": str(entry), "status": status, "received_at": rfc3339(submission.received_at)}
        chunks = submission.chunk_ids or [] if submission is not None else []
        parts = follow(tx, project=project, chunks=chunks, entry=entry, today=now.date())
    reader = Reader(db=db, objects=objects, project=project)
    found = _find(entry, parts, reader)
    if found is None:
        # Its state is gone after some days, and so are the rows of what was merged more than once.
        with db.transaction(project=project) as tx:
            parts = list_by_id(tx, project=project, days=days, entry=entry, today=now.date())
        found = _find(entry, parts, reader)
    if found is None:
        raise NotFound(f"there is no entry {entry}")
    with db.transaction(project=project) as tx:
        pair = (found["source_id"], found["pattern_id"])
        verdict = verdicts_of(tx, project, pairs=[pair]).get(pair) if found["is_anomaly"] else None
        explanation = _explanation(tx, entry, found, project=project)
        return entry_view(found, verdict=verdict) | {"explanation": explanation}


def _find(entry: UUID, parts: Sequence[Part], reader: Reader) -> dict[str, Any] | None:
    submission = pl.lit(submission_of(entry).bytes, dtype=pl.Binary)
    condition = (pl.col("submission") == submission) & (pl.col("index") == index_of(entry))
    for frame in reader.read(parts, lambda entries: entries.filter(condition)):
        if not frame.is_empty():
            return frame.row(0, named=True)
    return None


def _explanation(tx: Transaction, entry: UUID, row: Mapping[str, Any], *, project: UUID) -> dict[str, Any]:
    """Token by token for an odd entry; of any other its pattern and the two parts of its score."""
    of_odd = store.find_explanation(tx, project=project, entry=entry)
    if of_odd is not None:
        return of_odd
    texts = pattern_texts(tx, project, pattern_ids=[row["pattern_id"]])
    return {
        "pattern": texts.get(row["pattern_id"]),
        "severity": rounded(row["severity"]),
        "novelty": rounded(row["novelty"]),
    }


def _arrival_days(entry: UUID, *, now: datetime) -> list[date]:
    try:
        made = made_at(entry)
    except (ValueError, OverflowError) as error:
        raise NotFound(f"there is no entry {entry}") from error
    if made > now + timedelta(days=1):
        raise NotFound(f"there is no entry {entry}")
    return [made.date() + timedelta(days=days) for days in ARRIVAL_DAYS]
