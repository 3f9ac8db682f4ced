"""A person's values are erased wherever anybody could have put them, and nothing else changes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from dumping import dump_bucket, dump_database, dump_redis
from erasing import ANOTHER_KEY, ISSUER, MAIL, NAME, context_of, erase, finish, holding, lines, stored_ids
from filled_places import put_everywhere
from inbox import Inbox

from oddline import audit, submissions
from oddline.audit import Action
from oddline.database import Database
from oddline.encryption import Cipher
from oddline.errors import Forbidden
from oddline.identity import caller_of_person, ensure_project, person_id
from oddline.identity.store import list_members
from oddline.local.valkey import ValkeyServer
from oddline.objects import S3Objects
from oddline.privacy.rows import ROWS
from oddline.redaction import RuleBook
from oddline.scoring import fold_counts
from oddline.settings import Side
from oddline.submissions import new_id
from oddline.tasks import Publisher, State, Task, TaskContext
from oddline.tasks.sealing import unseal

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

    task = finish(inbox, project, erase(inbox, project, context, operator=True), context)

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


def counted(inbox: Inbox, project: UUID) -> int:
    [(entries,)] = inbox.rows("SELECT sum(entries) FROM sources WHERE project_id = %s", project)
    return int(entries)


def rows_of(inbox: Inbox, table: str, project: UUID) -> list[str]:
    return sorted(map(str, inbox.rows(f"SELECT * FROM {table} WHERE project_id = %s", project)))


def forget(inbox: Inbox, project: UUID) -> None:
    """Delete what a neighbour has, who may keep the values."""
    with inbox.db("worker").transaction() as tx:
        for table in TABLES:
            tx.execute(f"DELETE FROM {table} WHERE project_id = %s", [project])


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
    assert proof["failed_events_until"] == (world.inbox.clock() + timedelta(days=14)).date().isoformat()


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
    assert {one["subject"] for one in told if one["action"] == Action.PERSON_FORGOTTEN} == {
        *("key:1", "key:3"),
        person,
    }


def test_schedules_whose_names_would_be_one_are_told_apart(world: World) -> None:
    rows = world.inbox.rows("SELECT id, name FROM schedules ORDER BY created_at")

    (_, first), (second_id, second) = rows
    assert [first, second] == ["to <erased>", f"to <erased>-{second_id}"]


def test_what_is_listed_is_masked_in_all_that_comes_in(world: World) -> None:
    book = RuleBook(world.context.settings.cipher)

    redaction = book.redaction(world.inbox.db("ingest"), world.project)
    columns, _ = submissions.take_entries(lines(25), now=world.inbox.clock(), redaction=redaction)

    assert holding({"columns": str(columns)}) == []
    assert columns.messages[0] == "payment refused for <erased>, please call <erased>"
    assert redaction.rules.whole.erase(f"key:{NAME}") == "key:<erased>"
