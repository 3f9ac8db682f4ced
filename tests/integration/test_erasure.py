"""A person's values are erased wherever anybody could have put them, and nothing else changes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import polars as pl
import pytest
import zstandard
from acting import TESTER
from dumping import dump_bucket, dump_database, dump_redis
from inbox import Databases, Inbox

from oddline import submissions
from oddline.catalogue import CATALOGUE
from oddline.chunks.compaction import Compactor
from oddline.encryption import Cipher
from oddline.entries import EntryQuery, list_entries
from oddline.errors import InvalidParameter, LostClaim
from oddline.identity import Scope, create_key, update_mail
from oddline.objects import FolderObjects, S3Objects
from oddline.privacy import ERASE_PERSON, IN_FLIGHT, SETTLED, erase_again, erase_person, find_erasure, request_erasure
from oddline.privacy.rows import ROWS
from oddline.redaction import RuleBook
from oddline.scoring import fold_counts
from oddline.scoring.sequences import detect_sequences
from oddline.settings import Settings, Side
from oddline.submissions import new_id
from oddline.tasks import Publisher, State, Task, TaskContext, run_task, seal, unseal

NAME = "Xaverine Quintilla"
MAIL = "x.quintilla@privat.example"
VALUES = (NAME, MAIL)
KEYS = "a key that nobody can guess"
TABLES = (
    *("hot_chunks", "compacted_chunks", "submissions", "submission_state", "odd_entries", "open_sequences"),
    *("patterns", "pattern_memo", "sources"),
)


@pytest.fixture
def bucket(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    """A client of S3 and a bucket that keeps what is deleted."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client, name = boto3.client("s3", endpoint_url=aws_url), f"test-{uuid4().hex}"
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return client, name


@pytest.fixture
def inbox(db: Databases, bucket: tuple[Any, str], aws_url: str) -> Inbox:
    return Inbox(db=db, objects=S3Objects(bucket[1], endpoint_url=aws_url))  # type: ignore[arg-type]


@pytest.fixture
def context(inbox: Inbox, redis_url: str, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield context_of(inbox, publisher, redis_url=redis_url, home=tmp_path)
    publisher.close()


def context_of(inbox: Inbox, publisher: Publisher, *, redis_url: str, home: Path) -> TaskContext:
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None, home=home, redis_url=redis_url, encryption_keys=KEYS, backup_days=7, trigger_project="first"
    )
    return TaskContext(
        db=inbox.db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=settings,
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
    )


def erase(inbox: Inbox, project: UUID, context: TaskContext, *, values: tuple[str, ...] = VALUES) -> UUID:
    """Ask for the values to be erased, as the console does."""
    with inbox.db("console").transaction(project=project) as tx:
        erasure = request_erasure(
            tx,
            project=project,
            values=values,
            ignore_case=True,
            reason="request 4711",
            requested_by="key:test",
            cipher=context.settings.cipher(),
            now=inbox.clock(),
        )
    return erasure.id


def attempt(inbox: Inbox, project: UUID, erasure: UUID, context: TaskContext) -> Task:
    """One attempt of the task, as a worker makes it."""
    with context.db.transaction() as tx:
        task = find_erasure(tx, project, erasure=erasure).task
        tx.execute("UPDATE tasks SET not_before = NULL WHERE id = %s", [task])
    run_task(ERASE_PERSON, erase_person, task_id=task, context=context)
    return inbox.task(task)


def finish(inbox: Inbox, project: UUID, erasure: UUID, context: TaskContext) -> Task:
    """Let the task come to its end, with time going by as it must."""
    inbox.clock.move(SETTLED)
    task = attempt(inbox, project, erasure, context)
    while task.state is State.RETRY:
        inbox.clock.move(IN_FLIGHT)
        task = attempt(inbox, project, erasure, context)
    return task


def compact(inbox: Inbox, *, later: timedelta) -> None:
    moment = inbox.clock() + later
    Compactor(db=inbox.db("worker"), objects=inbox.objects, clock=lambda: moment, new_id=new_id).run(
        until=moment + timedelta(minutes=4)
    )


def lines(number: int, *, who: str = NAME) -> list[dict[str, Any]]:
    """Entries of which every fifth holds the values, in each place in turn."""
    places: list[dict[str, Any]] = [
        {"message": f"payment refused for {who}, please call {MAIL}"},
        {
            "message": "kernel panic: out of memory",
            "attributes": {"user": {"name": who, MAIL: [1, f"<{who.upper()}>"]}},
        },
        {"message": "user logged in", "session": f"session of {who}"},
        {"message": f"GET /account?mail={MAIL.replace('@', '%40')} 200", "source": f"app of {who}"},
        {"message": f'{{"user": "{who}"}}', "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
    ]
    return [
        places[place // 5 % 5]
        if place % 5 == 0
        else {"message": f"request {place} took {place % 97} ms", "session": "s"}
        for place in range(number)
    ]


def put_everywhere(inbox: Inbox, project: UUID, context: TaskContext) -> None:
    """Let the values stand in each place that a user or a fault can put them into."""
    worker = inbox.db("worker")
    with worker.transaction() as tx:
        update_mail(tx, project, recipients=[MAIL, "other@example.org"], minimum_score=0.0)
    create_key(worker, project=project, name=f"of {NAME}", key_id=new_id(), now=inbox.clock(), scopes=[Scope.READ])
    for number in (200, 25):
        inbox.submit(project, *lines(number))
        inbox.score()
    compact(inbox, later=timedelta(hours=2))
    compact(inbox, later=timedelta(days=1))  # into an object
    for number in (150, 10):
        inbox.submit(project, *lines(number))
        inbox.score()
    compact(inbox, later=timedelta(hours=2))  # into a row
    inbox.submit(project, *lines(120))
    inbox.score()
    detect_sequences(db=worker, objects=inbox.objects, now=inbox.clock, gap=timedelta(minutes=10))
    waiting(inbox, project, *lines(30), key=f"key:order of {NAME}")
    dead = waiting(inbox, project, *lines(5), body_object_bytes=10)
    with worker.transaction() as tx:
        tx.execute("UPDATE submission_state SET state = 'dead', error = %s WHERE id = %s", [f"no {NAME}", dead])
        put_into_rows(tx, project)
    put_objects(inbox, project)


def waiting(inbox: Inbox, project: UUID, *items: dict[str, Any], key: str = "", body_object_bytes: int = 10**6) -> UUID:
    """Accept a submission that is not scored."""
    columns, _ = submissions.take_entries(items, now=inbox.clock())
    return submissions.accept(
        inbox.db("ingest"),
        project=project,
        columns=columns,
        answer=lambda _: {"refused": [{"detail": f"{NAME} is no time"}]},
        request_keys=[key] if key else [],
        body_hash=b"",
        now=inbox.clock(),
        objects=inbox.objects,
        body_object_bytes=body_object_bytes,
    ).submission


def put_into_rows(tx: Any, project: UUID) -> None:
    note = [project, new_id(), f"said {NAME.lower()}", new_id()]
    tx.execute(
        "INSERT INTO feedback (project_id, id, pattern_id, verdict, note, key_id, since)"
        " VALUES (%s, %s, 1, 'expected', %s, %s, now())",
        note,
    )
    tx.execute(
        "INSERT INTO sequence_feedback (project_id, id, note, key_id, entry_id, source_id, grouping, key, steps,"
        " length, verdict, since) VALUES (%s, %s, %s, %s, gen_random_uuid(), 1, %s, '', '', 1, 'expected', now())",
        [*note, f"attribute:{NAME}"],
    )
    tx.execute("UPDATE sources SET session_attribute = %s WHERE project_id = %s AND id = 1", [NAME, project])
    tx.execute(
        "INSERT INTO deliveries (id, project_id, task_id, channel, recipients, state, detail, created_at)"
        " VALUES (gen_random_uuid(), %s, %s, 'email', %s, 'failed', %s, now())",
        [project, new_id(), [MAIL], f"550 no {MAIL} here"],
    )
    tx.execute(
        "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at)"
        " VALUES (%s, %s, 'send_email', 'notifications', %s, 'FAILURE', %s, now())",
        [new_id(), project, json.dumps({"recipients": [MAIL], "text": NAME}), f"{NAME}: refused"],
    )
    tx.execute("INSERT INTO health_checks VALUES ('mail', false, %s, now())", [f"{MAIL} bounced"])
    tx.execute(
        "INSERT INTO masking_rules VALUES (%s, %s, '{}', '{}', %s, 'key:1', now())",
        [project, NAME, json.dumps([{"name": "own", "expression": NAME}])],
    )
    tx.execute(
        "INSERT INTO replays (id, project_id, model_version, source, time_from, time_to, created_at)"
        " VALUES (%s, %s, 'second', %s, now(), now(), now())",
        [new_id(), project, f"app of {NAME}"],
    )


def put_objects(inbox: Inbox, project: UUID) -> None:
    """What a merge that was killed left, what was deleted once, a sidecar, an upload: all with the values."""
    packed, sink = zstandard.compress(NAME.encode()), BytesIO()
    pl.DataFrame({"name": [NAME]}).write_parquet(sink)
    for key in (f"chunks/{project}/2026-11-01/{new_id()}", f"replays/{project}/{new_id()}/{new_id()}"):
        inbox.objects.put(key, sink.getvalue())
    for key in (f"bodies/2026-11-01/{project}/{new_id()}", "uploads/app/today.log"):
        inbox.objects.put(key, packed)
    inbox.objects.put("uploads/app/yesterday.log", NAME.encode())
    inbox.objects.delete("uploads/app/yesterday.log")


def stored_ids(inbox: Inbox, project: UUID) -> list[str]:
    page = list_entries(
        EntryQuery(), db=inbox.db("search"), objects=inbox.objects, project=project, now=inbox.clock(), limit=1_000
    )
    assert page.next is None
    return sorted(entry["id"] for entry in page.entries)


def holding(dumped: dict[str, str], values: tuple[str, ...] = VALUES) -> list[str]:
    """The names of what still holds a value, in whatever letters."""
    spelt = [value.lower() for value in (*values, MAIL.replace("@", "%40"))]
    return sorted(name for name, text in dumped.items() if any(one in text.lower() for one in spelt))


def test_what_is_erased_stands_nowhere_any_more(
    inbox: Inbox,
    context: TaskContext,
    project: UUID,
    other_project: UUID,
    bucket: tuple[Any, str],
    database_urls: dict[Side, str],
    redis_url: str,
) -> None:
    inbox.submit(other_project, *lines(120))
    inbox.score()
    put_everywhere(inbox, project, context)
    fold_counts(inbox.db("worker"))
    before = stored_ids(inbox, project)
    [(counted,)] = inbox.rows("SELECT sum(entries) FROM sources WHERE project_id = %s", project)
    theirs = {one: rows_of(inbox, one, other_project) for one in TABLES}
    held_before = holding(dump_database(database_urls["owner"]))

    task = finish(inbox, project, erase(inbox, project, context), context)

    assert task.state is State.SUCCESS, task.error
    assert {one: rows_of(inbox, one, other_project) for one in TABLES} == theirs
    forget(inbox, other_project)
    assert len(held_before) > 15
    assert holding(dump_database(database_urls["owner"])) == []
    assert [key for key in holding(dump_bucket(*bucket)) if str(other_project) not in key] == []
    assert holding({"redis": dump_redis(redis_url)}) == []
    assert stored_ids(inbox, project) == before
    fold_counts(inbox.db("worker"))
    [(counted_after,)] = inbox.rows("SELECT sum(entries) FROM sources WHERE project_id = %s", project)
    assert counted_after == counted
    assert sum(task.result["before"].values()) > 100
    assert set(task.result["after"].values()) == {0}
    assert task.result["searched"]["objects"] > 0
    assert task.result["backups_until"] == (inbox.clock() + timedelta(days=7)).date().isoformat()


def rows_of(inbox: Inbox, table: str, project: UUID) -> list[str]:
    return sorted(map(str, inbox.rows(f"SELECT * FROM {table} WHERE project_id = %s", project)))


def forget(inbox: Inbox, project: UUID) -> None:
    """Delete what a neighbour has, who may keep the values."""
    with inbox.db("worker").transaction() as tx:
        for table in TABLES:
            tx.execute(f"DELETE FROM {table} WHERE project_id = %s", [project])


def test_an_entry_that_is_scored_meanwhile_is_caught(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, {"message": f"late word of {NAME}"})
    [claimed] = submissions.claim_share(
        inbox.db("worker"),
        worker="slow",
        lines=100,
        lines_alone=100,
        after=UUID(int=0),
        after_retried=UUID(int=0),
        retried_first=False,
        lease=timedelta(minutes=5),
        now=inbox.clock(),
    )
    done = submissions.Finished(claimed=claimed, anomalies=0, highest_score=0.0, chunk_ids=(), result={})

    erasure = erase(inbox, project, context)
    inbox.clock.move(SETTLED)
    attempt(inbox, project, erasure, context)

    with pytest.raises(LostClaim), inbox.db("worker").transaction() as tx:
        submissions.finish(tx, [done], now=inbox.clock())
    inbox.score()
    assert inbox.entries(project)["message"].to_list() == ["late word of <erased>"]
    assert finish(inbox, project, erasure, context).state is State.SUCCESS


def test_a_merge_that_has_read_the_old_texts_loses(
    inbox: Inbox, context: TaskContext, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.submit(project, *lines(120))
    inbox.score()
    erasure, put = erase(inbox, project, context), inbox.objects.put
    inbox.clock.move(SETTLED)
    merges = iter([True])

    def erase_then_put(key: str, data: bytes, **options: Any) -> None:
        if next(merges, False):
            attempt(inbox, project, erasure, context)
        put(key, data, **options)

    compact(inbox, later=timedelta(hours=2))
    monkeypatch.setattr(inbox.objects, "put", erase_then_put)
    compact(inbox, later=timedelta(days=1))  # into an object: it stands in the middle of the merge
    task = finish(inbox, project, erasure, context)

    assert task.state is State.SUCCESS, task.error
    blobs = inbox.rows("SELECT 1 FROM compacted_chunks WHERE replaced_by IS NULL")
    assert len(blobs) == 1
    assert not any(NAME in message for message in messages(inbox, project))
    assert len(stored_ids(inbox, project)) == 120


def messages(inbox: Inbox, project: UUID) -> list[str]:
    page = list_entries(
        EntryQuery(), db=inbox.db("search"), objects=inbox.objects, project=project, now=inbox.clock(), limit=1_000
    )
    return [entry["message"] for entry in page.entries]


def test_what_is_listed_is_masked_in_all_that_comes_in(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    erase(inbox, project, context)
    book = RuleBook(context.settings.cipher)

    redaction = book.redaction(inbox.db("ingest"), project)
    columns, _ = submissions.take_entries(lines(25), now=inbox.clock(), redaction=redaction)

    assert holding({"columns": str(columns)}) == []
    assert columns.messages[0] == "payment refused for <erased>, please call <erased>"
    assert redaction.rules.whole.erase(f"key:{NAME}") == "key:<erased>"


def test_what_a_restore_brings_back_is_erased_again(
    inbox: Inbox, context: TaskContext, project: UUID, database_urls: dict[Side, str]
) -> None:
    finish(inbox, project, erase(inbox, project, context), context)
    with inbox.db("worker").transaction() as tx:  # as a database from before the erasure
        tx.execute("DELETE FROM erasures")
    inbox.submit(project, *lines(25))

    [task] = erase_again(inbox.db("worker"), inbox.objects, by=TESTER, now=inbox.clock())
    [(erasure,)] = inbox.rows("SELECT id FROM erasures")
    ended = finish(inbox, project, erasure, context)

    assert (ended.id, ended.state) == (task, State.SUCCESS)
    assert ended.result["before"]["submissions"] == 1
    assert holding(dump_database(database_urls["owner"])) == []


def test_a_folder_of_objects_is_cleaned_like_a_bucket(
    db: Databases, context: TaskContext, project: UUID, tmp_path: Path
) -> None:
    inbox = Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))
    context = replace(context, objects=inbox.objects, clock=inbox.clock)
    inbox.submit(project, *lines(25))
    inbox.score()
    compact(inbox, later=timedelta(hours=2))
    compact(inbox, later=timedelta(days=1))

    task = finish(inbox, project, erase(inbox, project, context), context)

    assert task.state is State.SUCCESS
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert [path for path in files if NAME.encode() in path.read_bytes()] == []
    assert task.result["searched"]["objects"] == 1


def test_what_cannot_be_taken_out_is_told_and_never_called_proved(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    task = finish(inbox, project, erase(inbox, project, context, values=("first",)), context)

    assert task.state is State.FAILURE
    assert task.error == "StillHeld: values still stand in: projects (1)"


@pytest.mark.parametrize(
    ("values", "reason"),
    [((), "r"), (("abc",), "r"), (("    ",), "r"), (("a\0bcd",), "r"), (("x" * 1_001,), "r"), ((NAME,), f"of {NAME}")],
)
def test_values_that_would_erase_the_rest_or_stand_in_the_reason_are_refused(
    inbox: Inbox, context: TaskContext, project: UUID, values: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(InvalidParameter), inbox.db("console").transaction(project=project) as tx:
        request_erasure(
            tx,
            project=project,
            values=values,
            ignore_case=False,
            reason=reason,
            requested_by="key:test",
            cipher=context.settings.cipher(),
            now=inbox.clock(),
        )


def test_what_is_stored_encrypted_is_opened_cleaned_and_closed_again(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    cipher = context.settings.cipher()
    others = Cipher(["another key that nobody knows"]).encrypt(NAME.encode()).decode()
    sealed = cipher.encrypt(json.dumps({"text": f"dear {NAME}", "n": 1}).encode()).decode()
    given = seal({"to": NAME}, cipher) | {"text": sealed, "others": others}
    with inbox.db("worker").transaction() as tx:
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at)"
            " VALUES (%s, %s, 'send_email', 'notifications', %s, 'FAILURE', %s, now())",
            [new_id(), project, json.dumps(given), f"sealed:{sealed}"],
        )

    assert finish(inbox, project, erase(inbox, project, context), context).state is State.SUCCESS

    [(payload, error)] = inbox.rows("SELECT payload, error FROM tasks WHERE name = 'send_email'")
    for token in (payload["text"], error.removeprefix("sealed:")):
        assert json.loads(cipher.decrypt(token.encode())) == {"text": "dear <erased>", "n": 1}
    assert unseal({"sealed": payload["sealed"]}, cipher) == {"to": "<erased>"}
    assert payload["others"] == others


# Columns of text in which nothing stands that came from outside: words of our own, numbers, names that operators give.
OWN = {
    "alembic_version.version_num", "api_keys.hash", "api_keys.prefix", "api_keys.retiring_secrets", "api_keys.scopes",
    "api_keys.signing_secrets", "compacted_chunks.object_key", "compacted_chunks.row_groups",
    "audit_actions.action", "audit_actions.actor", "audit_actions.details", "audit_actions.hash",
    "audit_chains.cut_hash", "audit_chains.hash", "audit_enrichments.error",
    "cursors.consumer", "deliveries.channel", "deliveries.state", "doomed_objects.object_key", "erasures.found",
    "erasures.looked", "erasures.proof", "erasures.secret", "erasures.state", "feedback.verdict",
    "health_checks.part", "hot_chunks.format", "hot_chunks.model_version", "idempotency_keys.body_hash",
    "incident_days.model_version", "masking_rules.turned_off", "masking_rules.turned_on", "model_choice.live",
    "model_choice.shadow", "model_history.action", "model_history.after", "model_history.before",
    "model_history.changed_by", "models.added_by", "models.config_sha256", "models.error", "models.metrics",
    "models.state",
    "models.version", "odd_entries.kind", "odd_entries.model_version", "odd_entries.severity_text",
    "odd_sequences.key", "odd_sequences.kind", "odd_sequences.steps", "pattern_memo.embedding",
    "members.issuer", "members.role",
    "pattern_memo.model_version", "pattern_memo.shares", "pattern_memo.views", "projects.name",
    "queue_holds.held_by", "queue_holds.queue", "queue_holds.reason", "rate_limits.rate", "rate_limits.set_by",
    "rate_limits.task",
    "rate_sources.recent", "rate_sources.season", "replay_sidecars.object_key", "replays.model_version",
    "schedule_runs.outcome", "schedules.actor", "schedules.catch_up", "schedules.expression", "schedules.starter",
    "schedules.state", "schedules.task", "schedules.timezone",
    "sequence_feedback.key", "sequence_feedback.steps", "sequence_feedback.verdict", "sequence_sources.profile",
    "sequence_sources.training", "source_calibration.drift", "source_calibration.model_version",
    "submission_state.state", "submission_state.worker", "tasks.name", "tasks.next_step", "tasks.queue",
    "system_alerts.kind", "system_alerts.subject",
    "tasks.state", "tasks.worker", "worker_processes.name", "worker_processes.stats", "worker_processes.worker",
    "worker_restarts.asked_by", "worker_restarts.class", "workers.classes", "workers.name", "workers.stats",
}  # fmt: skip
PLACED = {
    "compacted_chunks.blob", "compacted_chunks.token_filter", "hot_chunks.blob", "hot_chunks.token_filter",
    "open_sequences.entries", "pattern_memo.tokens", "patterns.hash", "patterns.pattern", "submissions.body",
    "submissions.body_object",
}  # fmt: skip


# What names people who call: encrypted with a key of each person, which is destroyed, or theirs as long as they belong
# to the project. A subject of the trail names a source or an id; it cannot be changed without breaking the chain.
OF_CALLERS = {
    "audit_actions.personal", "audit_actions.subject", "audit_enrichments.personal", "members.email", "members.subject",
    "person_keys.person", "person_keys.wrapped_key",
}  # fmt: skip


def test_of_every_column_it_is_said_whether_it_can_hold_what_came_from_outside(db: Databases) -> None:
    with db("owner").transaction() as tx:
        columns = tx.execute(
            "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND a.attnum > 0 AND NOT a.attisdropped"
            " AND format_type(a.atttypid, NULL) IN ('text', 'text[]', 'jsonb', 'json', 'bytea', 'character varying')"
        ).fetchall()

    erased = {f"{rows.table}.{column}" for rows in ROWS for column in rows.columns}

    assert sorted(erased | PLACED | OWN | OF_CALLERS) == sorted(column for (column,) in columns)
