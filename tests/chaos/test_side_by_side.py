"""Who merges, who pages, who follows and who drops old days do so at once, and nobody misses or doubles an entry."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from extent import Extent
from running_stack import wait_until
from scored_frames import NOON, scored_frame
from stored_entries import Archive

from oddline.chunks import advance, read_new
from oddline.chunks.compaction import REPLACED_KEPT, clear_replaced
from oddline.chunks.incremental import WHOLE_READERS
from oddline.chunks.retention import HOT_DAYS, drop_hot_days
from oddline.database import Database, partition_days
from oddline.entries import EntryQuery
from oddline.settings import Side

DAYS = 3
WRITTEN_ON = NOON + timedelta(days=DAYS)  # still being written to, so it stays
MERGED_AT = WRITTEN_ON + timedelta(days=HOT_DAYS + 1)
DROPPED_AT = MERGED_AT + REPLACED_KEPT + timedelta(minutes=1)  # no page is as old as that
OLD_DAYS = {(NOON + timedelta(days=day)).date() for day in range(DAYS)}
EVERYTHING = EntryQuery()
LINES = 20


@dataclass
class Crowd:
    """Threads that do their work again and again until it is enough; what one of them raises is raised at the end."""

    enough: threading.Event = field(default_factory=threading.Event)
    errors: list[BaseException] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                while not self.enough.is_set():
                    work()
            except BaseException as error:  # it is told by the thread that waits
                self.errors.append(error)
                self.enough.set()

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def end(self) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def store_on(archive: Archive, day: int, *, minute: int) -> None:
    at = NOON + timedelta(days=day, minutes=minute)
    spread = [at + timedelta(seconds=line) for line in range(LINES)]
    archive.store(scored_frame(LINES, timestamp=spread, received_at=at))


def read_some(archive: Archive, *, consumer: str) -> list[UUID]:
    """Have a reader of chunks pass a few more; which they were."""
    with archive.worker.transaction() as tx:
        chunks = read_new(tx, project=archive.project, consumer=consumer, limit=7)
        if chunks:
            advance(tx, consumer=consumer, to=chunks[-1])
    return [chunk.id for chunk in chunks]


def test_compaction_paging_and_partition_drop_side_by_side(
    archive: Archive, db: Callable[[Side], Database], extent: Extent
) -> None:
    crowd, followed, pages = Crowd(), Counter[tuple[str, UUID]](), Counter[str]()
    for number in range(17 * DAYS):
        store_on(archive, number % DAYS, minute=number)

    def follow() -> None:
        for consumer in WHOLE_READERS:
            followed.update((consumer, chunk) for chunk in read_some(archive, consumer=consumer))

    def page() -> None:
        known = set(archive.expected(EVERYTHING))
        read = archive.read(EVERYTHING, limit=211, now=DROPPED_AT)
        assert len(read) == len(set(read))
        assert known <= set(read)
        pages["read"] += 1

    def merge() -> None:
        archive.compact(now=MERGED_AT)
        clear_replaced(db("worker"), archive.objects, now=DROPPED_AT)

    def drop() -> None:
        drop_hot_days(db("worker"), now=DROPPED_AT)

    def all_happened() -> bool:
        with db("worker").autocommit() as connection:
            left = partition_days(connection, "hot_chunks")
        return (
            pages["read"] > 1
            and sum(followed.values()) == len(archive.frames) * len(WHOLE_READERS)
            and not OLD_DAYS & set(left)
        )

    for work in (follow, page, merge, drop):
        crowd.begin(work)
    for number in range(20 * extent.rounds):
        store_on(archive, DAYS, minute=number)
    wait_until(lambda: all_happened() or crowd.errors, seconds=60 * extent.rounds, what="all of it happened")
    crowd.end()

    assert archive.read(EVERYTHING, now=DROPPED_AT) == archive.expected(EVERYTHING)
    assert set(followed.values()) == {1}
