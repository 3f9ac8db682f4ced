"""Log files: uploaded in parts, made into entries once each whatever happens on the way, kept and deleted."""

import asyncio
import gzip
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import zstandard
from filing import PATH, Filing, settle_scoring, uploaded
from reading import key_of, refusal
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message

from functions.console.files import PARTS_HELD, part_body
from functions.http import Parts
from oddline.catalogue import CATALOGUE
from oddline.cli.connecting import NotTaken
from oddline.cli.uploading import Sent, upload
from oddline.database import Database
from oddline.entries.by_id import ARRIVAL_DAYS
from oddline.errors import NotYet, ObjectMissing
from oddline.files import (
    PROCESS_LOG_FILE,
    FilePayload,
    FormattedFile,
    cleanup_old_files,
    cleanup_temp_files,
    compress_log_file,
    parse_structured_logs,
    process_log_file,
)
from oddline.identity import Scope, create_key
from oddline.objects import SMALLEST_PART_BYTES, FolderObjects, ObjectVersion, S3Objects
from oddline.privacy.finder import Finder
from oddline.privacy.places import PLACES, Step, Work
from oddline.redaction import ErasedValues, seal_values
from oddline.settings import Settings, Side
from oddline.submissions import entry_id, made_at
from oddline.tasks import NoPayload, Publisher, State, TaskContext, cancel, end_leases, run_task, utc_now

LINES = [f"2026-11-05T08:15:{second % 60:02}Z line {second} of the log" for second in range(25_000)]
TEXT = "\n".join(LINES).encode() + b"\n"
FEW = b"2026-11-05T08:15:30Z INFO started\n2026-11-05T08:15:31Z ERROR disk sda: I/O error\n"


def test_an_uploaded_file_becomes_entries_and_tells_what_it_holds(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, TEXT, source="cart", process=False)

    started = client.post(f"/api/v1/logs/process/{file['file_id']}")
    again = client.post(f"/api/v1/logs/process/{file['file_id']}")
    run = filing.run()

    assert (started.status_code, started.json()["status"], again.json()) == (202, "queued", started.json())
    steps = ["extract_log_metadata", "process_log_file", "compress_log_file", "score_log_file"]
    assert [task.name for task in run] == steps
    assert [task.state for task in run] == [*[State.SUCCESS] * 3, State.RETRY]  # nobody scores here
    shown = client.get(f"{PATH}/{file['file_id']}").json()
    assert (shown["state"], shown["progress"], shown["entries"], shown["refused"]) == ("processed", 100.0, 25_000, 0)
    assert shown["metadata"]["first"].startswith("2026-11-05T08:15:00")
    assert filing.task(started.json()["task_id"]).result["entries"] == 25_000
    assert [source for source, _ in filing.entries()] == ["cart"] * 25_000
    assert [message for _, message in filing.entries()] == [line.split(" ", 1)[1] for line in LINES]


def test_a_processed_file_is_kept_packed_and_the_original_goes(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, TEXT)

    filing.run()

    [key] = filing.row(file["file_id"], "object_key")
    shown = client.get(f"{PATH}/{file['file_id']}").json()
    assert zstandard.ZstdDecompressor().stream_reader(filing.objects.get(key)).read() == TEXT
    assert shown["stored"] == {"bytes": filing.objects.head(key).size, "compression": "zstd"}
    assert (shown["size"], shown["found"]["compression"]) == (len(TEXT), "none")  # as it came
    assert shown["metadata"]["compression"] == "none"
    with pytest.raises(ObjectMissing):
        filing.objects.head(key.removesuffix(".zst"))


def test_an_object_that_says_that_it_is_another_projects_is_not_read(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, FEW)["file_id"]
    (key,) = filing.row(file, "object_key")
    filing.objects.put(key, FEW, metadata={"project": str(uuid4())})

    run = filing.run()

    assert [task.state for task in run[:2]] == [State.FAILURE] * 2
    assert "does not belong to project" in (run[1].error or "")
    assert filing.entries() == []


class _DyingObjects(FolderObjects):
    """Those of a process that is killed before it deletes anything."""

    def versions(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        raise SystemExit(f"{prefix}{after}")


def test_an_original_goes_later_where_packing_was_killed_before_it_went(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, TEXT)
    filing.run_once()
    filing.run_once()
    payload = FilePayload(project=filing.project, file=UUID(file["file_id"]))
    dying = replace(filing.context, objects=_DyingObjects(filing.settings.home / "objects"))

    with pytest.raises(SystemExit):
        compress_log_file(payload, dying)
    left = len(list(filing.objects.list("files/")))
    cleaned = cleanup_old_files(NoPayload(), filing.context)

    key = filing.row(file["file_id"], "object_key")[0]
    assert (left, cleaned) == (2, {"files": 1})
    assert [one.key for one in filing.objects.list("files/")] == [key]
    assert [one["file_id"] for one in client.get(PATH).json()["files"]] == [file["file_id"]]


def test_a_file_that_came_packed_stays_as_it_came(client: TestClient, filing: Filing) -> None:
    packed = gzip.compress(FEW)
    file = uploaded(client, packed)

    filing.run()

    key, entries = filing.row(file["file_id"], "object_key", "entries")
    assert (filing.objects.get(key), entries) == (packed, 2)


def test_an_entry_can_be_traced_to_the_bytes_that_it_was(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, TEXT)
    filing.run()
    with filing.db("worker").transaction() as tx:
        submissions = tx.execute("SELECT submission_id FROM file_parts ORDER BY first_byte").fetchall()

    found = [client.get(f"{PATH}/origin/{entry_id(one, 7)}").json() for (one,) in submissions]

    lines = [TEXT[one["start"] : one["end"]].count(b"\n") for one in found]
    assert ({one["file_id"] for one in found}, lines) == ({file["file_id"]}, [10_000, 10_000, 5_000])
    assert client.get(f"{PATH}/origin/{uuid4()}").status_code == 404


def _work(url: str, redis_url: str, settings: Settings, objects: FolderObjects, task: UUID) -> None:
    """A worker's process: one attempt, as it would make it."""
    db, publisher = Database(url, size=3), Publisher(redis_url)
    context = TaskContext(
        db=db, objects=objects, publisher=publisher, settings=settings, catalogue=CATALOGUE, worker=f"h:{os.getpid()}"
    )
    run_task(PROCESS_LOG_FILE, process_log_file, task_id=task, context=context)
    os._exit(0)


def test_a_worker_killed_five_times_on_the_way_loses_and_doubles_nothing(
    client: TestClient, filing: Filing, database_urls: dict[Side, str]
) -> None:
    text = b"".join(b"%06d of the log %s\n" % (number, b"-" * 100) for number in range(75_000))
    file = uploaded(client, text)
    filing.run_once()
    task, killed = UUID(file["task_id"]), 0

    while filing.task(task).state is not State.SUCCESS:
        began = filing.row(file["file_id"], "position")
        worker = multiprocessing.get_context("fork").Process(
            target=_work,
            args=(database_urls["worker"], filing.settings.redis_url, filing.settings, filing.objects, task),
        )
        worker.start()
        while killed < 5 and worker.is_alive() and filing.row(file["file_id"], "position") == began:
            time.sleep(0.002)
        if killed < 5 and worker.is_alive():
            os.kill(worker.pid or 0, signal.SIGKILL)
            killed += 1
        worker.join()
        with filing.db("worker").transaction() as tx:
            end_leases(tx, [f"h:{worker.pid}"], now=utc_now())

    assert killed == 5
    assert [message for _, message in filing.entries()] == text.decode().splitlines()
    assert filing.row(file["file_id"], "entries", "position") == (75_000, len(text))


def test_a_file_waits_while_too_much_is_not_scored_and_goes_on_afterwards(client: TestClient, filing: Filing) -> None:
    filing.set(file_backlog=2)
    file = uploaded(client, TEXT)

    filing.run()
    waiting = client.get(f"{PATH}/{file['file_id']}").json()
    settle_scoring(filing)
    filing.clock.move(timedelta(seconds=6))
    filing.run()

    assert (waiting["state"], waiting["entries"]) == ("processing", 20_000)
    assert 0 < waiting["progress"] <= 100
    assert client.get(f"{PATH}/{file['file_id']}").json()["entries"] == 25_000
    assert filing.task(file["task_id"]).failures == []


def _forget_usage(filing: Filing) -> None:
    with filing.db("worker").transaction() as tx:
        tx.execute("DELETE FROM usage_counts")


@pytest.mark.parametrize(
    ("limits", "days"),
    [
        ({"limit_entries_a_day": 15_000}, [15_000, 25_000]),
        ({"limit_entries_a_day": 9_000}, [9_000, 18_000, 25_000]),
        ({"limit_bytes_a_day": 200_000}, None),
    ],
)
def test_a_file_over_the_quota_of_the_day_uses_it_up_and_goes_on_the_next(
    client: TestClient, filing: Filing, limits: dict[str, int], days: list[int] | None
) -> None:
    filing.set(**limits)
    _forget_usage(filing)
    file = uploaded(client, TEXT)
    stored: list[int] = []

    while not stored or (stored[-1] < 25_000 and len(stored) < 5):
        filing.run()
        stored += filing.row(file["file_id"], "entries")
        filing.clock.move(timedelta(days=1))

    assert stored == (days or stored)
    assert stored[-1] == 25_000
    assert [message for _, message in filing.entries()] == [line.split(" ", 1)[1] for line in LINES]
    shown = client.get(f"{PATH}/{file['file_id']}").json()
    assert (shown["state"], shown["metadata"]["entries"]) == ("processed", 25_000)


def test_a_file_of_which_an_entry_is_more_than_the_quota_fails_and_says_so(client: TestClient, filing: Filing) -> None:
    filing.set(limit_bytes_a_day=30)
    _forget_usage(filing)
    file = uploaded(client, FEW + b"2026-11-05T08:15:32Z WARN " + b"x" * 50 + b"\n")

    filing.run()
    filing.clock.move(timedelta(days=1))
    filing.run()

    shown = client.get(f"{PATH}/{file['file_id']}").json()
    assert (shown["state"], shown["error"].split(":")[0]) == ("failed", "FileStuck")
    assert "30 bytes a day" in shown["error"]


def test_entries_are_found_by_their_ids_however_long_their_file_waited(client: TestClient, filing: Filing) -> None:
    filing.set(limit_entries_a_day=1)
    _forget_usage(filing)
    uploaded(client, FEW)

    for days in (10, 3):
        filing.clock.move(timedelta(days=days))
        filing.run()

    with filing.db("worker").transaction() as tx:
        stored = tx.execute("SELECT id, received_at FROM submission_state").fetchall()
    waited = [(received_at.date() - made_at(submission).date()).days for submission, received_at in stored]
    assert len(waited) == 2
    assert set(waited) <= set(ARRIVAL_DAYS)


def test_a_file_that_is_no_text_fails_with_the_reason(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, os.urandom(300_000))

    filing.run()

    shown = client.get(f"{PATH}/{file['file_id']}").json()
    assert (shown["state"], shown["entries"]) == ("failed", 0)
    assert shown["error"].startswith("NotText")
    assert filing.task(file["task_id"]).state is State.FAILURE


def test_a_file_that_kills_its_worker_each_time_ends_as_failed(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, FEW)
    filing.run_once()
    with filing.db("worker").transaction() as tx:
        tx.execute("UPDATE files SET tries = 5, state = 'processing'")

    filing.run()
    failed = client.get(f"{PATH}/{file['file_id']}").json()
    restarted = client.post(f"/api/v1/logs/process/{file['file_id']}").json()
    filing.run()

    assert (failed["state"], failed["error"].split(":")[0]) == ("failed", "FileStuck")
    assert restarted["task_id"] != file["task_id"]
    assert client.get(f"{PATH}/{file['file_id']}").json()["state"] == "processed"


def test_many_files_are_processed_side_by_side_and_one_task_tells_of_all(client: TestClient, filing: Filing) -> None:
    texts = [FEW, os.urandom(300_000), gzip.compress(FEW)]
    ids = [uploaded(client, text, process=False)["file_id"] for text in texts]

    group = client.post(f"{PATH}/process", json={"file_ids": ids})
    filing.run()
    settle_scoring(filing)
    filing.clock.move(timedelta(minutes=1))
    run = filing.run()

    told = {one["file_id"]: one["task_id"] for one in group.json()["files"]}
    assert (group.status_code, told.keys()) == (202, set(ids))
    assert run[-1].id == UUID(group.json()["task_id"])
    assert run[-1].result == {"files": 3, "processed": 2, "damaged": [], "failed": [ids[1]], "entries": 4}


def test_cancelling_a_group_cancels_what_it_waits_for(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, FEW, process=False)["file_id"]
    group = client.post(f"{PATH}/process", json={"file_ids": [file]}).json()

    with filing.db("worker").transaction() as tx:
        cancel(tx, UUID(group["task_id"]), now=filing.clock())

    assert filing.run() == []
    assert filing.task(group["files"][0]["task_id"]).state is State.REVOKED
    assert client.post(f"/api/v1/logs/process/{file}").json()["task_id"] != group["files"][0]["task_id"]


def test_an_upload_that_broke_off_goes_on_where_it_was(client: TestClient, filing: Filing, tmp_path: Path) -> None:
    text = b"x" * 100 + b"\n" + os.urandom(9 * 1024 * 1024).hex().encode()
    (tmp_path / "app.log").write_bytes(text)
    sent: list[int] = []

    def break_off(there: Sent) -> None:
        sent.append(there.bytes)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(client, tmp_path / "app.log", told=break_off)
    asked = client.get(PATH).json()["files"]
    done = upload(client, tmp_path / "app.log", process=False, told=lambda there: sent.append(there.bytes))
    again = upload(client, tmp_path / "app.log", process=False)

    assert [file["file_id"] for file in asked] == [done["file_id"]] == [again["file_id"]]
    assert filing.objects.get(filing.row(done["file_id"], "object_key")[0]) == text
    assert sent == [8 * 1024**2, 8 * 1024**2, 16 * 1024**2, len(text)]


def test_on_s3_parts_go_to_the_bucket_itself_by_the_same_steps(
    client: TestClient, filing: Filing, bucket: S3Objects, tmp_path: Path
) -> None:
    filing.objects = bucket
    client.app.state.parts = lambda: Parts(  # type: ignore[attr-defined]
        settings=filing.settings, db=filing.db("console"), publisher=filing.publisher, objects=bucket
    )
    text = FEW + b"".join(b"%07d %s\n" % (number, b"x" * 92) for number in range(90_000))
    (tmp_path / "app.log").write_bytes(text)
    assert len(text) > SMALLEST_PART_BYTES

    file = upload(client, tmp_path / "app.log", source="cart")
    refused = client.put(f"{PATH}/{file['file_id']}/parts/1", content=b"x")
    filing.run()

    assert refusal(refused)[0] == 409
    assert client.get(f"{PATH}/{file['file_id']}").json()["entries"] == 90_002
    key, version = filing.row(file["file_id"], "object_key", "object_version")
    assert b"".join(bucket.stream(key, version=version))[:4] == b"\x28\xb5\x2f\xfd"
    assert [info.key for info in bucket.list("files/")] == [key]


@pytest.mark.parametrize(
    ("told", "status", "field"),
    [
        ({"size": 6 * 1024**4}, 413, "size"),
        ({"format": "nonsense"}, 422, "format"),
        ({"zone": "Mars/Olympus"}, 422, "zone"),
        ({"zone": "../../etc/passwd"}, 422, "zone"),
        ({"name": ""}, 422, "name"),
        ({"name": "a\0b"}, 422, "name"),
        ({"size": -1}, 422, "size"),
    ],
)
def test_what_cannot_be_uploaded_is_refused_by_its_field(
    client: TestClient, told: dict[str, object], status: int, field: str
) -> None:
    answer = client.post(PATH, json={"name": "app.log"} | told)

    assert (refusal(answer)[0], refusal(answer)[2]) == (status, field)


def test_a_file_with_parts_missing_cannot_be_completed_nor_processed(client: TestClient) -> None:
    file = client.post(PATH, json={"name": "app.log", "size": 20 * 1024**2}).json()
    client.put(f"{PATH}/{file['file_id']}/parts/2", content=b"x" * 8 * 1024**2)

    complete = client.post(f"{PATH}/{file['file_id']}/complete", json={})
    process = client.post(f"/api/v1/logs/process/{file['file_id']}")

    assert (refusal(complete)[0], complete.json()["parts"]) == (409, [1])
    assert refusal(process)[0] == 409


def test_the_same_key_for_another_file_is_refused(client: TestClient) -> None:
    headers = {"Idempotency-Key": "one"}
    first = client.post(PATH, json={"name": "a.log"}, headers=headers).json()

    same = client.post(PATH, json={"name": "a.log"}, headers=headers).json()
    other = client.post(PATH, json={"name": "b.log"}, headers=headers)

    assert same["file_id"] == first["file_id"]
    assert refusal(other)[:2] == (422, "key-reused")


def test_whoever_may_only_upload_is_told_nothing_of_what_a_file_holds(client: TestClient, filing: Filing) -> None:
    client.headers.update(key_of(filing.db, filing.project, Scope.INGEST))
    headers = {"Idempotency-Key": "log of today"}
    begun = client.post(PATH, json={"name": "a.log", "size": len(FEW)}, headers=headers).json()
    client.put(begun["upload"]["parts"][0]["url"], content=FEW)
    client.post(f"{PATH}/{begun['file_id']}/complete", json={})
    filing.run()

    repeated = client.post(PATH, json={"name": "a.log", "size": len(FEW)}, headers=headers).json()
    completed = client.post(f"{PATH}/{begun['file_id']}/complete", json={"process": False}).json()

    assert repeated == completed
    assert completed.keys() == {"file_id", "name", "state", "size", "task_id"}
    assert (completed["file_id"], completed["state"]) == (begun["file_id"], "processed")


def test_the_same_key_of_another_caller_is_another_request(client: TestClient, filing: Filing) -> None:
    headers = {"Idempotency-Key": "log of today"}
    first = client.post(PATH, json={"name": "a.log"}, headers=headers).json()

    other = key_of(filing.db, filing.project, Scope.INGEST)
    second = client.post(PATH, json={"name": "a.log"}, headers=headers | other).json()

    assert first["file_id"] != second["file_id"]


def test_a_project_has_so_many_uploads_open_and_no_more(
    client: TestClient, filing: Filing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.files.uploads.MOST_OPEN", 2)
    whole = uploaded(client, FEW, process=False)["file_id"]

    begun = [client.post(PATH, json={"name": "a.log"}) for _ in range(3)]
    left = len(list(filing.objects.uploads("files/")))
    client.delete(f"{PATH}/{begun[0].json()['file_id']}")
    again = client.post(PATH, json={"name": "a.log"})

    assert whole
    assert [one.status_code for one in begun] == [201, 201, 429]
    assert (begun[2].json()["code"], left, again.status_code) == ("too-many-open", 2, 201)
    assert int(begun[2].headers["Retry-After"]) > 0


def test_only_a_few_parts_are_held_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # One that nobody has waited for: it belongs to the loop in which somebody does.
    monkeypatch.setattr("functions.console.files._part_turns", asyncio.Semaphore(PARTS_HELD))
    begun: list[int] = []

    async def put_all() -> list[bytes]:
        may_come = asyncio.Event()

        async def put(number: int) -> bytes:
            async def receive() -> Message:
                begun.append(number)
                await may_come.wait()
                return {"type": "http.request", "body": b"%d" % number, "more_body": False}

            async with asynccontextmanager(part_body)(Request({"type": "http"}, receive)) as body:
                return body

        puts = [asyncio.create_task(put(number)) for number in range(PARTS_HELD + 3)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(begun) == PARTS_HELD
        may_come.set()
        return await asyncio.gather(*puts)

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # the thread keeps the loop that it has
        bodies = runner.run(put_all())

    assert bodies == [b"%d" % number for number in range(PARTS_HELD + 3)]


def test_a_deleted_file_is_gone_with_its_bytes_and_its_entries_stay(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, FEW)["file_id"]
    filing.run()

    deleted = client.delete(f"{PATH}/{file}")
    gone = client.get(f"{PATH}/{file}")
    filing.run()

    assert (deleted.status_code, gone.status_code) == (204, 404)
    assert list(filing.objects.list("files/")) == []
    with filing.db("worker").transaction() as tx:
        assert tx.execute("SELECT count(*) FROM files").fetchone() == (0,)
        assert tx.execute("SELECT sum(entries) FROM submission_state").fetchone() == (2,)


def test_deleting_a_file_touches_and_tells_of_no_other_projects_files(
    client: TestClient, filing: Filing, other_project: UUID
) -> None:
    file, kept = (uploaded(client, FEW, process=False)["file_id"] for _ in range(2))
    with filing.db("worker").transaction() as tx:
        foreign = uuid4()
        tx.execute(
            "INSERT INTO files (project_id, id, name, source, state, object_key, created_at)"
            " VALUES (%s, %s, 'theirs', 'theirs', 'deleted', %s, now() - interval '90 days')",
            [other_project, foreign, f"files/{other_project}/{foreign}"],
        )

    client.delete(f"{PATH}/{file}")
    run = filing.run()

    told = [(task.name, task.project, task.payload, task.result) for task in run]
    payload = {"project": str(filing.project), "file": file}
    assert told == [("delete_log_file", filing.project, payload, {"deleted": True})]
    with filing.db("worker").transaction() as tx:
        left = {row[0] for row in tx.execute("SELECT id FROM files").fetchall()}
    assert left == {UUID(kept), foreign}


def test_a_file_that_is_being_processed_is_not_deleted(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, FEW)["file_id"]
    with filing.db("worker").transaction() as tx:
        tx.execute("UPDATE files SET state = 'processing'")

    assert refusal(client.delete(f"{PATH}/{file}"))[0] == 409


def test_a_file_is_not_taken_with_a_key_that_demands_signatures_and_the_refusal_says_why(
    client: TestClient, filing: Filing, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(FEW)
    signed = create_key(
        filing.db("worker"),
        project=filing.project,
        name="",
        key_id=uuid4(),
        now=filing.clock(),
        scopes=[Scope.INGEST],
        signed=True,
    )
    client.headers["Authorization"] = f"Bearer {signed.key}"

    with pytest.raises(NotTaken, match="403 the API key demands signed requests, and this route checks no signature"):
        upload(client, path)

    assert refusal(client.post(PATH, json={"name": "app.log"}))[:2] == (403, "signed-key")


def test_old_files_and_abandoned_uploads_go_and_others_stay(client: TestClient, filing: Filing) -> None:
    uploaded(client, FEW)
    filing.run()
    client.post(PATH, json={"name": "half.log"})
    filing.clock.move(timedelta(days=31))
    kept = client.post(PATH, json={"name": "young.log"}).json()["file_id"]
    filing.objects.begin_upload("files/nobody/knows", part_bytes=10)

    cleaned = cleanup_old_files(NoPayload(), filing.context)
    aborted = cleanup_temp_files(NoPayload(), filing.context)

    assert (cleaned, aborted) == ({"files": 2}, {"uploads": 1})
    assert [file["file_id"] for file in client.get(PATH).json()["files"]] == [kept]
    assert len(list(filing.objects.uploads("files/"))) == 1


def test_a_file_in_a_format_that_its_owner_knows_is_read_in_it(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, b'{"message": "hello"}\n', process=False)
    payload = FormattedFile(project=filing.project, file=UUID(file["file_id"]), format="text")
    parse_structured_logs(payload, filing.context)

    assert filing.entries() == [("app.log", '{"message": "hello"}')]


def test_an_erasure_takes_files_that_hold_a_value_and_leaves_the_others(client: TestClient, filing: Filing) -> None:
    values = ErasedValues(("ada@example.org",), ignore_case=True)
    finder = Finder(values, cipher=filing.settings.cipher())
    work = Work(project=filing.project, finder=finder, context=filing.context)
    telling = "".join(f"{number} " + "x" * 90 + "\n" for number in range(60_000)) + "it was Ada@Example.org\n"
    held = [uploaded(client, form, process=False) for form in (telling.encode(), gzip.compress(telling.encode()))]
    held.append(uploaded(client, telling.encode("utf-16")))
    kept = uploaded(client, FEW)
    filing.run()
    busy = uploaded(client, FEW)
    with filing.db("worker").transaction() as tx:
        tx.execute("UPDATE files SET state = 'processing' WHERE id = %s", [busy["file_id"]])

    steps: list[Step] = []
    after: str | None = None
    for _ in range(4):
        steps.append(PLACES["uploaded_files"](work, after))
        after = steps[-1].after or after
    with pytest.raises(NotYet, match=busy["file_id"]):
        PLACES["uploaded_files"](work, after)

    assert [step.found for step in steps] == [1, 1, 1, 0]
    assert [client.get(f"{PATH}/{file['file_id']}").status_code for file in held] == [404] * 3
    assert client.get(f"{PATH}/{kept['file_id']}").status_code == 200
    assert len(list(filing.objects.list("files/"))) == 2


def test_a_file_that_comes_after_an_erasure_is_not_kept_with_the_value(client: TestClient, filing: Filing) -> None:
    cipher = filing.settings.cipher()
    with filing.db("worker").transaction() as tx:
        tx.execute(
            "INSERT INTO erasures (project_id, id, secret, ignore_case, reason, requested_by, requested_at, task_id)"
            " VALUES (%(project)s, %(project)s, %(secret)b, true, '', '', now(), %(project)s)",
            {"project": filing.project, "secret": seal_values(["ada@example.org"], cipher)},
        )
    file = uploaded(client, b"hello\nit was ada@example.org\n")

    run = filing.run()
    with filing.db("owner").transaction() as tx:
        tx.execute("DELETE FROM erasures")

    assert run[2].result == {"deleted": True}
    assert client.get(f"{PATH}/{file['file_id']}").status_code == 404
    assert list(filing.objects.list("files/")) == []
    assert run[1].result["entries"] == 2


def test_a_log_names_a_file_whose_entries_cannot_be_taken_by_its_id(
    client: TestClient, filing: Filing, caplog: pytest.LogCaptureFixture
) -> None:
    file = uploaded(client, FEW, name="anna-example.log", process=False)
    with filing.db("owner").transaction() as tx:
        tx.execute("UPDATE files SET source = repeat('anna', 100)")
    client.post(f"/api/v1/logs/process/{file['file_id']}")

    filing.run()

    assert filing.row(file["file_id"], "entries", "refused") == (0, 2)
    assert f"file {file['file_id']}: 2 of 2 entries cannot be taken, the first: source: too-long" in caplog.text
    assert "anna" not in caplog.text.lower()
