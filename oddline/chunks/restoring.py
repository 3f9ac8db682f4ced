"""Bring entries of a range back from a backup into what runs: what is missing, once, and nothing that was erased."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from uuid import UUID

import polars as pl

from oddline.chunks import restoring_store as store
from oddline.chunks.compaction import MOST_DECODED_BYTES
from oddline.chunks.compaction_store import insert_compacted
from oddline.chunks.merge_results import delete_objects, new_merge, write_results
from oddline.chunks.merging import ENOUGH_ENTRIES
from oddline.chunks.model import CompactedChunk, MergeGroup
from oddline.chunks.pattern_store import insert_patterns
from oddline.chunks.reader import Reader
from oddline.chunks.restoring_reads import are_here, missing_of
from oddline.chunks.restoring_store import Found
from oddline.chunks.rewriting import Change
from oddline.chunks.sizes import batches
from oddline.chunks.store import retention_days
from oddline.database import Database, Joined, Transaction
from oddline.errors import ChunkMissing, Conflict, CorruptBody, ObjectMissing
from oddline.objects import PROJECT_METADATA, ObjectStore, Readable
from oddline.patterns import source_names

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Restored:
    """What a restore came to.

    Attributes:
        chunks: of the backup that reach into the range.
        entries: that were missing and are back.
        objects: that were missing, and were copied.
        lost: chunks here whose object is neither here nor in the backup.
        unreadable: chunks of the backup that cannot be read, and whose entries are not all here.
    """

    chunks: int = 0
    entries: int = 0
    objects: int = 0
    lost: int = 0
    unreadable: int = 0


class Restorer:
    """Restores ranges of one project; safe beside merges, scoring and others, to kill at any step, and to run again.

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
            Conflict: the backup has sources that are not known here.
            ChunkMissing, CorruptBody: a chunk here cannot be read, so that it cannot be told what is missing.
            DatabaseUnavailable, ObjectStoreUnavailable: run it again: it goes on where it was.
        """
        done = Restored()
        with self._db.transaction(project=self._project) as tx:
            days = retention_days(tx, project=self._project)
        listed = partial(
            store.list_chunks,
            project=self._project,
            time_from=time_from,
            time_to=time_to,
            since=self._clock().date() - timedelta(days=days),
        )
        for one in listed(self._db, with_object=True):
            self._mend(one, done, drop_lost=drop_lost)
        if done.lost and not drop_lost:
            return done  # it cannot be told which of the backup's entries are in them
        for group, of_group in groupby(listed(self._backup_db, with_object=False), key=lambda one: one.group):
            unread: dict[UUID, Exception] = {}
            chunks = list(of_group)
            for some in batches(chunks, size_of=lambda one: one.decoded, most=MOST_DECODED_BYTES):
                self._bring_back(group, some, done, unread)
            self._judge([one for one in chunks if one.id in unread], unread, done)
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

    def _bring_back(
        self, group: MergeGroup, chunks: Sequence[Found], done: Restored, unread: dict[UUID, Exception]
    ) -> None:
        """Insert those of the entries of some chunks of the backup that are not here."""
        frames = [frame for one in chunks for frame in self._read_backup(one, unread)]
        done.chunks += len(chunks)
        if not frames:
            return
        missing, seen = missing_of(pl.concat(frames), self._reader(self._db), db=self._db, group=group)
        while not missing.is_empty():
            self._check_sources(missing)
            results = self._written(group, self._change(missing))
            with self._db.transaction() as tx:
                store.lock(tx, self._project)
                joined = Joined(tx, project=self._project)
                left, seen = missing_of(missing, self._reader(joined), db=joined, group=group, seen=seen)
                is_still_missing = left.height == missing.height
                if is_still_missing:
                    _insert(tx, results)
            if is_still_missing:
                done.entries += missing.height
                return
            # Another restore has brought some back since they were looked for.
            delete_objects(results, self._objects)
            missing = left

    def _read_backup(self, chunk: Found, unread: dict[UUID, Exception]) -> list[pl.DataFrame]:
        try:
            return self._backup_reader().read(chunk.parts)
        except (ChunkMissing, CorruptBody) as error:
            unread[chunk.id] = error
            return []

    def _judge(self, chunks: Sequence[Found], why: Mapping[UUID, Exception], done: Restored) -> None:
        """Count chunks that could not be read, unless their entries are here: an erasure deletes what it rewrote."""
        if not chunks or are_here(
            chunks,
            self._reader(self._db),
            db=self._db,
            backup_reader=self._backup_reader(),
            backup_db=self._backup_db,
        ):
            return
        for one in chunks:
            log.error("chunk %s of the backup cannot be read", one.id, exc_info=why[one.id])
        done.unreadable += len(chunks)

    def _reader(self, db: Database) -> Reader:
        return Reader(db=db, objects=self._objects, project=self._project)

    def _backup_reader(self) -> Reader:
        return Reader(db=self._backup_db, objects=self._backup_objects, project=self._project)

    def _check_sources(self, entries: pl.DataFrame) -> None:
        with self._db.transaction() as tx:
            known = source_names(tx, self._project)
        if unknown := set(entries["source_id"].unique()) - known.keys():
            raise Conflict(f"the backup has sources that are not known here: {sorted(unknown)}")

    def _written(self, group: MergeGroup, entries: pl.DataFrame) -> list[CompactedChunk]:
        """The chunks that hold the entries; their objects are there, their rows not yet."""
        return write_results(
            entries,
            group=group,
            level=2 if entries.height >= ENOUGH_ENTRIES else 1,
            merge=new_merge(self._new_id),
            objects=self._objects,
            now=self._clock(),
        )


def _insert(tx: Transaction, results: Sequence[CompactedChunk]) -> None:
    if results:
        insert_compacted(tx, results)
        insert_patterns(tx, results, common=())
