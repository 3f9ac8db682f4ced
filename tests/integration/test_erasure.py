"""A person's values are erased wherever anybody could have put them, and nothing else changes."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
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

from oddline import audit, submissions
from oddline.audit import Action, Actor
from oddline.catalogue import CATALOGUE
from oddline.chunks.compaction import Compactor
from oddline.database import Database
from oddline.encryption import Cipher
from oddline.entries import EntryQuery, list_entries
from oddline.errors import Forbidden, InvalidParameter, LostClaim
from oddline.fleet import hold
from oddline.identity import Scope, caller_of_person, create_key, ensure_project, person_id, update_mail
from oddline.identity.model import Member, Role
from oddline.identity.store import insert_member, list_members
from oddline.local.valkey import ValkeyServer
from oddline.maintenance import renew_encryption
from oddline.notifications.store import record
from oddline.objects import FolderObjects, S3Objects
from oddline.privacy import ERASE_PERSON, IN_FLIGHT, SETTLED, erase_again, erase_person, find_erasure, request_erasure
from oddline.privacy.rows import ROWS
from oddline.redaction import RuleBook, open_values
from oddline.scoring import fold_counts
from oddline.scoring.sequences import detect_sequences
from oddline.settings import Settings, Side
from oddline.submissions import new_id
from oddline.tasks import NoPayload, Publisher, Queue, State, Task, TaskContext, raise_alert, run_task
from oddline.tasks.sealing import seal, seal_text, unseal

NAME = "Xaverine Quintilla"
MAIL = "x.quintilla@privat.example"
VALUES = (NAME, MAIL)
KEYS, ANOTHER_KEY = "a key that nobody can guess", "another key that nobody knows"
ISSUER = "https://issuer.example"
TABLES = (
    *("hot_chunks", "compacted_chunks", "submissions", "submission_state", "odd_entries", "open_sequences"),
    *("patterns", "pattern_memo", "sources"),
)


@dataclass(frozen=True, kw_only=True)
class World:
    """A project in which the values stood everywhere, and what is left of them after their erasure."""

    project: UUID
    inbox: Inbox
    context: TaskContext
    task: Task
    tables_before: list[str]
    tables: list[str]
    objects: list[str]
    queue: list[str]
    ids: tuple[list[str], list[str]]  # before and after, as the next ones
    entries: tuple[int, int]
    neighbour: tuple[dict[str, list[str]], dict[str, list[str]]]


@pytest.fixture(scope="module")
def bucket(aws_url: str) -> Iterator[tuple[Any, str]]:
    """A client of S3 and a bucket that keeps what is deleted."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client, name = boto3.client("s3", endpoint_url=aws_url), f"test-{uuid4().hex}"
        client.create_bucket(Bucket=name)
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        yield client, name


@pytest.fixture(scope="module")
def world(
    module_database_urls: dict[Side, str],
    bucket: tuple[Any, str],
    aws_url: str,
    valkey: ValkeyServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    opened: dict[Side, Database] = {}

    def db(side: Side) -> Database:
        return opened.setdefault(side, Database(module_database_urls[side], size=4, prepare=side == "worker"))

    inbox = Inbox(db=db, objects=S3Objects(bucket[1], endpoint_url=aws_url))  # type: ignore[arg-type]
    publisher = Publisher(valkey.url)
    context = context_of(inbox, publisher, redis_url=valkey.url, home=tmp_path_factory.mktemp("home"))
    yield erased_world(inbox, context, bucket=bucket, owner_url=module_database_urls["owner"])
    publisher.close()
    for database in opened.values():
        database.close()


def erased_world(inbox: Inbox, context: TaskContext, *, bucket: tuple[Any, str], owner_url: str) -> World:
    project, other = (
        ensure_project(context.db, name, new_id=new_id(), now=inbox.clock()) for name in ("first", "second")
    )
    cipher = context.settings.cipher()
    inbox.submit(other, *lines(60))
    inbox.score()
    put_everywhere(inbox, project, context)
    fold_counts(context.db)
    ids, entries = stored_ids(inbox, project), counted(inbox, project)
    theirs = {one: rows_of(inbox, one, other) for one in TABLES}
    tables_before = holding(dump_database(owner_url, cipher))

    task = finish(inbox, project, erase(inbox, project, context), context)

    fold_counts(context.db)
    theirs_after = {one: rows_of(inbox, one, other) for one in TABLES}
    forget(inbox, other)
    return World(
        project=project,
        inbox=inbox,
        context=context,
        task=task,
        tables_before=tables_before,
        tables=holding(dump_database(owner_url, cipher)),
        objects=[key for key in holding(dump_bucket(*bucket)) if str(other) not in key],
        queue=holding({"redis": dump_redis(context.settings.redis_url)}),
        ids=(ids, stored_ids(inbox, project)),
        entries=(entries, counted(inbox, project)),
        neighbour=(theirs, theirs_after),
    )


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))


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
        tx.execute(
            "UPDATE submission_state SET state = 'dead', error = %s, failures = %s WHERE id = %s",
            [f"no {NAME}", json.dumps([{"attempt": 1, "error": f"no {NAME}"}]), dead],
        )
        put_into_rows(tx, project)
        put_sealed(tx, project, cipher=context.settings.cipher())
        put_what_operators_see(tx, project)
    with inbox.db("console").transaction(project=project) as tx:
        put_members_and_schedules(tx, project, cipher=context.settings.cipher(), now=inbox.clock())
        put_file(tx, inbox, project)
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
    tx.execute(
        "INSERT INTO odd_entries SELECT (jsonb_populate_record(one, %s)).* FROM odd_entries one"
        " WHERE project_id = %s AND kind = 'anomaly' LIMIT 1",
        [json.dumps({"kind": "sequence"}), project],
    )
    tx.execute(
        "INSERT INTO odd_sequences (project_id, entry_id, kind, source_id, grouping, key, steps)"
        " SELECT project_id, id, kind, source_id, %s, '', '' FROM odd_entries"
        " WHERE project_id = %s AND kind = 'sequence'",
        [f"attribute:{NAME}", project],
    )
    tx.execute(
        "INSERT INTO sequence_sources (project_id, source_id, grouping, sessions, training) VALUES (%s, 1, %s, 1, '')",
        [project, f"attribute:{NAME}"],
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


def put_sealed(tx: Any, project: UUID, *, cipher: Cipher) -> None:
    """What is about people is encrypted, and what another key encrypted nobody can open."""
    mail = {"recipients": [MAIL, "bob@example.org"], "text": f"dear {NAME}", "n": 1}
    others = Cipher([ANOTHER_KEY]).encrypt(NAME.encode()).decode()
    for name, payload, error, failures in (
        ("mail", seal(mail, cipher), seal_text(f"no {MAIL} here", cipher), [{"attempt": 1, "error": NAME}]),
        ("of others", {"token": others}, None, []),
    ):
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, failures, created_at)"
            " VALUES (%s, %s, %s, 'notifications', %s, 'PENDING', %s, %s, now())",
            [new_id(), project, name, json.dumps(payload), error, json.dumps(failures)],
        )
    record(
        tx,
        project=project,
        task=new_id(),
        channel="email",
        recipients=[MAIL],
        state="failed",
        detail="550",
        cipher=cipher,
        at=datetime.now(UTC),
    )


def put_what_operators_see(tx: Any, project: UUID) -> None:
    for whose in (project, None):
        raise_alert(tx, kind="test", subject=f"of {NAME}", text=f"{MAIL}: no", now=datetime.now(UTC), project=whose)
    hold(tx, Queue.FILE_PROCESSING, by="command line", reason=f"{NAME} sent too much", now=datetime.now(UTC))


def put_members_and_schedules(tx: Any, project: UUID, *, cipher: Cipher, now: datetime) -> None:
    for subject, email in ((None, MAIL), (NAME, None), (None, "other@example.org")):
        member = Member(
            id=new_id(),
            issuer=ISSUER,
            subject=subject,
            email=email,
            role=Role.MEMBER,
            created_at=now,
            last_seen_at=None,
        )
        assert insert_member(tx, member, project=project)
    for actor, name in (("key:1", NAME), ("key:2", "somebody else"), (f"person:{person_id(ISSUER, NAME)}", "X. Q.")):
        by = Actor(id=actor, cipher=cipher, name=name)
        audit.record(tx, project=project, by=by, action=Action.PROJECT_CHANGED, subject=f"project:{project}", now=now)
    for name in (NAME, MAIL):
        schedule = new_id()
        tx.execute(
            "INSERT INTO schedules (id, project_id, name, task, payload, expression, timezone, catch_up, state,"
            " starter, actor, created_at, changed_at) VALUES (%s, %s, %s, 'send_email', %s, 'rate(1 day)', 'UTC',"
            " 'none', 'paused', 'admin', 'key:1', clock_timestamp(), now())",
            [schedule, project, f"to {name}", json.dumps(seal({"text": name}, cipher))],
        )
        tx.execute(
            "INSERT INTO schedule_runs (schedule_id, project_id, planned, fired_at, outcome, detail)"
            " VALUES (%s, %s, now(), now(), 'refused', %s)",
            [schedule, project, f"no {name}"],
        )


def put_file(tx: Any, inbox: Inbox, project: UUID) -> None:
    """One whose name holds a value, and whose bytes do not: so it stays, with another name."""
    file = new_id()
    inbox.objects.put(f"files/{project}/{file}", b"nothing")
    tx.execute(
        "INSERT INTO files (project_id, id, name, source, state, size, object_key, created_at)"
        " VALUES (%s, %s, %s, 'app', 'processed', 7, %s, now())",
        [project, file, f"{NAME}.log", f"files/{project}/{file}"],
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


def counted(inbox: Inbox, project: UUID) -> int:
    [(entries,)] = inbox.rows("SELECT sum(entries) FROM sources WHERE project_id = %s", project)
    return int(entries)


def holding(dumped: dict[str, str], values: tuple[str, ...] = VALUES) -> list[str]:
    """The names of what still holds a value, in whatever letters."""
    spelt = [value.lower() for value in (*values, MAIL.replace("@", "%40"))]
    return sorted(name for name, text in dumped.items() if any(one in text.lower() for one in spelt))


def test_what_is_erased_stands_nowhere_any_more(world: World) -> None:
    assert world.task.state is State.SUCCESS, world.task.error
    assert world.tables == []
    assert world.objects == []
    assert world.queue == []


def test_it_has_stood_in_every_table_that_can_hold_it(world: World) -> None:
    # What none but the test of the erasure itself puts there: its reason, and who asked for it.
    assert sorted({rows.table for rows in ROWS} - set(world.tables_before) - {"erasures"}) == []
    assert {"members", "submissions", "hot_chunks", "compacted_chunks", "patterns"} <= set(world.tables_before)


def test_nothing_else_changes(world: World) -> None:
    for before, after in (world.ids, world.entries, world.neighbour):
        assert after == before


def test_the_proof_says_what_was_erased_and_searched(world: World) -> None:
    proof = world.task.result

    assert sum(proof["before"].values()) > 100
    assert set(proof["after"].values()) == {0}
    assert proof["searched"]["objects"] > 0
    assert proof["backups_until"] == (world.inbox.clock() + timedelta(days=7)).date().isoformat()


def test_to_wait_for_what_is_under_way_is_no_failure(world: World) -> None:
    assert world.task.attempt > 1
    assert list(world.task.failures) == []


def test_what_is_stored_encrypted_is_opened_cleaned_and_closed_again(world: World) -> None:
    cipher = world.context.settings.cipher()

    [(payload, error, failures)] = world.inbox.rows("SELECT payload, error, failures FROM tasks WHERE name = 'mail'")
    [(kept,)] = world.inbox.rows("SELECT payload FROM tasks WHERE name = 'of others'")
    [(sealed, recipients)] = world.inbox.rows("SELECT sealed, recipients FROM deliveries WHERE sealed IS NOT NULL")
    planned = world.inbox.rows("SELECT payload FROM schedules")

    assert unseal(payload, cipher) == {"recipients": ["<erased>", "bob@example.org"], "text": "dear <erased>", "n": 1}
    assert unseal(error, cipher) == "no <erased> here"
    assert failures == [{"attempt": 1, "error": "<erased>"}]
    assert Cipher([ANOTHER_KEY]).decrypt(kept["token"].encode()).decode() == NAME
    assert json.loads(cipher.decrypt(sealed.encode())) == {"recipients": ["<erased>"], "detail": "550"}
    assert recipients == ["<erased>"]
    assert [unseal(payload, cipher) for (payload,) in planned] == [{"text": "<erased>"}] * 2


def test_who_is_erased_belongs_to_the_project_no_more(world: World) -> None:
    with world.inbox.db("console").transaction(project=world.project) as tx:
        left = [member.email for member in list_members(tx, before=None, limit=10)]

    assert left == ["other@example.org"]
    for subject, claims in (("7", {"email": MAIL, "email_verified": True}), (NAME, {})):
        with pytest.raises(Forbidden):
            caller_of_person(
                world.inbox.db("console"),
                {"iss": ISSUER, "sub": subject, **claims},
                wanted=None,
                now=world.inbox.clock(),
            )


def test_in_the_audit_trail_who_is_erased_alone_is_forgotten(world: World) -> None:
    with world.inbox.db("console").transaction(project=world.project) as tx:
        entries = audit.list_actions(tx, world.project, audit.Query(), cipher=world.context.settings.cipher(), limit=50)
    told = [entry.view() for entry in entries]
    person = f"person:{person_id(ISSUER, NAME)}"

    assert {one["actor"]: one["name"] for one in told if one["action"] == Action.PROJECT_CHANGED} == {
        "key:1": "erased",
        "key:2": "somebody else",
        person: "erased",
    }
    assert {one["subject"] for one in told if one["action"] == Action.PERSON_FORGOTTEN} == {"key:1", person}


def test_schedules_whose_names_would_be_one_are_told_apart(world: World) -> None:
    rows = world.inbox.rows("SELECT id, name FROM schedules ORDER BY created_at")

    (_, first), (second_id, second) = rows
    assert [first, second] == ["to <erased>", f"to <erased>-{second_id}"]


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


def test_what_is_listed_is_masked_in_all_that_comes_in(world: World) -> None:
    book = RuleBook(world.context.settings.cipher)

    redaction = book.redaction(world.inbox.db("ingest"), world.project)
    columns, _ = submissions.take_entries(lines(25), now=world.inbox.clock(), redaction=redaction)

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

    by = replace(TESTER, cipher=context.settings.cipher())
    [task] = erase_again(inbox.db("worker"), inbox.objects, by=by, now=inbox.clock())
    [(erasure,)] = inbox.rows("SELECT id FROM erasures")
    ended = finish(inbox, project, erasure, context)

    assert (ended.id, ended.state) == (task, State.SUCCESS)
    assert ended.result["before"]["submissions"] == 1
    assert holding(dump_database(database_urls["owner"], context.settings.cipher())) == []


def test_a_folder_of_objects_is_cleaned_like_a_bucket(
    inbox: Inbox, context: TaskContext, project: UUID, tmp_path: Path
) -> None:
    inbox.submit(project, *lines(25))
    inbox.score()
    compact(inbox, later=timedelta(hours=2))
    compact(inbox, later=timedelta(days=1))

    task = finish(inbox, project, erase(inbox, project, context), context)

    assert task.state is State.SUCCESS
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert [path for path in files if NAME.encode() in path.read_bytes()] == []
    assert task.result["searched"]["objects"] == 1


def test_after_a_change_of_keys_the_values_are_kept_out_by_the_new_one_alone(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    finish(inbox, project, erase(inbox, project, context), context)
    both = replace(context, settings=context.settings.model_copy(update={"encryption_keys": f"{ANOTHER_KEY},{KEYS}"}))

    done = [renew_encryption(NoPayload(), both)["erasures"] for _ in range(2)]

    assert done == [1, 0]
    [kept] = inbox.objects.list("erasures/")
    [(secret,)] = inbox.rows("SELECT secret FROM erasures")
    for stored in (bytes(secret), json.loads(inbox.objects.get(kept.key))["secret"].encode()):
        assert open_values(stored, Cipher([ANOTHER_KEY])) == VALUES


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
    world: World, values: tuple[str, ...], reason: str
) -> None:
    with (
        pytest.raises(InvalidParameter),
        world.inbox.db("console").transaction(project=world.project) as tx,
    ):
        request_erasure(
            tx,
            project=world.project,
            values=values,
            ignore_case=False,
            reason=reason,
            requested_by="key:test",
            cipher=world.context.settings.cipher(),
            now=world.inbox.clock(),
        )


class Accepted(Exception):
    """Raised where a request was taken, so that nothing of it stays."""


def test_erasures_that_could_not_be_looked_for_together_are_refused_so_that_logs_are_taken_for_ever(
    world: World,
) -> None:
    def ask(letters: str) -> None:
        with world.inbox.db("console").transaction(project=world.project) as tx:
            request_erasure(
                tx,
                project=world.project,
                values=[f"{number:03}{letters * 240}" for number in range(50)],
                ignore_case=True,
                reason="",
                requested_by="key:test",
                cipher=world.context.settings.cipher(),
                now=world.inbox.clock(),
            )
            raise Accepted

    with pytest.raises(Accepted):
        ask("a")
    with pytest.raises(InvalidParameter, match="too many"):
        ask("\u0416\u0434\u0436\u0414")


# Columns of text in which nothing stands that came from outside: words of our own, numbers, names that operators give.
OWN = {
    "alembic_version.version_num", "api_keys.hash", "api_keys.prefix", "api_keys.retiring_secrets", "api_keys.scopes",
    "api_keys.signing_secrets", "compacted_chunks.object_key", "compacted_chunks.row_groups", "cursors.consumer",
    "deliveries.channel", "deliveries.state", "doomed_objects.object_key", "erasures.found", "erasures.looked",
    "erasures.proof", "erasures.secret", "erasures.state", "feedback.verdict", "files.found",
    "files.format", "files.object_version", "files.state", "files.upload", "files.zone", "health_checks.part",
    "hot_chunks.format", "hot_chunks.model_version", "idempotency_keys.body_hash", "incident_days.model_version",
    "masking_rules.turned_off", "masking_rules.turned_on", "members.issuer", "members.role", "model_choice.live",
    "model_choice.shadow", "model_history.action", "model_history.after", "model_history.before",
    "model_history.changed_by", "models.added_by", "models.config_sha256", "models.error", "models.metrics",
    "models.state", "models.version", "odd_entries.kind", "odd_entries.model_version", "odd_entries.severity_text",
    "odd_sequences.key", "odd_sequences.kind", "odd_sequences.steps", "pattern_memo.embedding",
    "pattern_memo.model_version", "pattern_memo.shares", "pattern_memo.views", "projects.name", "queue_holds.held_by",
    "queue_holds.queue", "rate_limits.rate", "rate_limits.set_by", "rate_limits.task", "rate_sources.recent",
    "rate_sources.season", "replay_sidecars.object_key", "replays.model_version", "schedule_runs.outcome",
    "schedules.catch_up", "schedules.expression", "schedules.starter", "schedules.state", "schedules.task",
    "schedules.timezone", "sequence_feedback.key", "sequence_feedback.steps", "sequence_feedback.verdict",
    "sequence_sources.profile", "sequence_sources.training", "source_calibration.drift",
    "source_calibration.model_version", "submission_state.state", "submission_state.worker", "system_alerts.kind",
    "tasks.name", "tasks.next_step", "tasks.queue", "tasks.state", "tasks.worker", "worker_processes.name",
    "worker_processes.stats", "worker_processes.worker", "worker_restarts.asked_by", "worker_restarts.class",
    "workers.classes", "workers.name", "workers.stats",
}  # fmt: skip
PLACED = {
    "compacted_chunks.blob", "compacted_chunks.token_filter", "hot_chunks.blob", "hot_chunks.token_filter",
    "files.object_key", "members.email", "members.subject",
    "open_sequences.entries", "pattern_memo.tokens", "patterns.hash", "patterns.pattern", "submissions.body",
    "submissions.body_object",
}  # fmt: skip
# Nothing can change a row of it: what names somebody is encrypted under a key of theirs, which is destroyed.
TRAIL = {
    "audit_actions.action", "audit_actions.actor", "audit_actions.details", "audit_actions.hash",
    "audit_actions.personal", "audit_actions.subject", "audit_chains.cut_hash", "audit_chains.hash",
    "audit_enrichments.error", "audit_enrichments.personal", "person_keys.person", "person_keys.wrapped_key",
}  # fmt: skip


def test_of_every_column_it_is_said_whether_it_can_hold_what_came_from_outside(
    module_database_urls: dict[Side, str],
) -> None:
    with closing(Database(module_database_urls["owner"], size=1)) as db, db.transaction() as tx:
        columns = tx.execute(
            "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND a.attnum > 0 AND NOT a.attisdropped"
            " AND format_type(a.atttypid, NULL) IN ('text', 'text[]', 'jsonb', 'json', 'bytea', 'character varying')"
        ).fetchall()

    erased = {f"{rows.table}.{column}" for rows in ROWS for column in rows.columns}

    assert sorted(erased | PLACED | OWN | TRAIL) == sorted(column for (column,) in columns)
