"""Lay the scores of a replay over a page of entries: they keep their own, and bear the other beside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import polars as pl

from oddline.database import Database
from oddline.errors import NotFound
from oddline.objects import ObjectStore
from oddline.scoring.replay import store
from oddline.scoring.replay.sidecars import read_sidecars
from oddline.submissions import entry_id, submission_of

SCORE_DIGITS = 7  # of single precision


def overlay_replay(
    entries: Sequence[Mapping[str, Any]], replay_id: UUID, *, db: Database, objects: ObjectStore, project: UUID
) -> list[dict[str, Any]]:
    """`entries` as clients get them, each with `replay`: its score there, or None where it has none (yet).

    Raises:
        NotFound: the project has no such replay.
        CorruptBody, ObjectMissing, ObjectStoreUnavailable, DatabaseUnavailable: a score cannot be read.
    """
    with db.transaction(project=project) as tx:
        replay = store.find(tx, replay_id)
    if replay is None or replay.project != project:
        raise NotFound(f"there is no replay {replay_id}", field="replay")
    if not entries:
        return []
    ids = [UUID(entry["id"]) for entry in entries]
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in entries]
    submissions = pl.Series([submission_of(one).bytes for one in ids], dtype=pl.Binary).unique()
    scores: dict[str, dict[str, Any]] = {}
    for sidecar in read_sidecars(
        replay,
        db=db,
        objects=objects,
        lowest_id=min(ids),
        highest_id=max(ids),
        lowest_time=min(times),
        highest_time=max(times),
    ):
        for row in sidecar.filter(pl.col("submission").is_in(submissions.implode())).iter_rows(named=True):
            scores[str(entry_id(UUID(bytes=row["submission"]), row["index"]))] = _view(row, replay_id)
    return [{**entry, "replay": scores.get(entry["id"])} for entry in entries]


def _view(row: Mapping[str, Any], replay_id: UUID) -> dict[str, Any]:
    return {
        "id": str(replay_id),
        "anomaly_score": round(row["score"], SCORE_DIGITS),
        "is_anomaly": row["is_anomaly"],
        "threshold": round(row["threshold"], SCORE_DIGITS),
        "model_version": row["model_version"],
    }
