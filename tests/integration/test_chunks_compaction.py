"""Merging loses nothing, doubles nothing, and can be killed anywhere."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, WEEKEND, Archive, random_frame

from oddline.chunks import COUNTS, build, insert_born, read_new
from oddline.chunks.compaction import ENOUGH_CHUNKS, REPLACED_KEPT, Compacted, Compactor, clear_replaced
from oddline.chunks.retention import sweep_unnamed
from oddline.database import Database
from oddline.entries import EntryQuery
from oddline.objects import FolderObjects, ObjectInfo
from oddline.settings import Side
from oddline.submissions import new_id

WITHIN_THE_HOUR = NOON + timedelta(minutes=59)
HOUR_LATER = NOON + timedelta(hours=1)
DAY_AFTER = TOMORROW + timedelta(days=1)
EVERYTHING = EntryQuery()


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def rows(archive: Archive, statement: str) -> list[tuple[Any, ...]]:
    with archive.worker.transaction() as tx:
        return tx.execute(statement).fetchall()


def levels(archive: Archive) -> list[tuple[int, int]]:
    """(level, entries) of what has not been replaced."""
    return rows(archive, "SELECT level, entries FROM chunks WHERE replaced_by IS NULL ORDER BY 1, 2")


def test_few_chunks_of_this_hour_stay_as_they_are(archive: Archive) -> None:
    for _ in range(ENOUGH_CHUNKS - 1):
        archive.store(scored_frame(2))

    done = archive.compact(now=WITHIN_THE_HOUR)

    assert done == Compacted()


def test_enough_chunks_are_merged_within_the_hour(archive: Archive) -> None:
    for _ in range(ENOUGH_CHUNKS):
        archive.store(scored_frame(2))

    archive.compact(now=WITHIN_THE_HOUR)

    assert levels(archive) == [(1, 2 * ENOUGH_CHUNKS)]


def test_one_chunk_is_merged_when_its_hour_is_over(archive: Archive) -> None:
    archive.store(scored_frame(2))

    archive.compact(now=HOUR_LATER)

    assert levels(archive) == [(1, 2)]


@pytest.mark.both_postgres
def test_a_small_result_stays_in_its_row_until_the_day_is_over(archive: Archive) -> None:
    archive.store(scored_frame(20))

    archive.compact(now=HOUR_LATER)
    of_hour = rows(archive, "SELECT object_key IS NULL FROM compacted_chunks")
    archive.compact(now=DAY_AFTER)

    assert of_hour == [(True,)]
    assert levels(archive) == [(2, 20)]
    assert rows(archive, "SELECT object_key IS NULL FROM compacted_chunks WHERE level = 2") == [(False,)]


def test_what_is_large_goes_to_the_day_level_at_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.merging.ENOUGH_ENTRIES", 1_000)
    for _ in range(3):
        archive.store(scored_frame(500))

    archive.compact(now=WITHIN_THE_HOUR)

    assert levels(archive) == [(2, 1_500)]


def test_arrival_days_entry_days_and_late_entries_are_never_merged_with_each_other(archive: Archive) -> None:
    day = timedelta(days=1)
    for _ in range(2):
        archive.store(scored_frame(2))
        archive.store(scored_frame(3, received_at=NOON + timedelta(hours=13)))
        archive.store(scored_frame(4, timestamp=NOON - day))
        archive.store(scored_frame(5, timestamp=NOON - 5 * day))
        archive.store(scored_frame(6, timestamp=NOON - WEEKEND))

    archive.compact(now=DAY_AFTER + day)

    assert levels(archive) == [(2, 4), (2, 6), (2, 8), (2, 22)]


def test_a_large_source_gets_objects_of_its_own(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.merging.ENOUGH_ENTRIES", 1_000)
    monkeypatch.setattr("oddline.chunks.merging.MOST_ENTRIES", 2_000)
    archive.store(scored_frame(1_900, source_id=[1] * 300 + [2] * 1_300 + [3] * 300))

    archive.compact(now=DAY_AFTER)

    made = rows(archive, "SELECT source_ids, entries FROM compacted_chunks WHERE replaced_by IS NULL ORDER BY 1")
    assert made == [([1], 300), ([2], 1_300), ([3], 300)]


def test_objects_have_no_more_entries_than_they_may(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.merging.ENOUGH_ENTRIES", 1_000)
    monkeypatch.setattr("oddline.chunks.merging.MOST_ENTRIES", 2_000)
    for _ in range(3):
        archive.store(scored_frame(1_500))

    archive.compact(now=DAY_AFTER)

    assert sum(entries for _, entries in levels(archive)) == 4_500
    assert max(entries for _, entries in levels(archive)) <= 2_000
    assert archive.read(EVERYTHING, limit=1_000) == archive.expected(EVERYTHING)


def test_objects_are_no_larger_than_they_may(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.merging.MOST_OBJECT_BYTES", 40_000)
    noise = random.Random(1)
    archive.store(scored_frame(1_000, message=[noise.randbytes(60).hex() for _ in range(1_000)]))

    archive.compact(now=DAY_AFTER)

    sizes = rows(archive, "SELECT bytes, entries FROM compacted_chunks WHERE replaced_by IS NULL")
    assert all(size <= 40_000 for size, _ in sizes)
    assert sum(entries for _, entries in sizes) == 1_000


def test_the_row_tells_where_each_row_group_lies(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.codec.ROW_GROUP_ROWS", 100)
    archive.store(scored_frame(950, source_id=[1 + number // 300 for number in range(950)]))
    archive.compact(now=DAY_AFTER)

    fetched = Recording(archive.objects)
    archive.objects = fetched  # type: ignore[assignment]
    monkeypatch.setattr("oddline.chunks.reader.LARGEST_GAP_BYTES", 0)
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE sources SET name = 'fourth' WHERE id = 4")
    page = archive.page(EntryQuery(sources=("fourth",)))

    ((groups, footer, size),) = rows(
        archive, "SELECT row_groups, footer_offset, bytes FROM compacted_chunks WHERE level = 2"
    )
    assert [group["rows"] for group in groups] == [100] * 9 + [50]
    assert [group["source_ids"] for group in groups[8:]] == [[3], [4]]
    assert len(page.entries) == 50
    assert sorted(fetched.ranges) == [(groups[9]["start"], groups[9]["end"]), (footer, size)]


class Recording:
    """An object store that notes what was asked of another, and can act before an object is written."""

    def __init__(self, objects: FolderObjects, *, before_put: Callable[[], object] = lambda: None) -> None:
        self.ranges: list[tuple[int, int | None]] = []
        self._objects = objects
        self._before_put = before_put

    def put(self, key: str, data: bytes, *, metadata: Mapping[str, str]) -> None:
        self._before_put()
        self._objects.put(key, data, metadata=metadata)

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        self.ranges.append((start, end))
        return self._objects.get(key, start=start, end=end)

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        return self._objects.head(key, version=version)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._objects.list(prefix)

    def delete(self, key: str) -> None:
        self._objects.delete(key)


def test_who_merges_second_throws_its_results_away(archive: Archive) -> None:
    archive.store(scored_frame(300))
    archive.compact(now=HOUR_LATER)
    other = Recording(archive.objects, before_put=lambda: archive.compact(now=DAY_AFTER))
    compactor = Compactor(db=archive.worker, objects=other, clock=lambda: DAY_AFTER, new_id=new_id)

    done = compactor.run(until=DAY_AFTER + timedelta(minutes=1))

    assert (done.lost, done.merges) == (1, 0)
    assert levels(archive) == [(2, 300)]
    assert len(list(archive.objects.list("chunks/"))) == 1
    assert archive.read(EVERYTHING) == archive.expected(EVERYTHING)


def test_a_merge_that_was_killed_leaves_only_an_object_that_is_swept_a_day_later(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.store(scored_frame(300))
    archive.compact(now=HOUR_LATER)
    with monkeypatch.context() as patched:
        patched.setattr(Compactor, "_swap", killed)
        with pytest.raises(KeyboardInterrupt):
            archive.compact(now=DAY_AFTER)
    (orphan,) = archive.objects.list("chunks/")

    archive.compact(now=DAY_AFTER)
    early = sweep_unnamed(archive.worker, archive.objects, now=orphan.modified_at + timedelta(hours=23))
    swept = sweep_unnamed(archive.worker, archive.objects, now=orphan.modified_at + timedelta(hours=25))

    assert (early, swept) == (0, 1)
    assert archive.read(EVERYTHING) == archive.expected(EVERYTHING)


def killed(*_: object) -> bool:
    raise KeyboardInterrupt


def test_one_chunk_that_cannot_be_read_leaves_other_projects_alone(archive: Archive, other_project: UUID) -> None:
    archive.store(scored_frame(3))
    (broken,) = build(scored_frame(3), project=other_project, now=NOON, new_id=new_id)
    with archive.worker.transaction() as tx:
        insert_born(tx, [broken])
        tx.execute("UPDATE hot_chunks SET blob = 'broken' WHERE id = %s", [broken.id])

    done = archive.compact(now=HOUR_LATER)

    assert (done.merges, done.failed) == (1, 1)


@pytest.mark.parametrize("entries", [5, 150])
def test_a_chunk_that_cannot_be_read_is_left_out_of_its_merge_and_named(
    archive: Archive, caplog: pytest.LogCaptureFixture, entries: int
) -> None:
    chunks = [identifier for _ in range(3) for identifier in archive.store(scored_frame(entries))]
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET blob = 'broken' WHERE id = %s", [chunks[1]])

    done = archive.compact(now=HOUR_LATER)

    assert (done.merges, done.chunks_replaced, done.failed) == (1, 2, 1)
    assert levels(archive) == [(0, entries), (1, 2 * entries)]
    assert [record.message for record in caplog.records] == [f"chunk {chunks[1]} cannot be read and is left out"]


def test_a_group_whose_first_chunks_cannot_be_read_is_merged_from_the_next_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.chunks.merging.MOST_ENTRIES", 7)
    chunks = [identifier for _ in range(3) for identifier in archive.store(scored_frame(5))]
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET blob = 'broken' WHERE id = ANY (%s)", [chunks[:2]])

    done = archive.compact(now=HOUR_LATER)

    assert (done.merges, done.failed) == (1, 2)
    assert levels(archive) == [(0, 5), (0, 5), (1, 5)]


def test_the_day_level_is_merged_however_many_chunks_are_born(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.chunks.compaction.ENOUGH_CHUNKS", 2)
    seconds = iter(range(10**6))

    def clock() -> datetime:
        for _ in range(2):
            archive.store(scored_frame(1))
        return NOON + timedelta(seconds=next(seconds))

    compactor = Compactor(db=archive.worker, objects=archive.objects, clock=clock, new_id=new_id)

    compactor.run(until=NOON + timedelta(seconds=30))

    assert {level for level, _ in levels(archive)} == {0, 1, 2}
    assert archive.read(EVERYTHING) == archive.expected(EVERYTHING)


def test_what_was_replaced_is_read_for_an_hour_more_and_then_deleted(archive: Archive) -> None:
    noise = random.Random(1)
    archive.store(scored_frame(6_000, message=[noise.randbytes(60).hex() for _ in range(6_000)]))
    archive.compact(now=HOUR_LATER)
    (of_hour,) = archive.objects.list("chunks/")
    archive.compact(now=DAY_AFTER)

    early = clear_replaced(archive.worker, archive.objects, now=DAY_AFTER + REPLACED_KEPT - timedelta(seconds=1))
    kept = {info.key for info in archive.objects.list("chunks/")}
    deleted = clear_replaced(archive.worker, archive.objects, now=DAY_AFTER + REPLACED_KEPT + timedelta(seconds=1))

    assert (early, deleted) == (0, 1)
    assert of_hour.key in kept
    assert of_hour.key not in {info.key for info in archive.objects.list("chunks/")}
    assert levels(archive) == [(2, 6_000)]


def test_incremental_readers_still_read_what_was_merged(archive: Archive) -> None:
    born = [identifier for _ in range(3) for identifier in archive.store(scored_frame(10))]
    archive.compact(now=DAY_AFTER)

    with archive.worker.transaction() as tx:
        read = read_new(tx, project=archive.project, consumer=COUNTS, limit=10)

    assert [chunk.id for chunk in read] == born


def test_entries_keep_every_column(archive: Archive) -> None:
    archive.store(scored_frame(150, attributes='{"a": 1}', nearest_pattern=3, session="s", span_id="b" * 16))
    before = list(archive.page(EVERYTHING, limit=150).entries)

    archive.compact(now=DAY_AFTER)

    assert list(archive.page(EVERYTHING, limit=150).entries) == before


def test_a_second_run_finds_nothing_to_do(archive: Archive) -> None:
    for seed in range(6):
        archive.store(random_frame(seed, count=50))
    archive.compact(now=DAY_AFTER + timedelta(days=3))

    again = archive.compact(now=DAY_AFTER + timedelta(days=3))

    assert again == Compacted()


MEMORY = """
import json, resource, sys
from datetime import datetime, timedelta
from pathlib import Path
from oddline.chunks.compaction import Compactor
from oddline.database import Database
from oddline.objects import FolderObjects
from oddline.submissions import new_id

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

url, folder, now = json.load(sys.stdin)
moment = datetime.fromisoformat(now)
compactor = Compactor(db=Database(url), objects=FolderObjects(Path(folder)), clock=lambda: moment, new_id=new_id)
before = peak_mb()
done = compactor.run(until=moment + timedelta(hours=1))
print(json.dumps([before, peak_mb(), done.entries]))
"""


def test_merging_half_a_million_entries_takes_under_300_megabytes(
    archive: Archive, database_urls: dict[Side, str], tmp_path: Path
) -> None:
    texts = [f"connection {number} from host-{number % 997} closed after {number % 89} s: " for number in range(10_000)]
    frame = scored_frame(10_000, message=texts, source_id=[1 + number % 3 for number in range(10_000)])
    for number in range(50):
        moved = frame.with_columns(pl.col("timestamp") + pl.duration(milliseconds=number))
        with archive.worker.transaction() as tx:
            insert_born(tx, build(moved, project=archive.project, now=NOON, new_id=new_id))

    measured = subprocess.run(
        [sys.executable, "-c", MEMORY],
        input=json.dumps([database_urls["worker"], str(tmp_path), DAY_AFTER.isoformat()]),
        capture_output=True,
        text=True,
        check=True,
    )

    before, peak, entries = json.loads(measured.stdout)
    assert entries == 500_000
    assert peak - before < 300, f"{before:.0f} MB before, {peak:.0f} MB at most"
