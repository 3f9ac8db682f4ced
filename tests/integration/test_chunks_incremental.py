"""An incremental reader gets every chunk once, whatever order transactions commit in."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from scored_frames import NOON, scored_frame

from oddline.chunks import COUNTS, NewChunk, advance, build, insert_born, projects_with_new, read_new
from oddline.database import Database, Transaction
from oddline.settings import Side
from oddline.submissions import new_id

pytestmark = pytest.mark.both_postgres


@pytest.fixture
def worker(db: Callable[[Side], Database]) -> Database:
    return db("worker")


def write(tx: Transaction, project: UUID, *, entries: int = 3) -> UUID:
    (chunk,) = build(scored_frame(entries), project=project, now=NOON, new_id=new_id)
    insert_born(tx, [chunk])
    return chunk.id


def write_one(worker: Database, project: UUID) -> UUID:
    with worker.transaction() as tx:
        return write(tx, project)


def read_all(worker: Database, project: UUID, *, consumer: str, limit: int = 100) -> list[NewChunk]:
    with worker.transaction() as tx:
        chunks = read_new(tx, project=project, consumer=consumer, limit=limit)
        if chunks:
            advance(tx, consumer=consumer, to=chunks[-1])
    return chunks


def ids(chunks: list[NewChunk]) -> list[UUID]:
    return [chunk.id for chunk in chunks]


def test_a_new_consumer_starts_at_the_end(worker: Database, project: UUID) -> None:
    write_one(worker, project)
    before = read_all(worker, project, consumer="scan")

    later = write_one(worker, project)

    assert before == []
    assert ids(read_all(worker, project, consumer="scan")) == [later]


def test_the_counts_start_at_the_beginning(worker: Database, project: UUID) -> None:
    first = write_one(worker, project)

    chunks = read_all(worker, project, consumer=COUNTS)

    assert ids(chunks) == [first]


def test_each_chunk_is_read_once_and_in_the_order_of_transactions(worker: Database, project: UUID) -> None:
    written = [write_one(worker, project) for _ in range(5)]

    read = [ids(read_all(worker, project, consumer=COUNTS, limit=2)) for _ in range(4)]

    assert read == [written[:2], written[2:4], written[4:], []]


def test_the_order_is_that_of_numbers_when_transaction_ids_gain_a_digit(worker: Database, project: UUID) -> None:
    written = [write_one(worker, project) for _ in range(3)]
    with worker.transaction() as tx:
        for chunk, xid in zip(written, ("9", "10", "100"), strict=True):
            tx.execute("UPDATE hot_chunks SET xid = %s WHERE id = %s", [xid, chunk])

    read = [ids(read_all(worker, project, consumer=COUNTS, limit=1)) for _ in range(4)]

    assert read == [[written[0]], [written[1]], [written[2]], []]


def test_what_a_failed_transaction_read_is_read_again(worker: Database, project: UUID) -> None:
    written = write_one(worker, project)
    with worker.transaction() as tx:
        advance(tx, consumer=COUNTS, to=read_new(tx, project=project, consumer=COUNTS, limit=9)[-1])
        tx.rollback()

    again = read_all(worker, project, consumer=COUNTS)

    assert ids(again) == [written]


def test_a_slow_transaction_that_commits_after_a_later_one_is_not_missed(worker: Database, project: UUID) -> None:
    with worker.transaction() as slow:
        early = write(slow, project)
        late = write_one(worker, project)
        while_open = read_all(worker, project, consumer=COUNTS)

    after = read_all(worker, project, consumer=COUNTS)

    assert while_open == []
    assert ids(after) == [early, late]


def test_two_readers_side_by_side_read_nothing_twice(worker: Database, project: UUID) -> None:
    written = [write_one(worker, project) for _ in range(20)]
    read: list[UUID] = []

    def drain() -> None:
        while chunks := read_all(worker, project, consumer=COUNTS, limit=3):
            read.extend(ids(chunks))

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(read) == sorted(written)


def test_chunks_of_an_earlier_era_come_first(worker: Database, project: UUID, db: Callable[[Side], Database]) -> None:
    before_restore = write_one(worker, project)
    with db("owner").transaction() as tx:
        tx.execute("UPDATE instance SET era = era + 1")
    after_restore = write_one(worker, project)
    with db("owner").transaction() as tx:
        tx.execute("UPDATE hot_chunks SET xid = '18000000000000000000' WHERE id = %s", [before_restore])

    chunks = read_all(worker, project, consumer=COUNTS)

    assert ids(chunks) == [before_restore, after_restore]


def test_a_reader_gets_the_row_as_scoring_made_it(worker: Database, project: UUID) -> None:
    frame = scored_frame(4, source_id=[1, 2, 2, 2], pattern_id=[5, 5, 6, 6], score=[0.1, 0.2, 0.97, 1.0])
    (born,) = build(frame, project=project, now=NOON, new_id=new_id)
    with worker.transaction() as tx:
        insert_born(tx, [born])

    (read,) = read_all(worker, project, consumer=COUNTS)

    names = [name for name in NewChunk.__dataclass_fields__ if name != "position"]
    assert [getattr(read, name) for name in names if name != "highest_score"] == [
        getattr(born, name) for name in names if name != "highest_score"
    ]
    assert read.highest_score == pytest.approx(born.highest_score)


def test_projects_with_something_new_are_told(worker: Database, project: UUID, other_project: UUID) -> None:
    write_one(worker, project)
    write_one(worker, other_project)
    read_all(worker, project, consumer=COUNTS)

    with worker.transaction() as tx:
        waiting = projects_with_new(tx, consumer=COUNTS)

    assert waiting == [other_project]
