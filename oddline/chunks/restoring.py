"""Bring entries of a range back from a backup into what runs: what is missing, once, and nothing that was erased."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import restoring_store as store
from oddline.chunks.compaction import MOST_DECODED_BYTES
from oddline.chunks.compaction_store import insert_compacted
from oddline.chunks.merging import ENOUGH_ENTRIES, SORT_ORDER, encoded_pieces, merge_chunk
from oddline.chunks.model import RESULT_MASK, CompactedChunk, MergeGroup, merge_result
from oddline.chunks.pattern_store import insert_patterns
from oddline.chunks.reader import Reader
from oddline.chunks.restoring_store import Found
from oddline.chunks.rewriting import Change
from oddline.chunks.store import retention_days
from oddline.database import Database, Transaction
from oddline.errors import ChunkMissing, Conflict, CorruptBody, ObjectMissing
from oddline.objects import PROJECT_METADATA, ObjectStore, Readable
from oddline.patterns import source_names

log = logging.getLogger(__name__)

TRIES: Final = 5  # of reading what is here, while merges go on
_ID: Final = ("submission", "index")


@dataclass(slots=True)
class Restored:
    """What a restore came to.

    Attributes:
        chunks: of the backup that reach into the range.
        entries: that were missing and are back.
        objects: that were missing, and were copied.
        lost: chunks here whose object is neither here nor in the backup.
        unreadable: chunks of the backup that cannot be read.
    """

    chunks: int = 0
    entries: int = 0
    objects: int = 0
    lost: int = 0
    unreadable: int = 0


class Restorer:
    """Restores ranges of one project; safe beside merges and scoring, to kill at any step, and to run again.

    What is missing is found by the ids of entries, so it does not matter how they are merged here and there.

    Args:
        backup_db: a copy of the database, as the worker's role sees it.
        backup_objects: has the objects that the copy's rows name.
        change: takes out of entries what was erased since the backup was made.
    """

    def __init__(
        self,
        *,
        db: Database,
        objects: ObjectStore,
        backup_db: Database,
        backup_objects: Readable,
        project: UUID,
        change: Change,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._db = db
        self._objects = objects
        self._backup_db = backup_db
        self._backup_objects = backup_objects
        self._project = project
        self._change = change
        self._clock = clock
        self._new_id = new_id

    def run(self, *, time_from: datetime, time_to: datetime, drop_lost: bool = False) -> Restored:
        """Restore the chunks with entries from `time_from` until before `time_to`, whole.

        Args:
            drop_lost: forget chunks here whose object is nowhere, so that the backup's entries take their place.

        Where it finds lost ones and is not to forget them, it brings back no entries.

        Raises:
            Conflict: another restore of the project runs; or the backup has sources that are not known here.
            ChunkMissing, CorruptBody: a chunk here cannot be read, so that it cannot be told what is missing.
            DatabaseUnavailable, ObjectStoreUnavailable: run it again: it goes on where it was.
        """
        done = Restored()
        with self._alone():
            with self._db.transaction(project=self._project) as tx:
                days = retention_days(tx, project=self._project)
            since = self._clock().date() - timedelta(days=days)
            for one in store.list_chunks(
                self._db, self._project, time_from=time_from, time_to=time_to, since=since, with_object=True
            ):
                self._mend(one, done, drop_lost=drop_lost)
            if done.lost and not drop_lost:
                return done  # it cannot be told which of the backup's entries are in them
            found = store.list_chunks(
                self._backup_db, self._project, time_from=time_from, time_to=time_to, since=since, with_object=False
            )
            for group, of_group in groupby(found, key=lambda one: one.group):
                for some in _batches(of_group):
                    self._bring_back(group, some, done)
        return done

    def _mend(self, chunk: Found, done: Restored, *, drop_lost: bool) -> None:
        """See that the object that a row here names is here."""
        key = str(chunk.object_key)
        try:
            self._objects.head(key)
        except ObjectMissing:
            if not store.is_live(self._db, chunk.id, project=self._project):
                return  # it was merged meanwhile, and deleted with its object
        else:
            return
        reader = Reader(db=self._db, objects=self._backup_objects, project=self._project)
        try:
            entries = pl.concat(reader.read(chunk.parts))
        except (ChunkMissing, CorruptBody):
            log.warning("the object of chunk %s is neither here nor in the backup", chunk.id)
            done.lost += 1
            if drop_lost:
                self._swap(chunk, [])
            return
        changed = self._change(entries)
        if changed.equals(entries):
            data = self._backup_objects.get(key)
            self._objects.put(key, data, metadata={PROJECT_METADATA: str(self._project)})
            done.objects += 1
        else:
            self._swap(chunk, self._written(chunk.group, changed))
            done.entries += entries.height

    def _swap(self, chunk: Found, results: Sequence[CompactedChunk]) -> None:
        with self._db.transaction() as tx:
            if store.delete_live(tx, chunk.id):
                _insert(tx, results)

    def _bring_back(self, group: MergeGroup, chunks: Sequence[Found], done: Restored) -> None:
        """Insert those of the entries of some chunks of the backup that are not here."""
        frames = [frame for one in chunks for frame in self._read_backup(one, done)]
        done.chunks += len(chunks)
        if not frames:
            return
        entries = pl.concat(frames)
        missing = entries.join(self._ids_here(group, entries.select(_ID)), on=_ID, how="anti")
        if missing.is_empty():
            return
        self._check_sources(missing)
        results = self._written(group, self._change(missing))
        with self._db.transaction() as tx:
            _insert(tx, results)
        done.entries += missing.height

    def _read_backup(self, chunk: Found, done: Restored) -> list[pl.DataFrame]:
        reader = Reader(db=self._backup_db, objects=self._backup_objects, project=self._project)
        try:
            return reader.read(chunk.parts)
        except (ChunkMissing, CorruptBody):
            log.exception("chunk %s of the backup cannot be read", chunk.id)
            done.unreadable += 1
            return []

    def _ids_here(self, group: MergeGroup, wanted: pl.DataFrame) -> pl.DataFrame:
        """Those of the ids that are here."""

        def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
            return entries.select(_ID).join(wanted.lazy(), on=_ID, how="semi")

        reader = Reader(db=self._db, objects=self._objects, project=self._project)
        for tries_left in reversed(range(TRIES)):
            parts = store.list_overlapping(
                self._db, group, lowest=wanted["submission"].min(), highest=wanted["submission"].max()
            )
            try:
                return pl.concat([wanted.clear(), *reader.read(parts, narrow)])
            except ChunkMissing:
                # Compaction passed between the list and the reading: the list of now is true again.
                if not tries_left:
                    raise
        raise AssertionError

    def _check_sources(self, entries: pl.DataFrame) -> None:
        with self._db.transaction() as tx:
            known = source_names(tx, self._project)
        if unknown := set(entries["source_id"].unique()) - known.keys():
            raise Conflict(f"the backup has sources that are not known here: {sorted(unknown)}")

    def _written(self, group: MergeGroup, entries: pl.DataFrame) -> list[CompactedChunk]:
        """The chunks that hold the entries; their objects are there, their rows not yet."""
        merge = UUID(int=self._new_id().int & ~RESULT_MASK)
        level = 2 if entries.height >= ENOUGH_ENTRIES else 1
        results = [
            merge_chunk(
                piece, group=group, level=level, identifier=merge_result(merge, number), blob=blob, now=self._clock()
            )
            for number, (piece, blob) in enumerate(encoded_pieces(entries.sort(SORT_ORDER)))
        ]
        for result in results:
            if result.object_key is not None:
                self._objects.put(result.object_key, result.blob, metadata={PROJECT_METADATA: str(self._project)})
        return results

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two restores side by side would each bring back what both miss."""
        with self._db.autocommit() as connection:
            if not store.try_lock(connection, self._project):
                raise Conflict("another restore of this project is under way")
            try:
                yield
            finally:
                store.unlock(connection, self._project)


def _insert(tx: Transaction, results: Sequence[CompactedChunk]) -> None:
    if results:
        insert_compacted(tx, results)
        insert_patterns(tx, results, common=())


def _batches(chunks: Iterator[Found]) -> Iterator[list[Found]]:
    """Chunks to restore together: small ones make one, and no more is unpacked than can be held."""
    batch: list[Found] = []
    held = 0
    for one in chunks:
        held += one.decoded
        if batch and held > MOST_DECODED_BYTES:
            yield batch
            batch, held = [], one.decoded
        batch.append(one)
    if batch:
        yield batch
