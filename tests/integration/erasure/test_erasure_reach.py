"""A tenant's erasure changes and searches what is the tenant's own; an operator's also what belongs to nobody."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import redis
from erasing import MAIL, NAME, erase, finish
from inbox import Databases, Inbox

from oddline.catalogue import CATALOGUE
from oddline.fleet import hold
from oddline.notifications.store import record
from oddline.privacy import find_erasure
from oddline.submissions import new_id
from oddline.tasks import Queue, State, TaskContext, raise_alert

INSTALLATION_ROWS = (
    "SELECT reason FROM queue_holds",
    "SELECT detail FROM health_checks WHERE part = 'mail'",
    "SELECT subject || text FROM system_alerts WHERE project_id IS NULL",
    "SELECT error FROM tasks WHERE project_id IS NULL AND name = 'compact_chunks'",
)

# Tables without a project: which workers, models and limits there are, what operators do, and keys of objects that go.
THE_INSTALLATIONS = [
    *("alembic_version", "doomed_objects", "health_checks", "instance", "model_choice", "model_history", "models"),
    *("oldest_transaction", "queue_holds", "rate_limits", "worker_processes", "worker_restarts", "workers"),
]


@pytest.fixture
def installation(inbox: Inbox) -> Inbox:
    """What belongs to no project and holds the values."""
    with inbox.db("worker").transaction() as tx:
        hold(tx, Queue.FILE_PROCESSING, by="command line", reason=f"{NAME} sent too much", now=datetime.now(UTC))
        tx.execute("INSERT INTO health_checks VALUES ('mail', false, %s, now())", [f"{MAIL} bounced"])
        raise_alert(tx, kind="test", subject=f"of {NAME}", text=f"{MAIL}: no", now=datetime.now(UTC))
        put_task(tx, None, name="compact_chunks", payload={}, state="FAILURE", error=f"cannot read {NAME}")
    return inbox


@pytest.fixture
def broker(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def put_task(
    tx: Any, project: UUID | None, *, payload: Any, name: str = "send_email", state: str = "PENDING", error: str = ""
) -> UUID:
    task = new_id()
    tx.execute(
        "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at)"
        " VALUES (%s, %s, %s, 'notifications', %s, %s, %s, now())",
        [task, project, name, json.dumps(payload), state, error],
    )
    return task


def told(inbox: Inbox) -> str:
    return str([inbox.rows(statement) for statement in INSTALLATION_ROWS])


def message(task: UUID, *, text: str) -> str:
    """A message about a task that carries more than it should."""
    return json.dumps({"body": base64.b64encode(json.dumps([[str(task)], {"x": text}, {}]).encode()).decode()})


def test_a_tenants_erasure_neither_changes_nor_tells_of_what_belongs_to_no_project(
    installation: Inbox, context: TaskContext, project: UUID, broker: Any
) -> None:
    before = told(installation)
    broker.set("of the operator", NAME)

    erasure = erase(installation, project, context)
    task = finish(installation, project, erasure, context)

    assert (task.state, task.result["reach"]) == (State.SUCCESS, "project")
    assert sum(task.result["before"].values()) == 0
    assert told(installation) == before
    with context.db.transaction() as tx:
        assert find_erasure(tx, project, erasure=erasure).view()["reach"] == "project"


def test_an_operators_erasure_cleans_and_searches_what_belongs_to_no_project(
    installation: Inbox, context: TaskContext, project: UUID, broker: Any
) -> None:
    broker.set("of the operator", NAME)

    erasure = erase(installation, project, context, operator=True)
    task = finish(installation, project, erasure, context)

    assert (task.state, task.error) == (State.FAILURE, "StillHeld: values still stand in: queue (1)")
    assert NAME not in told(installation)
    assert MAIL not in told(installation)


def test_what_stands_at_another_tenants_is_neither_changed_nor_told(
    inbox: Inbox, context: TaskContext, project: UUID, other_project: UUID, broker: Any
) -> None:
    with inbox.db("worker").transaction() as tx:
        theirs = put_task(tx, other_project, payload={"text": NAME})
        raise_alert(tx, kind="test", subject=NAME, text=MAIL, now=datetime.now(UTC), project=other_project)
    broker.rpush("notifications", message(theirs, text=NAME))

    task = finish(inbox, project, erase(inbox, project, context), context)

    assert task.state is State.SUCCESS, task.error
    assert task.result["searched"]["queue_messages"] == 0
    assert inbox.rows("SELECT payload FROM tasks WHERE id = %s", theirs) == [({"text": NAME},)]
    assert inbox.rows("SELECT subject, text FROM system_alerts") == [(NAME, MAIL)]


def test_alerts_and_mails_about_a_projects_data_are_cleaned_for_the_project(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    cipher = context.settings.cipher()
    with inbox.db("worker").transaction() as tx:
        task = raise_alert(tx, kind="test", subject=f"of {NAME}", text=MAIL, now=datetime.now(UTC), project=project)
        assert task is not None
        sent: dict[str, Any] = {"channel": "email", "recipients": [MAIL], "state": "sent", "detail": NAME}
        record(tx, project=project, task=task, cipher=cipher, at=datetime.now(UTC), **sent)

    ended = finish(inbox, project, erase(inbox, project, context), context)

    assert ended.state is State.SUCCESS, ended.error
    assert inbox.rows("SELECT subject, text FROM system_alerts") == [("of <erased>", "<erased>")]
    [(payload,)] = inbox.rows("SELECT payload FROM tasks WHERE id = %s", task)
    assert payload == {"kind": "test", "subject": "of <erased>", "text": "<erased>", "smoke": False}
    [(sealed,)] = inbox.rows("SELECT sealed FROM deliveries")
    assert json.loads(cipher.decrypt(sealed.encode())) == {"recipients": ["<erased>"], "detail": "<erased>"}


@pytest.mark.parametrize("taken", [False, True])
def test_a_message_about_the_projects_own_task_that_holds_a_value_is_told(
    inbox: Inbox, context: TaskContext, project: UUID, broker: Any, taken: bool
) -> None:
    with inbox.db("worker").transaction() as tx:
        own = message(put_task(tx, project, payload={}), text=NAME)
    if taken:  # as kombu keeps what is not acknowledged
        broker.hset("unacked", "tag", f'[{own}, "", "notifications"]')
    else:
        broker.rpush("notifications", own)

    task = finish(inbox, project, erase(inbox, project, context), context)

    assert task.error == "StillHeld: values still stand in: queue (1)"


def test_of_what_tasks_are_given_only_values_are_changed_and_never_the_names_by_which_it_is_read(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    given = {"recipients": [MAIL], "subject": "of recipients", "text": "a text", "html": None}
    with inbox.db("worker").transaction() as tx:
        task_id = put_task(tx, project, payload=given)

    erasure = erase(inbox, project, context, values=("recipients", "text", MAIL))
    task = finish(inbox, project, erasure, context)

    assert task.state is State.SUCCESS, task.error
    [(payload,)] = inbox.rows("SELECT payload FROM tasks WHERE id = %s", task_id)
    assert payload == {"recipients": ["<erased>"], "subject": "of <erased>", "text": "a <erased>", "html": None}


def test_of_what_a_task_is_given_every_name_is_ours() -> None:
    schemas = {spec.name: json.dumps(spec.payload.model_json_schema()) for spec in CATALOGUE.values()}

    # What a model says of a mapping, whose names can be any; of its own members it says that there are no others.
    of_any_name = [
        name
        for name, schema in schemas.items()
        if schema.count('"additionalProperties"') > schema.count('"additionalProperties": false')
    ]

    assert of_any_name == ["search_entries"]  # whose names are those of `EntryQuery`


def test_the_tables_that_a_tenants_erasure_leaves_out_hold_nothing_of_a_tenant(db: Databases) -> None:
    with db("owner").transaction() as tx:
        tables = tx.execute(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND relname <> 'projects' AND NOT EXISTS (SELECT 1 FROM pg_attribute a"
            " WHERE a.attrelid = c.oid AND a.attname = 'project_id' AND NOT a.attisdropped) ORDER BY relname"
        ).fetchall()

    assert [name for (name,) in tables] == THE_INSTALLATIONS
