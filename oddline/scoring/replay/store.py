"""SQL of replays: the list of chunks, what is done of it, the sidecars, and the sums of the differences."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.scoring.replay.model import Difference, ListedChunk, Progress, Replay, Sidecar, Totals

_REPLAY: Final = "id, project_id AS project, model_version, source, time_from, time_to, stalls, is_mixed, created_at"
_SIDECAR: Final = "id, entries, lowest_id, highest_id, lowest_time, highest_time, object_key"
_SUMS: Final = (
    "entries",
    "score_sum",
    "replayed_sum",
    "anomalies",
    "replayed_anomalies",
    "became_odd",
    "became_normal",
)


def insert(tx: Transaction, replay: Replay, chunks: Sequence[ListedChunk]) -> None:
    """Write a replay with its list of chunks, unless it is there already."""
    inserted = tx.execute(
        "INSERT INTO replays (id, project_id, model_version, source, time_from, time_to, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [
            replay.id,
            replay.project,
            replay.model_version,
            replay.source,
            replay.time_from,
            replay.time_to,
            replay.created_at,
        ],
    ).rowcount
    if not inserted:
        return
    tx.execute(
        "INSERT INTO replay_chunks"
        " (project_id, replay_id, chunk_id, entries, lowest_id, highest_id, lowest_time, highest_time)"
        " SELECT %s, %s, * FROM unnest(%s::uuid[], %s::int[], %s::uuid[], %s::uuid[], %s::timestamptz[],"
        " %s::timestamptz[])",
        [
            replay.project,
            replay.id,
            [one.chunk for one in chunks],
            [one.entries for one in chunks],
            [one.lowest_id for one in chunks],
            [one.highest_id for one in chunks],
            [one.lowest_time for one in chunks],
            [one.highest_time for one in chunks],
        ],
    )


def find(tx: Transaction, replay: UUID) -> Replay | None:
    """A replay by its id."""
    with tx.cursor(row_factory=class_row(Replay)) as cursor:
        return cursor.execute(f"SELECT {_REPLAY} FROM replays WHERE id = %s", [replay]).fetchone()


def count_stall(tx: Transaction, replay: UUID) -> None:
    """Note that an attempt begins; one chunk that is done takes it back."""
    tx.execute("UPDATE replays SET stalls = stalls + 1 WHERE id = %s", [replay])


def chunks_left(tx: Transaction, replay: UUID, *, limit: int) -> list[ListedChunk]:
    """The next chunks that are not done, those with the oldest entries first."""
    with tx.cursor(row_factory=class_row(ListedChunk)) as cursor:
        return cursor.execute(
            "SELECT chunk_id AS chunk, entries, lowest_id, highest_id, lowest_time, highest_time FROM replay_chunks"
            " WHERE replay_id = %s AND sidecar_id IS NULL ORDER BY lowest_time, chunk_id LIMIT %s",
            [replay, limit],
        ).fetchall()


def mark_done(tx: Transaction, replay: UUID, *, chunks: Sequence[UUID], batch: UUID, is_mixed: bool) -> bool:
    """Mark chunks as done by a batch; False when one of them is done already, by another run of the replay."""
    done = tx.execute(
        "UPDATE replay_chunks SET sidecar_id = %s WHERE replay_id = %s AND chunk_id = ANY (%s) AND sidecar_id IS NULL",
        [batch, replay, list(chunks)],
    ).rowcount
    if done < len(chunks):
        return False
    tx.execute("UPDATE replays SET stalls = 0, is_mixed = is_mixed OR %s WHERE id = %s", [is_mixed, replay])
    return True


def insert_sidecar(tx: Transaction, replay: Replay, sidecar: Sidecar) -> None:
    """Name the object that has the new scores of some entries."""
    tx.execute(
        f"INSERT INTO replay_sidecars (project_id, replay_id, {_SIDECAR}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            replay.project,
            replay.id,
            sidecar.id,
            sidecar.entries,
            sidecar.lowest_id,
            sidecar.highest_id,
            sidecar.lowest_time,
            sidecar.highest_time,
            sidecar.object_key,
        ],
    )


def add_differences(tx: Transaction, replay: Replay, differences: Sequence[Difference]) -> None:
    """Add to the sums per source and pattern."""
    ordered = sorted(differences, key=lambda one: (one.source_id, one.pattern_id))
    names = ("source_id", "pattern_id", *_SUMS)
    values: dict[str, Any] = {name: [getattr(one, name) for one in ordered] for name in names}
    tx.execute(
        f"INSERT INTO replay_patterns AS p (project_id, replay_id, {', '.join(names)})"
        " SELECT %(project)s, %(replay)s, * FROM unnest(%(source_id)s::int[], %(pattern_id)s::int[],"
        " %(entries)s::bigint[], %(score_sum)s::float8[], %(replayed_sum)s::float8[], %(anomalies)s::bigint[],"
        " %(replayed_anomalies)s::bigint[], %(became_odd)s::bigint[], %(became_normal)s::bigint[])"
        " ON CONFLICT (replay_id, source_id, pattern_id) DO UPDATE SET "
        + ", ".join(f"{name} = p.{name} + excluded.{name}" for name in _SUMS),
        values | {"project": replay.project, "replay": replay.id},
    )


def progress(tx: Transaction, replay: UUID) -> Progress:
    """How far a replay is."""
    with tx.cursor(row_factory=class_row(Progress)) as cursor:
        [found] = cursor.execute(
            "SELECT coalesce(sum(entries) FILTER (WHERE sidecar_id IS NOT NULL), 0)::bigint AS done,"
            " coalesce(sum(entries), 0)::bigint AS entries FROM replay_chunks WHERE replay_id = %s",
            [replay],
        ).fetchall()
    return found


def totals(tx: Transaction, replay: UUID) -> Totals:
    """The differences over all patterns."""
    counts = ("entries", "anomalies", "replayed_anomalies", "became_odd", "became_normal")
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in counts)
    with tx.cursor(row_factory=class_row(Totals)) as cursor:
        [found] = cursor.execute(
            f"SELECT {sums}, count(*) AS patterns FROM replay_patterns WHERE replay_id = %s", [replay]
        ).fetchall()
    return found


def largest_differences(tx: Transaction, replay: UUID, *, limit: int) -> list[Difference]:
    """The patterns that changed the most: by entries that passed the threshold either way, then by their scores."""
    with tx.cursor(row_factory=class_row(Difference)) as cursor:
        return cursor.execute(
            f"SELECT source_id, pattern_id, {', '.join(_SUMS)} FROM replay_patterns WHERE replay_id = %s"
            " ORDER BY became_odd + became_normal DESC, abs(replayed_sum - score_sum) / entries DESC,"
            " source_id, pattern_id LIMIT %s",
            [replay, limit],
        ).fetchall()


def sidecars_of(
    tx: Transaction, replay: UUID, *, lowest_id: UUID, highest_id: UUID, lowest_time: datetime, highest_time: datetime
) -> list[Sidecar]:
    """The sidecars that may hold entries between these ids and times, both ends included."""
    with tx.cursor(row_factory=class_row(Sidecar)) as cursor:
        return cursor.execute(
            f"SELECT {_SIDECAR} FROM replay_sidecars WHERE replay_id = %s AND highest_time >= %s AND lowest_time <= %s"
            " AND highest_id >= %s AND lowest_id <= %s",
            [replay, lowest_time, highest_time, lowest_id, highest_id],
        ).fetchall()


def list_past_retention(tx: Transaction, *, now: datetime, limit: int) -> list[Replay]:
    """Replays that began so long ago that every entry of theirs is past its project's retention."""
    with tx.cursor(row_factory=class_row(Replay)) as cursor:
        return cursor.execute(
            f"SELECT {_REPLAY} FROM replays WHERE created_at < %s - make_interval(days =>"
            " coalesce((SELECT retention_days FROM projects p WHERE p.id = project_id), 0) + 1) LIMIT %s",
            [now, limit],
        ).fetchall()


def delete(tx: Transaction, replay: UUID) -> None:
    """Delete a replay with all that belongs to it in the database."""
    tx.execute("DELETE FROM replays WHERE id = %s", [replay])


def first_sightings(
    tx: Transaction, project: UUID, *, source_id: int, before: datetime, limit: int
) -> list[tuple[int, datetime, int]]:
    """(pattern, first seen, days seen) of what a source had before a moment; of over `limit` those that came last."""
    return tx.execute(
        "SELECT pattern_id, first_seen, days_seen FROM source_patterns WHERE project_id = %s AND source_id = %s"
        " AND first_seen < %s ORDER BY last_seen DESC LIMIT %s",
        [project, source_id, before, limit],
    ).fetchall()
