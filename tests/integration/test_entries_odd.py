"""Odd entries as rows: written once, peaks only rising, listed the newest or the oddest first."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from scored_frames import NOON, scored_frame

from oddline.chunks import build
from oddline.database import Database
from oddline.entries import OddQuery, insert_odd, list_odd_entries, odd_rows
from oddline.errors import InvalidParameter
from oddline.settings import Side
from oddline.submissions import new_id

pytestmark = pytest.mark.both_postgres
NEWEST = OddQuery()


@pytest.fixture
def worker(db: Callable[[Side], Database]) -> Database:
    return db("worker")


def write(worker: Database, project: UUID, *, count: int = 1, **columns: Any) -> list[str]:
    frame = scored_frame(count, **{"is_anomaly": True, "pattern_id": list(range(count)), **columns})
    chunks = build(frame, project=project, now=NOON, new_id=new_id)
    odd = odd_rows(frame, chunks=chunks, explain=lambda entry: {"of": entry["message"]})
    with worker.transaction() as tx:
        insert_odd(tx, odd, project=project)
    return frame["message"].to_list()


def listed(db: Callable[[Side], Database], project: UUID, query: OddQuery, *, limit: int = 3) -> list[dict[str, Any]]:
    entries: list[Any] = []
    after = None
    while True:
        with db("console").transaction(project=project) as tx:
            page = list_odd_entries(tx, query, project=project, now=NOON, after=after, limit=limit)
        entries += page.entries
        after = page.next
        if after is None:
            return entries


def test_the_newest_come_first(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    messages = write(worker, project, count=8)

    entries = listed(db, project, NEWEST)

    assert [entry["message"] for entry in entries] == messages[::-1]


def test_the_oddest_come_first_when_asked(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    scores = [0.91, 0.99, 0.93, 0.99, 0.95, 0.9, 0.99]
    write(worker, project, count=7, score=scores)

    entries = listed(db, project, OddQuery(order="oddest"))

    assert [entry["anomaly_score"] for entry in entries] == pytest.approx(sorted(scores, reverse=True))
    assert len({entry["id"] for entry in entries}) == 7


def test_equal_times_are_paged_without_loss(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    write(worker, project, count=8, timestamp=NOON)

    assert len({entry["id"] for entry in listed(db, project, NEWEST)}) == 8


def test_filters_hold_together(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    write(
        worker, project, count=6, source=["a", "b"] * 3, source_id=[1, 2] * 3, score=[0.9, 0.9, 0.95, 0.95, 0.99, 0.99]
    )

    entries = listed(
        db,
        project,
        OddQuery(
            sources=("b",),
            score_minimum=0.95,
            time_from=NOON + timedelta(seconds=1),
            time_to=NOON + timedelta(seconds=5),
        ),
    )

    assert [(entry["source"], entry["anomaly_score"]) for entry in entries] == [("b", 0.95)]


def test_peaks_are_listed_only_when_asked_for(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    write(worker, project, count=4, is_anomaly=False, score=[0.1, 0.4, 0.2, 0.3])

    peaks = listed(db, project, OddQuery(peaks=True))

    assert listed(db, project, NEWEST) == []
    assert [(entry["kind"], entry["anomaly_score"], entry["is_anomaly"]) for entry in peaks] == [("peak", 0.4, False)]


def test_a_peak_gives_way_to_a_higher_one_only(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    for score in (0.3, 0.5, 0.4):
        write(worker, project, is_anomaly=False, score=score, message=f"scored {score}")

    (peak,) = listed(db, project, OddQuery(peaks=True))

    assert (peak["message"], peak["explanation"]) == ("scored 0.5", {"of": "scored 0.5"})


def test_peaks_written_side_by_side_leave_the_highest(
    db: Callable[[Side], Database], worker: Database, project: UUID
) -> None:
    sources = {"source_id": list(range(1, 21)), "source": [f"s{number}" for number in range(1, 21)]}

    def write_peaks(score: float) -> None:
        write(worker, project, count=20, is_anomaly=False, score=score, timestamp=NOON, **sources)

    threads = [threading.Thread(target=write_peaks, args=[number / 10]) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    peaks = listed(db, project, OddQuery(peaks=True), limit=100)
    assert [peak["anomaly_score"] for peak in peaks] == [0.8] * 20


def test_an_anomaly_may_be_the_peak_too(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    write(worker, project, score=0.95)

    assert len(listed(db, project, NEWEST)) == len(listed(db, project, OddQuery(peaks=True))) == 1


def test_what_is_past_its_retention_is_hidden(db: Callable[[Side], Database], worker: Database, project: UUID) -> None:
    write(worker, project)

    shown = []
    for days in (30, 31):
        with db("console").transaction(project=project) as tx:
            now = NOON + timedelta(days=days)
            shown.append(len(list_odd_entries(tx, NEWEST, project=project, now=now).entries))

    assert shown == [1, 0]


def test_another_projects_are_not_seen(
    db: Callable[[Side], Database], worker: Database, project: UUID, other_project: UUID
) -> None:
    write(worker, other_project)

    with db("console").transaction(project=project) as tx:
        seen = list_odd_entries(tx, NEWEST, project=other_project, now=NOON).entries

    assert seen == []


@pytest.mark.parametrize("order", ["newest", "oddest"])
def test_a_cursor_that_was_not_given_is_refused(db: Callable[[Side], Database], project: UUID, order: Any) -> None:
    with db("console").transaction(project=project) as tx, pytest.raises(InvalidParameter):
        list_odd_entries(tx, OddQuery(order=order), project=project, now=NOON, after="nonsense")
