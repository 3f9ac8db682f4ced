"""Open chunks wherever their blobs are: in rows, or in objects of which only the parts that matter are fetched."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

import polars as pl

from oddline.chunks import store
from oddline.chunks.codec import collect, decode_json_lines, detached, scan_parquet
from oddline.chunks.model import Part, Place
from oddline.chunks.sizes import MOST_AT_ONCE_BYTES, batches
from oddline.chunks.word_filter import Shape, may_hold, shape_of
from oddline.database import Database
from oddline.errors import ChunkMissing, CorruptBody, ObjectMissing
from oddline.objects import PROJECT_METADATA, Readable

MOST_GETS: Final = 16  # at once: beyond that a search would take the bandwidth of its neighbours
LARGEST_GAP_BYTES: Final = 1024 * 1024  # fetched for nothing, this much costs what another request costs

Narrow = Callable[[pl.LazyFrame], pl.LazyFrame]
"""What a caller wants of a chunk's entries (filter, order, columns); given to polars before anything is decoded."""


class Span(NamedTuple):
    """Bytes `start` up to `end` of an object."""

    key: str
    start: int
    end: int


class Reader:
    """Opens chunks of one project; counts the bytes that it fetched in `bytes_read`."""

    def __init__(self, *, db: Database, objects: Readable, project: UUID) -> None:
        self.bytes_read = 0
        self._db = db
        self._objects = objects
        self._project = project

    def read(self, parts: Sequence[Part], narrow: Narrow = lambda entries: entries) -> list[pl.DataFrame]:
        """What `narrow` leaves of the parts, as one or more frames; in no order.

        However much the parts come to, no more than MOST_AT_ONCE_BYTES of them are unpacked at once; beside that there
        is what `narrow` leaves.

        Raises:
            ChunkMissing: a blob is gone: compaction or retention has passed since its row was read.
            CorruptBody: a blob cannot be read, or is another project's.
            ObjectStoreUnavailable, DatabaseUnavailable: no answer.
        """
        ordered = sorted(parts, key=lambda part: (part.place.chunk, part.row_offset))
        together = batches(ordered, size_of=lambda part: part.group.decoded, most=MOST_AT_ONCE_BYTES)
        return [frame for batch in together for frame in self._read_batch(batch, narrow)]

    def _read_batch(self, ordered: Sequence[Part], narrow: Narrow) -> list[pl.DataFrame]:
        in_rows = [part for part in ordered if part.place.object_key is None]
        in_objects = [part for part in ordered if part.place.object_key is not None]
        return [*self._read_rows(in_rows, narrow), *self._read_objects(in_objects, narrow)]

    def without_words(self, parts: Sequence[Part], words: Sequence[int]) -> list[Part]:
        """The parts without those in objects whose filter says that one of the words (hashes) is not in them.

        Raises:
            As `read`.
        """
        shapes = {part.place: shape for part in parts if (shape := shape_of(part.place.filter_header)) is not None}
        asked = [(place, word) for place in shapes for word in words]
        with ThreadPoolExecutor(max_workers=MOST_GETS) as pool:
            spans = [_filter_span(place, shapes[place], word) for place, word in asked]
            blocks = dict(zip(asked, pool.map(self._get, spans), strict=True))
        self.bytes_read += sum(map(len, blocks.values()))

        def may_matter(part: Part) -> bool:
            return part.place not in shapes or all(
                may_hold(blocks[part.place, word], word, group=part.number) for word in words
            )

        return [part for part in parts if may_matter(part)]

    def _read_rows(self, parts: Sequence[Part], narrow: Narrow) -> list[pl.DataFrame]:
        if not parts:
            return []
        wanted = {part.place.chunk for part in parts}
        with self._db.transaction(project=self._project) as tx:
            blobs = store.read_blobs(tx, list(wanted))
        if missing := wanted - blobs.keys():
            raise ChunkMissing(f"chunk {min(missing)} is gone", chunk=str(min(missing)))
        self.bytes_read += sum(map(len, blobs.values()))
        frames = _scan([part for part in parts if part.place.format == "parquet"], blobs, narrow)
        if lines := [blobs[part.place.chunk] for part in parts if part.place.format == "jsonl"]:
            whole = decode_json_lines(lines)
            frames.append(detached(narrow(whole.lazy()).collect(), of=whole))
        return frames

    def _read_objects(self, parts: Sequence[Part], narrow: Narrow) -> list[pl.DataFrame]:
        if not parts:
            return []
        by_place = [(place, list(group)) for place, group in groupby(parts, key=lambda part: part.place)]
        spans = [span for place, group in by_place for span in _spans(place, group)]
        with ThreadPoolExecutor(max_workers=MOST_GETS) as pool:
            checks = [pool.submit(self._check_owner, place) for place, _ in by_place]
            fetched = dict(zip(spans, pool.map(self._get, spans), strict=True))
            for check in checks:
                check.result()
        self.bytes_read += sum(map(len, fetched.values()))
        frames = []
        for place, group in by_place:
            own = {span: data for span, data in fetched.items() if span.key == place.object_key}
            frames += _scan(group, {place.chunk: _patch_together(place, own)}, narrow)
        return frames

    def _get(self, span: Span) -> bytes:
        try:
            data = self._objects.get(span.key, start=span.start, end=span.end)
        except ObjectMissing as error:
            raise ChunkMissing(f"object {span.key} is gone", object=span.key) from error
        if len(data) != span.end - span.start:
            raise CorruptBody(f"object {span.key} is shorter than its row says")
        return data

    def _check_owner(self, place: Place) -> None:
        """Row-level security does not reach the object store, so what is read there says itself whose it is."""
        key = place.object_key or ""
        try:
            owner = self._objects.head(key).metadata.get(PROJECT_METADATA)
        except ObjectMissing as error:
            raise ChunkMissing(f"object {key} is gone", object=key) from error
        if owner != str(self._project):
            raise CorruptBody(f"object {key} does not belong to project {self._project}")


def _spans(place: Place, parts: Iterable[Part]) -> list[Span]:
    """What must be fetched to read the parts: their bytes and the footer, near neighbours in one request."""
    key = place.object_key or ""
    spans: list[Span] = []
    for start, end in [*((part.group.start, part.group.end) for part in parts), (place.footer_offset, place.bytes)]:
        if spans and start - spans[-1].end <= LARGEST_GAP_BYTES:
            spans[-1] = Span(key, spans[-1].start, max(end, spans[-1].end))
        else:
            spans.append(Span(key, start, end))
    return spans


def _filter_span(place: Place, shape: Shape, word: int) -> Span:
    """Where in an object the blocks stand that a word chooses in its filter."""
    begin = place.footer_offset - shape.size
    start, end = shape.span(word)
    return Span(place.object_key or "", begin + start, begin + end)


def _patch_together(place: Place, fetched: dict[Span, bytes]) -> bytes:
    """The object with zeros where nothing was fetched: offsets in a Parquet footer count from the file's start."""
    pieces = []
    position = 0
    for span, data in sorted(fetched.items()):
        pieces += [bytes(span.start - position), data]
        position = span.end
    return b"".join([*pieces, bytes(place.bytes - position)])


def _scan(parts: Sequence[Part], blobs: Mapping[UUID, bytes], narrow: Narrow) -> list[pl.DataFrame]:
    """What `narrow` leaves of parts of Parquet blobs, given in the order of their rows: whole ones all together."""
    whole: dict[int, list[bytes]] = defaultdict(list)
    queries = []
    for place, group in groupby(parts, key=lambda part: part.place):
        runs = _runs(group)
        if runs == [(0, place.entries)]:
            whole[place.schema_version].append(blobs[place.chunk])
        else:
            queries += [scan_parquet([blobs[place.chunk]]).slice(offset, rows) for offset, rows in runs]
    queries += [scan_parquet(together) for together in whole.values()]
    return collect([narrow(query) for query in queries])


def _runs(parts: Iterable[Part]) -> list[tuple[int, int]]:
    """(first row, rows) of each run of neighbouring parts."""
    runs: list[tuple[int, int]] = []
    for part in parts:
        if runs and sum(runs[-1]) == part.row_offset:
            runs[-1] = (runs[-1][0], runs[-1][1] + part.group.rows)
        else:
            runs.append((part.row_offset, part.group.rows))
    return runs
