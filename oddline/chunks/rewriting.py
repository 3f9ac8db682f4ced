"""Put other texts into stored entries, while everybody reads, writes and merges: only erasure may do that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import polars as pl
from psycopg.types.json import Jsonb

from oddline.chunks import compaction_store, pattern_store, store
from oddline.chunks.building import whole_filter
from oddline.chunks.codec import COMPACTED_LEVEL, encode, to_parquet
from oddline.chunks.footer import footer_offset
from oddline.chunks.merge_results import delete_objects, new_merge, write_results
from oddline.chunks.merging import filter_of, row_groups_of
from oddline.chunks.model import MergeGroup, Part, row_group_to_json
from oddline.chunks.reader import Reader
from oddline.database import Database, Transaction
from oddline.errors import ChunkMissing
from oddline.objects import ObjectStore

TEXT_COLUMNS: Final = ("source", "message", "attributes", "trace_id", "span_id", "session")
"""What of an entry comes from outside and can say anything."""

Change = Callable[[pl.DataFrame], pl.DataFrame]
"""Other texts for the entries of a chunk: the same rows in the same order, and nothing but TEXT_COLUMNS changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A chunk as it is stored: live, or replaced and not deleted yet."""

    id: UUID
    project: UUID
    arrival_day: date
    level: int
    late: bool
    is_live: bool
    object_key: str | None


class Rewriter:
    """Rewrites chunks of one project, one by one; safe beside merges and to kill at any step.

    A live chunk is swapped as a merge does it, so that a merge that has read the old texts loses. What stays of the old
    one is what incremental readers need: as it was born, with the new texts. An object goes at once, with its row:
    who has a page of it open reads the list of chunks again.
    """

    def __init__(
        self,
        *,
        db: Database,
        objects: ObjectStore,
        project: UUID,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._db = db
        self._objects = objects
        self._project = project
        self._clock = clock
        self._new_id = new_id

    def list(self, *, after: UUID, limit: int) -> Sequence[StoredChunk]:
        """Up to `limit` chunks behind an id, in the order of ids, those that were replaced among them."""
        with self._db.transaction(project=self._project) as tx:
            rows = store.fetch(
                tx,
                "SELECT id, project_id AS project, arrival_day, level, late, replaced_by IS NULL AS is_live, object_key"
                " FROM chunks WHERE project_id = %(project)s AND id > %(after)s ORDER BY id LIMIT %(limit)s",
                {"project": self._project, "after": after, "limit": limit},
            )
        return [StoredChunk(**row) for row in rows]

    def holds(self, chunk: StoredChunk, wanted: pl.Expr) -> int:
        """How many entries of a chunk are wanted; 0 of one that is gone, or whose object is another's to delete."""
        frames = self._read(chunk, lambda entries: entries.filter(wanted).select("index"))
        return sum(frame.height for frame in frames)

    def rewrite(self, chunk: StoredChunk, change: Change) -> bool:
        """Put other texts into a chunk; False when a merge was faster: what it made is a chunk of its own.

        Raises:
            CorruptBody: the chunk cannot be read.
            DatabaseUnavailable, ObjectStoreUnavailable: nothing was changed.
        """
        frames = self._read(chunk, lambda entries: entries)
        if not frames:
            return False
        entries = change(pl.concat(frames))
        if not chunk.is_live:
            with self._db.transaction() as tx:
                _overwrite(tx, chunk, entries)
            return True
        return self._swap(chunk, entries)

    def _read(self, chunk: StoredChunk, narrow: Callable[[pl.LazyFrame], pl.LazyFrame]) -> Sequence[pl.DataFrame]:
        if chunk.object_key is not None and not chunk.is_live:
            return []
        with self._db.transaction(project=self._project) as tx:
            parts: list[Part] = store.list_parts_of(tx, project=self._project, chunks=[chunk.id])
        try:
            return Reader(db=self._db, objects=self._objects, project=self._project).read(parts, narrow)
        except ChunkMissing:
            return []

    def _swap(self, chunk: StoredChunk, entries: pl.DataFrame) -> bool:
        now, level = self._clock(), max(chunk.level, 1)
        group = MergeGroup(
            project=chunk.project,
            arrival_day=chunk.arrival_day,
            late=chunk.late,
            entry_day=None,
            level=min(chunk.level, 1),
        )
        merge = new_merge(self._new_id)
        results = write_results(entries, group=group, level=level, merge=merge, objects=self._objects, now=now)
        with self._db.transaction() as tx:
            swapped = compaction_store.replace(
                tx, [chunk.id], level=group.level, merge=merge, project=chunk.project, day=chunk.arrival_day, now=now
            )
            if swapped:
                compaction_store.insert_compacted(tx, results)
                pattern_store.insert_patterns(tx, results, common=())
                _overwrite(tx, chunk, entries)
        if not swapped:
            delete_objects(results, self._objects)
        elif chunk.object_key is not None:
            purge(self._objects, chunk.object_key)
        return swapped


def purge(objects: ObjectStore, key: str) -> int:
    """Delete an object with all its versions; returns how many there were."""
    versions = [one for one in objects.versions(key) if one.key == key]
    for one in versions:
        objects.delete_version(one)
    return len(versions)


def _overwrite(tx: Transaction, chunk: StoredChunk, entries: pl.DataFrame) -> None:
    """Put the same entries with other texts into a chunk's own row; a row whose object goes, goes with it."""
    if chunk.level == 0:
        tx.execute(
            "UPDATE hot_chunks SET blob = %(blob)b, token_filter = %(filter)b"
            " WHERE id = %(id)s AND arrival_day = %(day)s",
            {
                "blob": encode(entries)[1],
                "filter": whole_filter(entries),
                "id": chunk.id,
                "day": chunk.arrival_day,
            },
        )
    elif chunk.object_key is not None:
        tx.execute("DELETE FROM compacted_chunks WHERE id = %s", [chunk.id])
    else:
        blob = to_parquet(entries, level=COMPACTED_LEVEL)
        row_groups = row_groups_of(entries, blob)
        tx.execute(
            "UPDATE compacted_chunks SET blob = %(blob)b, token_filter = %(filter)b, bytes = %(bytes)s,"
            " footer_offset = %(footer)s, row_groups = %(row_groups)s WHERE id = %(id)s",
            {
                "blob": blob,
                "bytes": len(blob),
                "footer": footer_offset(blob),
                "row_groups": Jsonb([row_group_to_json(group) for group in row_groups]),
                "filter": b"".join(filter_of(entries, row_groups)),
                "id": chunk.id,
            },
        )
