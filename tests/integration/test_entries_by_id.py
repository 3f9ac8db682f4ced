"""An entry can be asked for by its id, from the moment that it was accepted until its time is over."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, Archive

from oddline.chunks import COUNTS, read_new
from oddline.database import Database
from oddline.entries import get_entry, insert_odd, odd_rows
from oddline.errors import NotFound
from oddline.settings import Side
from oddline.submissions import entry_id

pytestmark = pytest.mark.both_postgres
LATER = NOON + timedelta(hours=1)
NEXT_WEEK = NOON + timedelta(days=7)


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def accept(archive: Archive, *, state: str = "accepted", chunks: list[UUID] | None = None, **columns: Any) -> UUID:
    """A submission in that state; the id of its entry 3."""
    frame = scored_frame(5, **columns)
    submission = UUID(bytes=frame["submission"][0])
    if state == "done":
        chunks = archive.store(frame)
    with archive.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO submission_state (id, project_id, body_day, received_at, state, entries, chunk_ids)"
            " VALUES (%s, %s, %s, %s, %s, 5, %s)",
            [submission, archive.project, NOON.date(), NOON, state, chunks],
        )
    return entry_id(submission, 3)


def get(archive: Archive, entry: UUID, *, now: Any = TOMORROW, project: UUID | None = None) -> dict[str, Any]:
    return get_entry(entry, db=archive.search, objects=archive.objects, project=project or archive.project, now=now)


@pytest.mark.parametrize(("state", "status"), [("accepted", "processing"), ("claimed", "processing"), ("dead", "dead")])
def test_an_entry_without_a_score_says_what_became_of_it(archive: Archive, state: str, status: str) -> None:
    entry = accept(archive, state=state)

    answer = get(archive, entry)

    received = NOON.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert answer == {"id": str(entry), "status": status, "received_at": received}


def test_a_dropped_entry_is_not_found(archive: Archive) -> None:
    entry = accept(archive, state="dropped")

    with pytest.raises(NotFound):
        get(archive, entry)


def test_a_scored_entry_is_found_hot_and_after_each_merge(archive: Archive) -> None:
    entry = accept(archive, state="done")

    found = [get(archive, entry)]
    for moment in (LATER, TOMORROW + timedelta(days=1)):
        archive.compact(now=moment)
        found.append(get(archive, entry))

    assert [answer["message"] for answer in found] == ["request 3 took 3 ms"] * 3
    assert found[0] == found[1] == found[2]


def test_an_entry_is_found_when_its_state_and_its_hot_chunk_are_gone(archive: Archive) -> None:
    entry = accept(archive, state="done")
    archive.compact(now=NEXT_WEEK)
    with archive.worker.transaction() as tx:
        tx.execute("DELETE FROM submission_state")
        tx.execute("DELETE FROM hot_chunks")
        tx.execute("DELETE FROM compacted_chunks WHERE replaced_by IS NOT NULL")

    found = get(archive, entry, now=NEXT_WEEK)

    assert (found["id"], found["status"]) == (str(entry), "analyzed")


def test_an_entry_is_found_when_only_the_rows_between_are_gone(archive: Archive) -> None:
    entry = accept(archive, state="done")
    archive.compact(now=NEXT_WEEK)
    with archive.worker.transaction() as tx:
        tx.execute("DELETE FROM compacted_chunks WHERE replaced_by IS NOT NULL")

    assert get(archive, entry, now=NEXT_WEEK)["id"] == str(entry)


def test_an_entry_split_from_its_submission_at_midnight_is_found(archive: Archive) -> None:
    late = NOON + timedelta(hours=13)
    entry = accept(archive, state="done", timestamp=[NOON, NOON, NOON, late, late])

    assert get(archive, entry)["message"] == "request 3 took 3 ms"


def test_an_unknown_entry_is_not_found(archive: Archive) -> None:
    accept(archive, state="done")

    for unknown in (uuid4(), UUID(int=0), UUID(int=(1 << 128) - 1), entry_id(UUID(int=7 << 76), 3)):
        with pytest.raises(NotFound):
            get(archive, unknown)


def test_an_index_that_the_submission_did_not_have_is_not_found(archive: Archive) -> None:
    entry = accept(archive, state="done")

    with pytest.raises(NotFound):
        get(archive, UUID(int=entry.int + 7))


def test_another_projects_entry_is_not_found(archive: Archive, other_project: UUID) -> None:
    entry = accept(archive, state="done")

    with pytest.raises(NotFound):
        get(archive, entry, project=other_project)


def test_an_entry_past_its_retention_is_not_found(archive: Archive) -> None:
    entry = accept(archive, state="done")
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE projects SET retention_days = 1")

    with pytest.raises(NotFound):
        get(archive, entry, now=NOON + timedelta(days=2))


def test_an_odd_entry_comes_with_its_explanation(archive: Archive) -> None:
    entry = accept(archive, state="done", is_anomaly=True)
    with archive.worker.transaction() as tx:
        chunks = read_new(tx, project=archive.project, consumer=COUNTS, limit=1)
        odd = odd_rows(archive.frames[0], chunks=chunks, explain=lambda row: {"tokens": [["x", row["index"]]]})
        insert_odd(tx, odd, project=archive.project)

    assert get(archive, entry)["explanation"] == {"tokens": [["x", 3]]}


def test_an_ordinary_entry_comes_with_its_pattern(archive: Archive) -> None:
    entry = accept(archive, state="done")
    with archive.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO patterns (project_id, id, mask_version, hash, pattern, first_seen)"
            " VALUES (%s, 1, 1, '', %s, %s)",
            [archive.project, "request <num> took <duration>", NOON],
        )

    explanation = get(archive, entry)["explanation"]

    assert explanation == {"pattern": "request <num> took <duration>", "severity": 0.5, "novelty": 0.5}
