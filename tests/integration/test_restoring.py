"""The drill: what was deleted comes back from a backup once, whatever was merged since, without what was erased."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import boto3
import polars as pl
import psycopg
import pytest
from commands import command_for, told
from psycopg import sql
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, WEEKEND, Archive, random_frame

from oddline.chunks import Restored, Restorer, Rewriter, restoring
from oddline.database import Database
from oddline.entries import EntryQuery, check_chunks, count_days
from oddline.errors import ObjectMissing
from oddline.objects import FolderObjects, Readable, S3Objects, Undeleted
from oddline.privacy import erased_again, request_erasure
from oddline.settings import Side, load_settings
from oddline.submissions import new_id, new_submission_id

DAY_AFTER = TOMORROW + timedelta(days=1)
EVERYTHING = EntryQuery()
LONGEST_S = 30
NAME = "Xaverine Quintilla"
RANGE = {"time_from": NOON - 2 * WEEKEND, "time_to": NOON + WEEKEND}

MakeBackup = Callable[[], str]


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path / "objects")


@pytest.fixture
def back_up(clusters: Callable[[int], Any], database_urls: dict[Side, str], tmp_path: Path) -> Iterator[MakeBackup]:
    """Copies the database, as a snapshot does, and the objects; gives the copy's URL."""
    superuser, live = clusters(18).server.superuser_url, database_urls["worker"].rpartition("/")[2]
    copy = f"backup_{uuid4().hex[:12]}"

    def make() -> str:
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [live])
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (copy, live))))
        shutil.copytree(tmp_path / "objects", tmp_path / "backup")
        return f"{database_urls['worker'].rpartition('/')[0]}/{copy}"

    yield make
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(copy)))


def store(archive: Archive, frame: pl.DataFrame) -> list[UUID]:
    """As `Archive.store`, counted as accepted and done."""
    chunks = archive.store(frame)
    with archive.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO submission_state (id, project_id, body_day, received_at, state, entries)"
            " VALUES (%s, %s, %s, %s, 'done', %s)",
            [new_submission_id(), archive.project, NOON.date(), NOON, frame.height],
        )
    return chunks


def restore(
    archive: Archive, backup_url: str, *, tmp_path: Path, drop_lost: bool = False, objects: Readable | None = None
) -> Restored:
    backup = Database(backup_url, size=2)
    try:
        restorer = Restorer(
            db=archive.worker,
            objects=archive.objects,
            backup_db=backup,
            backup_objects=objects or FolderObjects(tmp_path / "backup"),
            project=archive.project,
            change=erased_again(archive.worker, project=archive.project, cipher=load_settings().cipher()),
            clock=lambda: DAY_AFTER,
            new_id=new_id,
        )
        return restorer.run(**RANGE, drop_lost=drop_lost)
    finally:
        backup.close()


def is_right(archive: Archive) -> bool:
    (day,) = count_days(archive.worker, project=archive.project, now=DAY_AFTER)
    faults = list(check_chunks(archive.worker, archive.objects, project=archive.project, day=NOON.date()))
    return day.is_right and not faults


def run_sql(archive: Archive, statement: str) -> int:
    with archive.worker.transaction() as tx:
        return tx.execute(statement).rowcount


def test_the_drill_brings_back_what_was_deleted_and_nothing_else(
    archive: Archive, back_up: MakeBackup, tmp_path: Path
) -> None:
    for seed in range(6):
        store(archive, random_frame(seed, count=60))
    archive.compact()
    hot = [chunk for seed in range(6, 9) for chunk in store(archive, random_frame(seed, count=60))]
    url = back_up()
    store(archive, random_frame(9, count=60))
    with archive.worker.transaction() as tx:
        tx.execute("DELETE FROM hot_chunks WHERE id = ANY (%s)", [hot[::2]])
        tx.execute(
            "DELETE FROM compacted_chunks WHERE id IN"
            " (SELECT id FROM compacted_chunks WHERE replaced_by IS NULL ORDER BY id LIMIT 2)"
        )
    damaged = is_right(archive)
    done = restore(archive, url, tmp_path=tmp_path)
    again = restore(archive, url, tmp_path=tmp_path)

    assert not damaged
    assert done.entries > 0
    assert is_right(archive)
    assert archive.read(EVERYTHING, limit=1_000) == archive.expected(EVERYTHING)
    assert (again.entries, again.objects, again.lost) == (0, 0, 0)
    archive.compact(now=DAY_AFTER)
    assert archive.read(EVERYTHING, limit=1_000) == archive.expected(EVERYTHING)
    assert archive.read(EntryQuery(pattern_id=2), limit=1_000) == archive.expected(EntryQuery(pattern_id=2))


def test_objects_that_are_gone_are_copied_and_what_was_merged_since_is_not_doubled(
    archive: Archive, back_up: MakeBackup, tmp_path: Path
) -> None:
    for _ in range(3):
        store(archive, scored_frame(60))
    archive.compact(now=DAY_AFTER)
    store(archive, scored_frame(40, timestamp=NOON - 2 * WEEKEND))
    url = back_up()
    archive.compact(now=DAY_AFTER)
    for info in list(archive.objects.list("chunks/")):
        archive.objects.delete(info.key)

    first = restore(archive, url, tmp_path=tmp_path)
    lost = is_right(archive)
    second = restore(archive, url, tmp_path=tmp_path, drop_lost=True)

    # What was merged after the backup has an object that only existed here: the backup has its entries otherwise.
    assert (first.objects, first.lost) == (1, 1)
    assert not lost
    assert (second.objects, second.lost, second.entries) == (0, 1, 40)
    assert is_right(archive)
    assert archive.read(EVERYTHING, limit=1_000) == archive.expected(EVERYTHING)


def test_what_was_erased_since_does_not_come_back(archive: Archive, back_up: MakeBackup, tmp_path: Path) -> None:
    texts = [f"{NAME} logged in {number}" if number % 3 == 0 else f"nobody {number}" for number in range(60)]
    store(archive, scored_frame(60, message=texts, attributes=json.dumps({"user": NAME})))
    archive.compact(now=DAY_AFTER)
    store(archive, scored_frame(30, message=texts[:30]))
    url = back_up()
    with archive.worker.transaction() as tx:
        request_erasure(
            tx,
            project=archive.project,
            values=[NAME],
            ignore_case=False,
            reason="request 4711",
            requested_by="operator",
            cipher=load_settings().cipher(),
            now=NOON,
        )
    run_sql(archive, "DELETE FROM hot_chunks")
    for info in list(archive.objects.list("chunks/")):
        archive.objects.delete(info.key)

    done = restore(archive, url, tmp_path=tmp_path)

    assert (done.entries, done.objects) == (90, 0)
    assert is_right(archive)
    entries = archive.page(EVERYTHING, limit=100).entries
    assert sorted(entry["id"] for entry in entries) == sorted(archive.expected(EVERYTHING))
    assert NAME not in json.dumps(entries)
    assert sum("<erased> logged in" in entry["message"] for entry in entries) == 30
    assert not any(NAME.encode() in archive.objects.get(info.key) for info in archive.objects.list("chunks/"))


def test_a_restore_that_is_killed_goes_on(
    archive: Archive, back_up: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in (1, 0, WEEKEND.days):
        store(archive, scored_frame(20, timestamp=NOON - timedelta(days=days)))
    url = back_up()
    run_sql(archive, "DELETE FROM hot_chunks")
    usual, calls = Restorer._bring_back, []

    def killed(self: Restorer, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        usual(self, *arguments)

    monkeypatch.setattr(Restorer, "_bring_back", killed)
    with pytest.raises(KeyboardInterrupt):
        restore(archive, url, tmp_path=tmp_path)
    monkeypatch.undo()
    done = restore(archive, url, tmp_path=tmp_path)

    assert done.entries == 40
    assert is_right(archive)


def test_two_restores_side_by_side_bring_each_entry_back_once(
    archive: Archive, back_up: MakeBackup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(archive, scored_frame(20))
    url = back_up()
    run_sql(archive, "DELETE FROM hot_chunks")
    usual, others = restoring._insert, list[Future[Restored]]()

    with ThreadPoolExecutor() as pool:

        def beside_another(*arguments: Any) -> None:
            if not others:
                others.append(pool.submit(restore, archive, url, tmp_path=tmp_path))
                wait_until(lambda: others[0].done() or is_waiting_for_a_lock(archive))
            usual(*arguments)

        monkeypatch.setattr(restoring, "_insert", beside_another)
        first = restore(archive, url, tmp_path=tmp_path)
        second = others[0].result()

    assert (first.entries, second.entries) == (20, 0)
    assert is_right(archive)


def wait_until(what: Callable[[], bool]) -> None:
    deadline = monotonic() + LONGEST_S
    while not what():
        assert monotonic() < deadline, "it never comes to that"


def is_waiting_for_a_lock(archive: Archive) -> bool:
    with archive.worker.transaction() as tx:
        ((waiting,),) = tx.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchall()
    return bool(waiting)


def test_what_an_erasure_rewrote_is_unreadable_in_a_backup_and_counts_only_where_it_is_not_here(
    archive: Archive, back_up: MakeBackup, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for second in (0, 2):
        store(archive, scored_frame(30, submission=submission_at(second)))
    archive.compact(now=DAY_AFTER)
    store(archive, scored_frame(60, submission=submission_at(1)))
    url = back_up()
    rewriter = Rewriter(
        db=archive.worker, objects=archive.objects, project=archive.project, clock=lambda: DAY_AFTER, new_id=new_id
    )
    (merged,) = [one for one in rewriter.list(after=UUID(int=0), limit=10) if one.object_key and one.is_live]
    rewriter.rewrite(merged, lambda entries: entries.with_columns(message=pl.lit("<erased>")))

    rewritten = restore(archive, url, tmp_path=tmp_path, objects=archive.objects)
    told = list(caplog.records)
    run_sql(archive, "DELETE FROM compacted_chunks WHERE replaced_by IS NULL")
    lost = restore(archive, url, tmp_path=tmp_path, objects=archive.objects)

    # The one that can be read has as many entries, of ids and times between those of the other: they are not its own.
    assert (rewritten.chunks, rewritten.entries, rewritten.unreadable) == (2, 0, 0)
    assert told == []
    assert (lost.chunks, lost.entries, lost.unreadable) == (2, 0, 1)
    assert [record.exc_info is not None for record in caplog.records] == [True]


def submission_at(second: int) -> bytes:
    return new_submission_id(clock_ns=lambda: (int(NOON.timestamp()) + second) * 10**9).bytes


def test_an_operator_restores_by_command(
    archive: Archive, back_up: MakeBackup, database_urls: dict[Side, str], tmp_path: Path
) -> None:
    frame = scored_frame(30)
    store(archive, frame)
    url = back_up()
    run_sql(archive, "DELETE FROM hot_chunks")
    run = command_for(tmp_path, database_url=database_urls["worker"])
    window = [
        "--from",
        f"{NOON - timedelta(days=1):%F}",
        "--to",
        f"{NOON + timedelta(days=1):%F}",
        "--project",
        str(archive.project),
    ]

    done = json.loads(told(run("restore", *window, "--backup-database", url, "--json")))
    counted = told(run("verify", "--project", str(archive.project)))

    assert done == {"chunks": 1, "entries": 30, "objects": 0, "lost": 0, "unreadable": 0}
    assert "wrong" not in counted
    with archive.worker.transaction() as tx:
        ((recorded,),) = tx.execute("SELECT count(*) FROM audit_actions WHERE action = 'entries.restored'").fetchall()
    assert recorded == 1


def test_what_a_bucket_keeps_of_deleted_objects_is_read(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"test-{uuid4().hex}"
    client = boto3.client("s3", endpoint_url=aws_url)
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    objects = S3Objects(bucket, endpoint_url=aws_url)
    for key in ("chunks/a", "chunks/b"):
        objects.put(key, f"what {key} held".encode(), metadata={"project": "p"})
    objects.delete("chunks/a")

    undeleted = Undeleted(objects)

    assert undeleted.get("chunks/a", start=5) == b"chunks/a held"
    assert undeleted.get("chunks/b", start=5, end=13) == b"chunks/b"
    assert undeleted.head("chunks/a").metadata == {"project": "p"}
    with pytest.raises(ObjectMissing):
        undeleted.get("chunks/c")
