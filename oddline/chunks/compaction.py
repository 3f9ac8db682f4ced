"""Merge small chunks into large sorted ones, while everybody reads and writes."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import compaction_store, merging, pattern_store
from oddline.chunks.merge_results import delete_objects, new_merge, write_results
from oddline.chunks.model import CompactedChunk, MergeGroup, Original
from oddline.chunks.reader import Reader
from oddline.chunks.sizes import decoded_bytes
from oddline.database import Database
from oddline.errors import ChunkMissing, CorruptBody, OddlineError
from oddline.objects import ObjectStore

log = logging.getLogger(__name__)

ENOUGH_CHUNKS: Final = 16  # to merge: so each level has at most so many small chunks a group
MOST_DECODED_BYTES: Final = 64 * 1024 * 1024  # of a merge: sorted and encoded it takes under 300 MB
STEP_DECODED_BYTES: Final = 16 * 1024 * 1024  # opened at once, as far as it is known before
MOST_ORIGINALS: Final = 2_048  # of a merge: rows that one transaction locks
STEP_BYTES: Final = 512 * 1024  # opened at once: some 10 MB decoded, and hundreds of the smallest chunks
REPLACED_KEPT: Final = timedelta(hours=1)  # open pages still read what has been replaced


@dataclass(slots=True)
class Compacted:
    """What a run of compaction did; `bytes_read` beside `bytes_written` tells what rewriting costs."""

    merges: int = 0
    lost: int = 0
    chunks_replaced: int = 0
    chunks_made: int = 0
    entries: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    failed: int = 0

    def add(self, originals: Sequence[Original], results: Sequence[CompactedChunk], *, bytes_read: int) -> None:
        """Count a merge."""
        self.merges += 1
        self.chunks_replaced += len(originals)
        self.chunks_made += len(results)
        self.entries += sum(result.entries for result in results)
        self.bytes_read += bytes_read
        self.bytes_written += sum(result.bytes for result in results)


class Compactor:
    """Merges what is due, group by group; safe to run side by side and to kill at any step.

    Objects are written first, under keys that nobody else uses, then one transaction puts the results in the place of
    the originals. Who finds an original replaced meanwhile throws its results away.
    """

    def __init__(
        self, *, db: Database, objects: ObjectStore, clock: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self._db = db
        self._objects = objects
        self._clock = clock
        self._new_id = new_id
        self._broken: set[MergeGroup] = set()
        self._unreadable: set[UUID] = set()

    def run(self, *, until: datetime) -> Compacted:
        """Merge until nothing is due or `until` is past; what fails is logged and left out from then on.

        The levels take turns: newborn chunks may come faster than they are merged.
        """
        done = Compacted()
        merged = True
        while merged:
            merged = False
            for level in (0, 1):
                for group in self._due(level):
                    if self._clock() >= until:
                        return done
                    merged |= self._try_merge(group, done)
        return done

    def _due(self, level: int) -> list[MergeGroup]:
        with self._db.transaction() as tx:
            groups = compaction_store.due_groups(
                tx, level=level, chunks=ENOUGH_CHUNKS, entries=merging.ENOUGH_ENTRIES, now=self._clock()
            )
        return [group for group in groups if group not in self._broken]

    def _try_merge(self, group: MergeGroup, done: Compacted) -> bool:
        """Whether there was something to merge."""
        try:
            return self._merge(group, done)
        except OddlineError:
            log.exception("chunks of project %s of %s cannot be merged", group.project, group.arrival_day)
            done.failed += 1
            self._broken.add(group)
            return False

    def _merge(self, group: MergeGroup, done: Compacted) -> bool:
        with self._db.transaction() as tx:
            listed = compaction_store.list_originals(tx, group, limit=MOST_ORIGINALS)
        candidates = [original for original in listed if original.chunk not in self._unreadable]
        if not candidates:
            return False
        reader = Reader(db=self._db, objects=self._objects, project=group.project)
        originals, frames = self._open(reader, candidates, done)
        if not originals:
            return True
        entries = pl.concat(frames)
        merge = new_merge(self._new_id)
        large = entries.height >= merging.ENOUGH_ENTRIES or decoded_bytes(entries) > MOST_DECODED_BYTES // 2
        level = 2 if large else group.level + 1
        results = write_results(
            entries, group=group, level=level, merge=merge, objects=self._objects, now=self._clock()
        )
        if not self._swap(group, originals, results, merge):
            delete_objects(results, self._objects)
            done.lost += 1
            return True
        done.add(originals, results, bytes_read=reader.bytes_read)
        return True

    def _open(
        self, reader: Reader, candidates: Sequence[Original], done: Compacted
    ) -> tuple[list[Original], list[pl.DataFrame]]:
        """As many of the candidates as fit into one merge and can be read, and their entries."""
        entries = accumulate(original.entries for original in candidates)
        decoded = accumulate(original.decoded for original in candidates)
        fitting = [
            one
            for one, so_many, so_large in zip(candidates, entries, decoded, strict=True)
            if so_many <= merging.MOST_ENTRIES and so_large <= MOST_DECODED_BYTES
        ]
        taken: list[Original] = []
        frames: list[pl.DataFrame] = []
        for step in _steps(fitting or candidates[:1]):
            readable, read = self._read(reader, step, done)
            taken += readable
            frames += read
            if sum(map(decoded_bytes, frames)) > MOST_DECODED_BYTES:
                break  # of what was stored before its size was noted
        return taken, frames

    def _read(
        self, reader: Reader, step: Sequence[Original], done: Compacted
    ) -> tuple[list[Original], list[pl.DataFrame]]:
        """Those of the step that can be read, and their entries."""
        try:
            return list(step), reader.read([part for original in step for part in original.parts])
        except (ChunkMissing, CorruptBody):
            if len(step) == 1:
                log.exception("chunk %s cannot be read and is left out", step[0].chunk)
                done.failed += 1
                self._unreadable.add(step[0].chunk)
                return [], []
        one_by_one = [self._read(reader, [original], done) for original in step]
        return [one for taken, _ in one_by_one for one in taken], [one for _, frames in one_by_one for one in frames]

    def _swap(
        self, group: MergeGroup, originals: Sequence[Original], results: Sequence[CompactedChunk], merge: UUID
    ) -> bool:
        now, merged = self._clock(), [original.chunk for original in originals]
        with self._db.transaction() as tx:
            common = pattern_store.common_patterns(tx, merged, project=group.project, day=group.arrival_day)
            replaced = compaction_store.replace(
                tx,
                merged,
                level=group.level,
                merge=merge,
                project=group.project,
                day=group.arrival_day,
                now=now,
            )
            if replaced:
                compaction_store.insert_compacted(tx, results)
                pattern_store.insert_patterns(tx, results, common=common)
                keys = [original.object_key for original in originals if original.object_key is not None]
                compaction_store.doom(tx, keys, delete_after=now + REPLACED_KEPT)
        return replaced


def clear_replaced(db: Database, objects: ObjectStore, *, now: datetime) -> int:
    """Delete objects whose time has come, and the rows of what was replaced an hour ago; returns how many objects."""
    deleted = 0
    while True:
        with db.transaction() as tx:
            keys = compaction_store.doomed(tx, now=now, limit=1_000)
        for key in keys:
            objects.delete(key)
        with db.transaction() as tx:
            compaction_store.forget_doomed(tx, keys)
            compaction_store.delete_replaced(tx, before=now - REPLACED_KEPT)
        deleted += len(keys)
        if not keys:
            return deleted


def _steps(originals: Sequence[Original]) -> Iterator[list[Original]]:
    """What to open at once, before the size of what was in it is looked at."""
    step: list[Original] = []
    packed = decoded = 0
    for original in originals:
        packed, decoded = packed + original.bytes, decoded + original.decoded
        if step and (packed > STEP_BYTES or decoded > STEP_DECODED_BYTES):
            yield step
            step, packed, decoded = [], original.bytes, original.decoded
        step.append(original)
    yield step
