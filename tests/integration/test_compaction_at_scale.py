"""Many quiet projects, entries of all ages: merging leaves few chunks of each, and looks at none with nothing new."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, Archive

from oddline.chunks import build, insert_born
from oddline.chunks.compaction import ENOUGH_CHUNKS, Compacted
from oddline.database import Database, partition_days
from oddline.entries import EntryQuery
from oddline.identity import ensure_project
from oddline.settings import Side
from oddline.submissions import new_id

DAY_AFTER = TOMORROW + timedelta(days=1)
YEAR = timedelta(days=365)
PROJECTS = 20


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Counter[UUID]:
    """How often a run has looked at the chunks of each project."""
    from oddline.chunks import compaction_store

    usual, counted = compaction_store.list_originals, Counter[UUID]()

    def count(tx: Any, group: Any, *, limit: int) -> Any:
        counted[group.project] += 1
        return usual(tx, group, limit=limit)

    monkeypatch.setattr(compaction_store, "list_originals", count)
    return counted


def single_lines(archive: Archive, project: UUID, *, count: int, **columns: Any) -> None:
    with archive.worker.transaction() as tx:
        for _ in range(count):
            insert_born(tx, build(scored_frame(1, **columns), project=project, now=NOON, new_id=new_id))


def live(archive: Archive, project: UUID) -> list[tuple[int, bool, int]]:
    """(level, late, entries) of the chunks that a project has."""
    with archive.worker.transaction() as tx:
        return tx.execute(
            "SELECT level, late, entries FROM chunks WHERE replaced_by IS NULL AND project_id = %s ORDER BY 1, 2",
            [project],
        ).fetchall()


def test_each_of_many_projects_has_few_chunks_after_a_cycle_and_a_quiet_one_is_not_looked_at(
    archive: Archive, looked_at: Counter[UUID]
) -> None:
    projects = [ensure_project(archive.worker, f"quiet-{n}", new_id=new_id(), now=NOON) for n in range(PROJECTS)]
    busy, quiet = projects[::2], projects[1::2]
    for cycle in range(4):
        for project in projects if cycle == 0 else busy:
            single_lines(archive, project, count=6)
        archive.compact(now=NOON + timedelta(minutes=5 * (cycle + 1)))

        assert all(len(live(archive, project)) < ENOUGH_CHUNKS for project in projects)
    assert set(looked_at) == set(busy)  # the third cycle made 18 of each, 5 of a quiet one wait for the hour

    archive.compact(now=NOON + timedelta(hours=1))
    assert {len(live(archive, project)) for project in quiet} == {1}
    looked_at.clear()
    idle = archive.compact(now=NOON + timedelta(hours=2))
    assert (idle, looked_at) == (Compacted(), Counter())

    archive.compact(now=DAY_AFTER)
    assert {tuple(live(archive, project)) for project in busy} == {((2, False, 24),)}


def test_entries_years_old_among_new_ones_stay_in_few_chunks_and_are_found(archive: Archive) -> None:
    with archive.worker.autocommit() as connection:
        days = partition_days(connection, "hot_chunks")
    for number in range(30):
        archive.store(scored_frame(1, timestamp=NOON - number * YEAR, message=f"of {number} years ago"))
        archive.store(scored_frame(1, timestamp=NOON - timedelta(minutes=number)))
        if number % 10 == 9:
            archive.compact(now=NOON + timedelta(minutes=number))
    queries = [
        EntryQuery(time_from=NOON - number * YEAR - timedelta(days=1), time_to=NOON - number * YEAR + timedelta(days=1))
        for number in range(0, 30, 7)
    ]
    before = [archive.read(query) for query in queries]

    archive.compact(now=NOON + timedelta(hours=1))
    within = [archive.read(query) for query in queries]
    archive.compact(now=DAY_AFTER)

    assert live(archive, archive.project) == [(2, False, 31), (2, True, 29)]
    assert before == within == [archive.read(query) for query in queries]
    assert before == [archive.expected(query) for query in queries]
    with archive.worker.autocommit() as connection:
        assert partition_days(connection, "hot_chunks") == days


def test_old_entries_that_come_day_after_day_make_one_chunk_a_day_of_arrival(archive: Archive) -> None:
    for day in range(3):
        arrived = NOON + timedelta(days=day)
        for number in range(2, 8):
            archive.store(scored_frame(1, timestamp=NOON - number * YEAR, received_at=arrived))

    archive.compact(now=DAY_AFTER + timedelta(days=3))

    assert live(archive, archive.project) == [(2, True, 6)] * 3
