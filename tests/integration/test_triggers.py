"""What CloudWatch Logs and S3 hand over becomes submissions, once each."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest
import redis
from trigger_events import LOG_GROUP, control_message, log_events, notification, object_created

from functions.parts import Parts
from functions.triggers import app as triggers
from oddline.database import Database
from oddline.errors import BadRequest, NotConfigured, RequestInProgress, TooLarge
from oddline.objects import S3Objects
from oddline.settings import Settings, Side
from oddline.submissions import Columns, Part, accept, body, derived_submission_id, take_entries, unpack
from oddline.submissions.store import insert
from oddline.tasks import Publisher, Queue

Databases = Callable[[Side], Database]
CONTEXT: Any = None


class Bucket:
    def __init__(self, url: str) -> None:
        self.name = f"test-{uuid4().hex}"
        self._client = boto3.client("s3", endpoint_url=url)
        self._client.create_bucket(Bucket=self.name)

    def put(self, key: str, body: bytes) -> dict[str, Any]:
        """Store an object; the event that tells of it."""
        self._client.put_object(Bucket=self.name, Key=key, Body=body)
        return object_created(self.name, key, size=len(body))


@pytest.fixture
def bucket(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Bucket(aws_url)


@pytest.fixture
def parts(
    db: Databases, project: UUID, redis_url: str, bucket: Bucket, aws_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Parts]:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        objects_url=f"s3://{bucket.name}",
        trigger_project="first",
        trigger_sources={"/aws/lambda/billing": "billing"},
    )
    publisher = Publisher(redis_url)
    parts = Parts(
        settings=settings,
        db=db("ingest"),
        publisher=publisher,
        objects=S3Objects(bucket.name, endpoint_url=aws_url),
    )
    monkeypatch.setattr(triggers, "parts", lambda: parts)
    yield parts
    publisher.close()


@pytest.fixture
def stored(db: Databases, parts: Parts) -> Callable[[], list[tuple[UUID, Columns]]]:
    """Reads all submissions, in the order in which they were stored."""

    def read() -> list[tuple[UUID, Columns]]:
        with db("worker").transaction() as tx:
            rows = tx.execute(
                "SELECT id, body, body_object FROM submissions JOIN submission_state USING (id) ORDER BY received_at"
            ).fetchall()
        return [(row[0], unpack(row[1] if row[2] is None else parts.objects.get(row[2]))) for row in rows]

    return read


Read = Callable[[], list[tuple[UUID, Columns]]]


def test_log_events_become_one_submission(parts: Parts, stored: Read, redis_url: str) -> None:
    at = datetime.now(UTC).replace(microsecond=0)

    made = triggers.log_events(log_events(["started", "disk sda: I/O error"], at=at), CONTEXT)

    [(_, columns)] = stored()
    assert made == {"entries": 2, "submissions": 1}
    assert columns.messages == ["started", "disk sda: I/O error"]
    assert columns.sources == [LOG_GROUP] * 2
    assert columns.timestamps[1] - columns.timestamps[0] == 1_000
    assert columns.timestamps[0] == int(at.timestamp()) * 1_000_000
    attributes = json.loads(columns.attributes[1])
    assert attributes.keys() == {"log_group", "log_stream", "event_id"}
    assert attributes["event_id"].endswith("1")
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(Queue.BATCH_PROCESSING) == 1


def test_a_control_message_makes_nothing(parts: Parts, stored: Read) -> None:
    assert triggers.log_events(control_message(), CONTEXT) == {"entries": 0, "submissions": 0}
    assert stored() == []


def test_an_event_that_is_delivered_again_changes_nothing(parts: Parts, stored: Read) -> None:
    event = log_events(["a", "b"])

    first, second = triggers.log_events(event, CONTEXT), triggers.log_events(event, CONTEXT)

    assert (first["entries"], second["entries"]) == (2, 0)
    assert len(stored()) == 1


def test_more_than_a_submission_holds_becomes_several(parts: Parts, stored: Read) -> None:
    event = log_events([f"line {number}" for number in range(10_001)])

    made = [triggers.log_events(event, CONTEXT) for _ in range(2)]

    assert made == [{"entries": 10_001, "submissions": 2}, {"entries": 0, "submissions": 0}]
    assert [len(columns) for _, columns in stored()] == [10_000, 1]


def test_a_log_group_has_the_source_that_is_set_for_it(parts: Parts, stored: Read) -> None:
    triggers.log_events(log_events(["a"], group="/aws/lambda/billing"), CONTEXT)
    triggers.log_events(log_events(["a"], group="/" + "long" * 100), CONTEXT)

    assert [columns.sources for _, columns in stored()] == [["billing"], ["long" * 50]]


def test_characters_that_cannot_be_stored_are_replaced_and_told(parts: Parts, stored: Read) -> None:
    triggers.log_events(log_events(["a\0b\ud800c"]), CONTEXT)

    [(_, columns)] = stored()
    assert columns.messages == ["a\ufffdb\ufffdc"]
    assert json.loads(columns.attributes[0])["replaced_characters"] == 2


def test_an_entry_that_cannot_be_taken_is_logged_and_left_out(
    parts: Parts, stored: Read, caplog: pytest.LogCaptureFixture
) -> None:
    triggers.log_events(log_events(["good", "x" * 300_000]), CONTEXT)

    assert [columns.messages for _, columns in stored()] == [["good"]]
    assert "1 of 2 entries cannot be taken" in caplog.text


@pytest.mark.parametrize("event", [{}, *({"awslogs": {"data": data}} for data in ("?", "\xee", "bm8gZ3ppcA=="))])
def test_what_is_no_event_of_cloudwatch_logs_is_refused(parts: Parts, event: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        triggers.log_events(event, CONTEXT)


def test_without_a_project_nothing_is_taken(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = replace(parts, settings=parts.settings.model_copy(update={"trigger_project": ""}))
    monkeypatch.setattr(triggers, "parts", lambda: nowhere)

    with pytest.raises(NotConfigured, match="ODDLINE_TRIGGER_PROJECT"):
        triggers.log_events(log_events(["a"]), CONTEXT)


Files = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture
def files(db: Databases) -> Files:
    """Reads all files, in the order in which they came."""

    def read() -> list[tuple[Any, ...]]:
        with db("worker").transaction() as tx:
            return tx.execute("SELECT object_key, source, size, state FROM files ORDER BY id").fetchall()

    return read


def test_an_uploaded_object_becomes_a_file_and_its_processing_begins(
    parts: Parts, files: Files, db: Databases, bucket: Bucket, redis_url: str
) -> None:
    made = triggers.uploaded_files(bucket.put("uploads/shop api/today.log", b"started\n"), CONTEXT)

    assert made == {"files": 1}
    assert files() == [("uploads/shop api/today.log", "shop api", 8, "uploaded")]
    with db("worker").transaction() as tx:
        tasks = tx.execute("SELECT name, children_left FROM tasks ORDER BY id").fetchall()
    assert tasks == [
        ("extract_log_metadata", None),
        ("process_log_file", 1),
        ("compress_log_file", 1),
        ("score_log_file", 1),
        ("generate_embeddings", 1),
        ("calculate_file_analytics", 1),
    ]
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(Queue.FILE_PROCESSING) == 1


def test_the_same_object_is_one_file_however_often_and_whoever_tells_of_it(
    parts: Parts, files: Files, bucket: Bucket
) -> None:
    key = "uploads/shop api/gr\u00fc\u00dfe+1.log"
    event = bucket.put(key, b"a")

    told = [triggers.uploaded_files(event, CONTEXT) for _ in range(2)]
    told.append(triggers.notified_files(notification(bucket.name, key, size=1), CONTEXT))

    assert [one["files"] for one in told] == [1, 0, 0]
    assert [file[0] for file in files()] == [key]


def test_an_object_in_no_folder_is_its_own_source(parts: Parts, files: Files, bucket: Bucket) -> None:
    triggers.uploaded_files(bucket.put("uploads/today.log", b"a"), CONTEXT)

    assert [file[1] for file in files()] == ["today.log"]


def test_the_same_name_put_again_is_another_file(parts: Parts, files: Files, bucket: Bucket) -> None:
    for sequencer, text in enumerate((b"one", b"four")):
        event = bucket.put("uploads/log", text)
        event["detail"]["object"]["sequencer"] = str(sequencer)
        triggers.uploaded_files(event, CONTEXT)

    assert [file[2] for file in files()] == [3, 4]


def test_an_empty_object_makes_nothing(parts: Parts, files: Files, bucket: Bucket) -> None:
    assert triggers.uploaded_files(bucket.put("uploads/folder/", b""), CONTEXT) == {"files": 0}
    assert files() == []


def test_an_object_elsewhere_is_refused(parts: Parts, bucket: Bucket) -> None:
    for event in (bucket.put("chunks/one", b"a"), object_created("another", "uploads/one", size=1)):
        with pytest.raises(BadRequest, match="does not lie under"):
            triggers.uploaded_files(event, CONTEXT)


def test_who_takes_logs_can_start_no_other_task_and_read_no_file(db: Databases, project: UUID) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db("ingest").transaction(project=project) as tx:
        tx.execute("SELECT name FROM files")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db("ingest").transaction(project=project) as tx:
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, created_at)"
            " VALUES (gen_random_uuid(), %s, 'erase_person', 'maintenance', '{}', now())",
            [project],
        )


def test_two_deliveries_at_once_store_one_submission(db: Databases, parts: Parts, project: UUID, stored: Read) -> None:
    now = datetime.now(UTC)
    columns, _ = take_entries([{"message": "a"}], now=now)
    submission = derived_submission_id(at=now, of=b"the same")
    refused: list[Exception] = []

    def deliver() -> None:
        try:
            accept(
                db("ingest"), project=project, columns=columns, answer=lambda _: {}, request_keys=(), body_hash=b"",
                now=now, objects=parts.objects, body_object_bytes=1_000, submission=submission,
            )  # fmt: skip
        except RequestInProgress as error:
            refused.append(error)

    second = threading.Thread(target=deliver)
    with db("ingest").transaction(project=project) as tx:
        insert(tx, submission, project=project, body=b"-", body_object=None, entries=1, utf8_bytes=1, now=now)
        second.start()
        wait_until_blocked(db("owner"))
    second.join()

    assert len(refused) == 1


def wait_until_blocked(database: Database) -> None:
    """Until a backend of this database waits for another's lock."""
    waiting: tuple[Any, ...] | None = None
    while not waiting:
        with database.transaction() as tx:
            waiting = tx.execute(
                "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database()"
            ).fetchone()


def test_of_what_cannot_be_taken_a_log_says_why_and_quotes_nothing(
    parts: Parts, project: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    part = Part(name="part 7", entries=[{"message": "x", "severity": "Anna Example"}])

    assert parts.intake.store(part, project=project, now=datetime.now(UTC)) == 0

    assert "part 7: 1 of 1 entries cannot be taken, the first: severity: unknown" in caplog.text
    assert "Anna" not in caplog.text


def test_a_part_that_could_not_be_read_back_is_not_stored(
    parts: Parts, project: UUID, stored: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 1_000)

    with pytest.raises(TooLarge):
        parts.intake.store(Part(name="x", entries=[{"message": "m" * 1_000}]), project=project, now=datetime.now(UTC))

    assert stored() == []
