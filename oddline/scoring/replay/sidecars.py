"""Sidecars: the new scores of some entries by their ids, in an object of the replay's own folder."""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Final
from uuid import UUID

import polars as pl

from oddline.database import Database
from oddline.errors import CorruptBody
from oddline.objects import PROJECT_METADATA, ObjectStore
from oddline.scoring.replay import store
from oddline.scoring.replay.model import Replay, Sidecar, folder_of
from oddline.submissions import entry_id, new_id

COMPRESSION_LEVEL: Final = 3  # of zstd, as for what compaction writes
SIDECAR: Final[dict[str, pl.DataType]] = {
    "submission": pl.Binary(),
    "index": pl.UInt16(),
    "score": pl.Float32(),
    "is_anomaly": pl.Boolean(),
    "threshold": pl.Float32(),
    "model_version": pl.String(),
    "calibration_version": pl.Int16(),
}


def put_sidecar(scored: pl.DataFrame, replay: Replay, *, objects: ObjectStore) -> Sidecar:
    """Store the result of `Rescorer.score` (at least one entry) as an object that no row names yet."""
    identifier = new_id()
    sink = BytesIO()
    values = {
        "score": pl.col("new_score"),
        "is_anomaly": pl.col("new_is_anomaly"),
        "model_version": pl.lit(replay.model_version),
    }
    frame = scored.select(values.get(name, pl.col(name)).cast(kind).alias(name) for name, kind in SIDECAR.items())
    frame.write_parquet(sink, compression="zstd", compression_level=COMPRESSION_LEVEL, statistics=False)
    key = f"{folder_of(replay.project, replay.id)}{identifier}"
    objects.put(key, sink.getvalue(), metadata={PROJECT_METADATA: str(replay.project)})
    ids = scored.select("submission", "index").sort("submission", "index")
    times = scored.select(lowest=pl.col("timestamp").min(), highest=pl.col("timestamp").max()).row(0)
    return Sidecar(
        id=identifier,
        entries=scored.height,
        lowest_id=_id_of(ids.row(0)),
        highest_id=_id_of(ids.row(-1)),
        lowest_time=times[0],
        highest_time=times[1],
        object_key=key,
    )


def read_sidecars(
    replay: Replay,
    *,
    db: Database,
    objects: ObjectStore,
    lowest_id: UUID,
    highest_id: UUID,
    lowest_time: datetime,
    highest_time: datetime,
) -> Iterator[pl.DataFrame]:
    """The sidecars, one by one, that may hold entries between these ids and times, both ends included.

    Raises:
        CorruptBody: one cannot be read, or is another project's.
        ObjectMissing: one was deleted, with its replay.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    with db.transaction(project=replay.project) as tx:
        sidecars = store.sidecars_of(
            tx,
            replay.id,
            lowest_id=lowest_id,
            highest_id=highest_id,
            lowest_time=lowest_time,
            highest_time=highest_time,
        )
    for sidecar in sidecars:
        # Row-level security does not reach the object store, so what is read there says itself whose it is.
        if objects.head(sidecar.object_key).metadata.get(PROJECT_METADATA) != str(replay.project):
            raise CorruptBody(f"object {sidecar.object_key} does not belong to project {replay.project}")
        try:
            yield pl.read_parquet(objects.get(sidecar.object_key))
        except pl.exceptions.PolarsError as error:
            raise CorruptBody(f"the sidecar {sidecar.object_key} cannot be read: {error}") from error


def _id_of(pair: tuple[bytes, int]) -> UUID:
    return entry_id(UUID(bytes=pair[0]), pair[1])
