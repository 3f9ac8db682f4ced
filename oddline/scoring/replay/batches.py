"""Score some chunks of a replay at a time, and make their new scores and "done" visible together."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import Part, Reader, Wanted, list_parts, list_parts_of
from oddline.errors import LostClaim
from oddline.scoring.encoder import Encoder
from oddline.scoring.replay import store
from oddline.scoring.replay.model import ListedChunk, Replay
from oddline.scoring.replay.past import PastKnowledge
from oddline.scoring.replay.scoring import NEEDED, Rescorer, differences
from oddline.scoring.replay.sidecars import put_sidecar, read_sidecars
from oddline.submissions import INDEX_MASK, new_id
from oddline.tasks import TaskContext

MOST_ENTRIES: Final = 100_000  # of a batch, unless one chunk has more: some 20 MB without the messages
MOST_CHUNKS: Final = 500  # of a batch
PARTS_AT_ONCE: Final = 16
MICROSECOND: Final = timedelta(microseconds=1)
_ID: Final = ["submission", "index"]


class Batches:
    """The batches of one attempt at a replay."""

    def __init__(self, replay: Replay, context: TaskContext, *, encoder: Encoder) -> None:
        self._replay = replay
        self._context = context
        self._db = context.db
        self._is_mixed = replay.is_mixed
        past = PastKnowledge(
            replay.project,
            db=context.db,
            encoder=encoder,
            before=replay.created_at,
            known_after_days=context.settings.known_after_days,
        )
        self._rescorer = Rescorer(replay.project, db=context.db, encoder=encoder, past=past)

    def run_next(self) -> bool:
        """Score the next chunks; False when none is left.

        Raises:
            LostClaim: another run of this replay has done some of them meanwhile (passing).
            ChunkMissing: one went away at this moment (passing).
            CorruptBody: one cannot be read.
            DatabaseUnavailable, ObjectStoreUnavailable: no answer.
        """
        with self._db.transaction() as tx:
            left = store.chunks_left(tx, self._replay.id, limit=MOST_CHUNKS)
        if not left:
            return False
        chunks, entries = self._read_first(left)
        if self._is_mixed and entries.height:
            entries = self._without_done(entries)
        scored = self._rescorer.score(entries) if entries.height else entries
        sidecar = put_sidecar(scored, self._replay, objects=self._context.objects) if scored.height else None
        with self._db.transaction() as tx:
            batch = new_id() if sidecar is None else sidecar.id
            if not store.mark_done(
                tx, self._replay.id, chunks=[one.chunk for one in chunks], batch=batch, is_mixed=self._is_mixed
            ):
                raise LostClaim("another run of this replay has done some of these chunks")
            if sidecar is not None:
                store.insert_sidecar(tx, self._replay, sidecar)
                store.add_differences(tx, self._replay, differences(scored))
        return True

    def _read_first(self, left: Sequence[ListedChunk]) -> tuple[Sequence[ListedChunk], pl.DataFrame]:
        """The first of the chunks that are left, as many as make a batch, and their entries in the replay's range."""
        with self._db.transaction() as tx:
            parts = list_parts_of(tx, project=self._replay.project, chunks=[one.chunk for one in left])
        present = {part.place.chunk for part in parts}
        if left[0].chunk not in present:
            self._is_mixed = True
            return left[:1], self._read_what_replaced(left[0])
        chunks = _fitting([*takewhile(lambda one: one.chunk in present, left)])
        wanted = {one.chunk for one in chunks}
        return chunks, self._read([part for part in parts if part.place.chunk in wanted])

    def _read(self, parts: Sequence[Part]) -> pl.DataFrame:
        reader = Reader(db=self._db, objects=self._context.objects, project=self._replay.project)
        frames = []
        for start in range(0, len(parts), PARTS_AT_ONCE):
            frames += reader.read(parts[start : start + PARTS_AT_ONCE], self._narrow)
        return pl.concat(frames) if frames else pl.DataFrame()

    def _read_what_replaced(self, chunk: ListedChunk) -> pl.DataFrame:
        """What may be the entries of a chunk that was merged, and is gone since: found in what took its place.

        There they stand among others of the replay's range. Those are scored with them, and left out when the turn of
        their own chunk comes. What came after the replay began is not part of it.
        """
        lowest, highest = chunk.lowest_time, chunk.highest_time
        now = self._context.clock()
        with self._db.transaction() as tx:
            parts = list_parts(
                tx,
                project=self._replay.project,
                wanted=Wanted(time_from=lowest, time_to=highest + MICROSECOND),
                today=now.date(),
            )
        overlapping = [
            part
            for part in parts
            if part.group.lowest_id <= chunk.highest_id and part.group.highest_id >= chunk.lowest_id
        ]
        entries = self._read(overlapping)
        if entries.is_empty():
            return entries
        return entries.filter(
            pl.col("timestamp").is_between(lowest, highest),
            pl.col("analyzed_at") < self._replay.created_at,
            pl.col("submission").is_between(_submission(chunk.lowest_id), _submission(chunk.highest_id)),
        )

    def _without_done(self, entries: pl.DataFrame) -> pl.DataFrame:
        """The entries without those that have their new score already."""
        ids = entries.select("submission").sort("submission")["submission"]
        times = entries["timestamp"].sort()
        for done in read_sidecars(
            self._replay,
            db=self._db,
            objects=self._context.objects,
            lowest_id=UUID(bytes=ids[0]),
            highest_id=UUID(int=UUID(bytes=ids[-1]).int | INDEX_MASK),
            lowest_time=times[0],
            highest_time=times[-1],
        ):
            entries = entries.join(done, on=_ID, how="anti")
        return entries

    def _narrow(self, entries: pl.LazyFrame) -> pl.LazyFrame:
        timestamp = pl.col("timestamp")
        wanted = entries.filter(timestamp >= self._replay.time_from, timestamp < self._replay.time_to)
        if self._replay.source is not None:
            wanted = wanted.filter(pl.col("source") == self._replay.source)
        return wanted.select(NEEDED)


def _fitting(chunks: Sequence[ListedChunk]) -> Sequence[ListedChunk]:
    """The first of the chunks that have MOST_ENTRIES together; one at least."""
    entries = 0
    for number, chunk in enumerate(chunks):
        entries += chunk.entries
        if entries > MOST_ENTRIES:
            return chunks[: max(number, 1)]
    return chunks


def _submission(entry: UUID) -> pl.Expr:
    """The submission of an entry, as chunks have it."""
    return pl.lit(UUID(int=entry.int & ~INDEX_MASK).bytes, dtype=pl.Binary)
