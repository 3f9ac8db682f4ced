"""What is past its time goes, to the day, and nothing goes that somebody still needs."""

from collections.abc import Callable, Collection
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest
from scored_frames import NOON, scored_frame
from stored_entries import Archive

from oddline.chunks import COUNTS, advance, cleanup_old_logs, compact_chunks, read_new
from oddline.chunks.compaction import REPLACED_KEPT, clear_replaced
from oddline.chunks.compaction_store import why_kept
from oddline.chunks.incremental import WHOLE_READERS
from oddline.chunks.retention import HOT_DAYS, HotDays, delete_expired, drop_hot_days, sweep_unnamed
from oddline.database import Database, Transaction, partition_days
from oddline.entries import insert_odd, odd_rows
from oddline.metrics import OFF
from oddline.settings import Settings, Side
from oddline.tasks import NoPayload

TODAY = NOON.date()
PAST_HOT = NOON + timedelta(days=HOT_DAYS + 1)
JUST_BEFORE = PAST_HOT - REPLACED_KEPT - timedelta(seconds=1)


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def read_everything(archive: Archive, *, consumers: Collection[str] = WHOLE_READERS) -> None:
    for consumer in consumers:
        with archive.worker.transaction() as tx:
            chunks = read_new(tx, project=archive.project, consumer=consumer, limit=1_000)
            if chunks:
                advance(tx, consumer=consumer, to=chunks[-1])


def accept_of_today(archive: Archive, *, state: str) -> UUID:
    submission = uuid4()
    with archive.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO submission_state (id, project_id, body_day, received_at, state, entries)"
            " VALUES (%s, %s, %s, %s, %s, 1)",
            [submission, archive.project, TODAY, NOON, state],
        )
    return submission


def days_of_hot_chunks(archive: Archive) -> list[date]:
    with archive.worker.autocommit() as connection:
        return partition_days(connection, "hot_chunks")


def count(archive: Archive, table: str) -> int:
    with archive.worker.transaction() as tx:
        return int(tx.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


@pytest.mark.both_postgres
def test_a_hot_day_goes_when_all_are_done_with_it(archive: Archive) -> None:
    archive.store(scored_frame(5))
    archive.compact(now=JUST_BEFORE)
    read_everything(archive)

    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert TODAY in hot.dropped
    assert hot.kept == {}
    assert TODAY not in days_of_hot_chunks(archive)
    assert archive.read_now(PAST_HOT) == 5


def test_a_hot_day_stays_while_it_is_young(archive: Archive) -> None:
    hot = drop_hot_days(archive.worker, now=NOON + timedelta(days=HOT_DAYS))

    assert TODAY not in hot.dropped
    assert TODAY in days_of_hot_chunks(archive)


def test_a_hot_day_stays_for_a_reader_that_is_behind(archive: Archive) -> None:
    read_everything(archive, consumers=["scan"])
    archive.store(scored_frame(5))
    archive.compact(now=JUST_BEFORE)
    read_everything(archive)

    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert hot.kept == {TODAY: ["1 cursors are not past them"]}
    assert TODAY in days_of_hot_chunks(archive)


def test_a_hot_day_stays_for_counts_that_were_never_read(archive: Archive) -> None:
    archive.store(scored_frame(5))
    archive.compact(now=JUST_BEFORE)

    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert hot.kept == {TODAY: ["1 projects have not been read by a reader that needs every chunk"]}


def test_a_hot_day_stays_until_its_chunks_are_merged(archive: Archive) -> None:
    archive.store(scored_frame(5))
    read_everything(archive)

    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert hot.kept == {TODAY: ["1 chunks are neither replaced nor past their retention"]}


def test_a_hot_day_stays_for_a_submission_that_may_be_replayed(archive: Archive) -> None:
    accept_of_today(archive, state="dead")

    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert hot.kept == {TODAY: ["1 submissions of the day may still become chunks"]}


def test_a_hot_day_stays_for_pages_that_were_opened_before_its_chunks_were_merged(archive: Archive) -> None:
    archive.store(scored_frame(5))
    read_everything(archive)
    archive.compact(now=PAST_HOT - timedelta(minutes=59))

    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert hot.kept == {TODAY: ["1 chunks were replaced so lately that an open page may read them"]}
    assert TODAY in days_of_hot_chunks(archive)


def test_a_hot_day_stays_for_a_chunk_that_is_committed_while_it_is_judged(archive: Archive) -> None:
    read_everything(archive)
    submission = accept_of_today(archive, state="claimed")

    class Racing:
        """A transaction in which scoring ends just before submissions are looked at."""

        def __init__(self, tx: Transaction) -> None:
            self._tx = tx

        def execute(self, statement: str, parameters: Any) -> Any:
            if "submission_state" in statement:
                archive.store(scored_frame(5))
                with archive.worker.transaction() as scoring:
                    scoring.execute("UPDATE submission_state SET state = 'done' WHERE id = %s", [submission])
            return self._tx.execute(statement, parameters)

    with archive.worker.transaction() as tx:
        reasons = why_kept(
            Racing(tx),  # type: ignore[arg-type]
            day=TODAY,
            today=PAST_HOT.date(),
            replaced_before=JUST_BEFORE,
            whole_readers=(),
        )

    assert "1 chunks are neither replaced nor past their retention" in reasons


def test_a_day_that_stays_is_reported_and_warned_of(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    accept_of_today(archive, state="dead")

    cleaned = cleanup_old_logs(NoPayload(), context(archive, PAST_HOT))

    reason = "1 submissions of the day may still become chunks"
    assert cleaned["days_kept"] == {TODAY.isoformat(): [reason]}
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", f"the hot chunks of {TODAY} stay: {reason}")
    ]


def test_hot_chunks_past_their_retention_need_no_merge(archive: Archive) -> None:
    archive.store(scored_frame(5))
    read_everything(archive)
    keep_for_days(archive, 1)

    merged = archive.compact(now=JUST_BEFORE)
    hot = drop_hot_days(archive.worker, now=PAST_HOT)

    assert merged.merges == 0
    assert TODAY in hot.dropped


def test_a_day_that_is_in_use_stays_and_goes_the_next_time(archive: Archive) -> None:
    with archive.worker.transaction() as tx:
        tx.execute("SELECT count(*) FROM hot_chunks")
        busy = drop_hot_days(archive.worker, now=PAST_HOT)

    free = drop_hot_days(archive.worker, now=PAST_HOT)

    oldest = TODAY - timedelta(days=2)  # TODAY is the real clock's tomorrow
    assert busy == HotDays(kept={oldest: ["its lock could not be had"]})
    assert free == HotDays(dropped=[oldest, oldest + timedelta(days=1), TODAY])


@pytest.mark.parametrize(("days_later", "left"), [(30, 1), (31, 0)])
def test_entries_go_exactly_when_their_days_are_over(archive: Archive, days_later: int, left: int) -> None:
    archive.store(scored_frame(5))
    archive.compact(now=NOON + timedelta(days=2))
    now = NOON + timedelta(days=days_later)

    delete_expired(archive.worker, now=now)
    clear_replaced(archive.worker, archive.objects, now=now + REPLACED_KEPT + timedelta(seconds=1))

    assert count(archive, "compacted_chunks WHERE replaced_by IS NULL") == left
    assert len(list(archive.objects.list("chunks/"))) == left


def test_each_project_keeps_its_entries_for_its_own_time(archive: Archive, other_project: UUID, tmp_path: Path) -> None:
    other = Archive.make(worker=archive.worker, search=archive.search, project=other_project, folder=tmp_path)
    for one in (archive, other):
        one.store(scored_frame(5))
    archive.compact(now=NOON + timedelta(days=1))
    keep_for_days(other, 7)

    deleted = delete_expired(archive.worker, now=NOON + timedelta(days=8))

    assert deleted == 2  # of the hour, and of the day
    assert archive.read_now(NOON + timedelta(days=8)) == 5


def test_odd_entries_go_with_their_chunks(archive: Archive) -> None:
    frame = scored_frame(5, is_anomaly=True, score=0.95)
    archive.store(frame)
    with archive.worker.transaction() as tx:
        chunk = read_new(tx, project=archive.project, consumer=COUNTS, limit=1)[0]
        insert_odd(tx, odd_rows(frame, chunks=[chunk], explain=lambda _: {}), project=archive.project)
    keep_for_days(archive, 1)

    delete_expired(archive.worker, now=NOON + timedelta(days=1))
    at_their_last_day = count(archive, "odd_entries")
    delete_expired(archive.worker, now=NOON + timedelta(days=2))

    assert (at_their_last_day, count(archive, "odd_entries")) == (6, 0)


def test_more_than_one_batch_goes_at_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.chunks.retention.ROWS_AT_ONCE", 2)
    for day in (0, 1, 2):
        frame = scored_frame(1, is_anomaly=True, score=0.95, timestamp=NOON - timedelta(days=day))
        archive.store(frame)
        with archive.worker.transaction() as tx:
            chunks = read_new(tx, project=archive.project, consumer=COUNTS, limit=10)
            insert_odd(tx, odd_rows(frame, chunks=chunks, explain=lambda _: {}), project=archive.project)
    archive.compact(now=NOON + timedelta(days=1))

    deleted = delete_expired(archive.worker, now=NOON + timedelta(days=31))

    assert deleted == 6  # of the hour, and of the day
    assert (count(archive, "compacted_chunks"), count(archive, "odd_entries")) == (0, 0)
    assert count(archive, "doomed_objects") == 3


def test_counts_of_days_are_kept_a_week_longer(archive: Archive) -> None:
    with archive.worker.transaction() as tx:
        tx.execute("INSERT INTO day_counts (project_id, day) VALUES (%s, %s)", [archive.project, TODAY])

    left = []
    for days in (37, 38):
        delete_expired(archive.worker, now=NOON + timedelta(days=days))
        left.append(count(archive, "day_counts"))

    assert left == [1, 0]


def test_the_sweep_leaves_what_a_row_names_and_what_it_does_not_know(archive: Archive) -> None:
    archive.store(scored_frame(5))
    archive.compact(now=NOON + timedelta(days=2))
    archive.objects.put("chunks/readme", b"not ours", metadata={})
    archive.objects.put(f"bodies/{uuid4()}", b"not a chunk", metadata={})
    archive.objects.put(f"chunks/{archive.project}/{TODAY}/{uuid4()}", b"lost", metadata={})

    swept = sweep_unnamed(archive.worker, archive.objects, now=NOON + timedelta(days=9))

    assert swept == 1
    assert len(list(archive.objects.list(""))) == 3


def test_the_tasks_do_it_all_and_report_it(archive: Archive) -> None:
    archive.store(scored_frame(5))
    read_everything(archive)

    merged = compact_chunks(NoPayload(), context(archive, PAST_HOT))
    cleaned = cleanup_old_logs(NoPayload(), context(archive, NOON + timedelta(days=31)))

    assert (merged["merges"], merged["entries"]) == (2, 10)
    assert TODAY.isoformat() in cleaned["days_dropped"]
    assert cleaned["chunks_deleted"] == 2
    assert cleaned["days_kept"] == {}


def context(archive: Archive, now: Any) -> Any:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    return SimpleNamespace(
        db=archive.worker, objects=archive.objects, settings=settings, clock=lambda: now, metrics=OFF
    )


def keep_for_days(archive: Archive, days: int) -> None:
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE projects SET retention_days = %s WHERE id = %s", [days, archive.project])


def test_a_page_of_a_dropped_day_is_the_page_that_it_was(archive: Archive) -> None:
    frame = scored_frame(30)
    archive.store(frame)
    archive.compact(now=JUST_BEFORE)
    read_everything(archive)

    drop_hot_days(archive.worker, now=PAST_HOT)

    assert archive.read_now(PAST_HOT) == pl.concat(archive.frames).height
