"""Every accepted entry is in a chunk, waits, failed or was dropped; what is missing or there twice is told."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, Archive

from oddline.database import Database
from oddline.entries import check_chunks, count_days
from oddline.settings import Side
from oddline.submissions import new_submission_id


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    archive = Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)
    for state, entries in (("done", 30), ("done", 12), ("accepted", 5), ("claimed", 6), ("dead", 7), ("dropped", 8)):
        with archive.worker.transaction() as tx:
            tx.execute(
                "INSERT INTO submission_state (id, project_id, body_day, received_at, state, entries)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [new_submission_id(), project, NOON.date(), NOON, state, entries],
            )
        if state == "done":
            archive.store(scored_frame(entries))
    return archive


def test_the_counts_agree_hot_and_merged_and_when_states_have_become_sums(archive: Archive) -> None:
    first = count_days(archive.worker, project=archive.project, now=NOON)
    archive.compact(now=TOMORROW + timedelta(days=1))
    with archive.worker.transaction() as tx:
        tx.execute("DELETE FROM submission_state WHERE state IN ('done', 'dropped')")
        tx.execute("INSERT INTO day_counts VALUES (%s, %s, 50, 42, 8)", [archive.project, NOON.date()])
    second = count_days(archive.worker, project=None, now=NOON)

    (day,) = first
    assert (day.accepted, day.stored, day.waiting, day.dead, day.dropped, day.in_chunks) == (68, 42, 11, 7, 8, 42)
    assert day.is_right
    assert second == first
    assert list(check_chunks(archive.worker, archive.objects, project=archive.project, day=NOON.date())) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE hot_chunks SET replaced_by = id WHERE entries = 12",
        "UPDATE hot_chunks SET entries = entries + 1 WHERE entries = 12",
        "UPDATE submission_state SET entries = 13 WHERE entries = 12",
    ],
)
def test_an_entry_too_few_or_too_many_is_told(archive: Archive, damage: str) -> None:
    with archive.worker.transaction() as tx:
        tx.execute(damage)

    (day,) = count_days(archive.worker, project=archive.project, now=NOON)

    assert not day.is_right


def test_a_chunk_that_does_not_hold_what_its_row_says_is_told(archive: Archive) -> None:
    archive.compact(now=TOMORROW + timedelta(days=1))
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE compacted_chunks SET entries = 41")
    wrong = list(check_chunks(archive.worker, archive.objects, project=archive.project, day=NOON.date()))
    for info in list(archive.objects.list("chunks/")):
        archive.objects.delete(info.key)
    missing = list(check_chunks(archive.worker, archive.objects, project=archive.project, day=NOON.date()))

    assert len(wrong) == len(missing) == 1
    assert "holds 42" in wrong[0]
    assert "is gone" in missing[0]


def test_a_chunk_whose_row_goes_while_others_are_opened_is_not_missing(archive: Archive) -> None:
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET entries = entries + 1")
    faults = check_chunks(archive.worker, archive.objects, project=archive.project, day=NOON.date())
    first = next(faults)
    with archive.worker.transaction() as tx:
        tx.execute("DELETE FROM hot_chunks")

    assert "its row tells of" in first
    assert list(faults) == []
