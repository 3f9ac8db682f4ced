"""What notification tasks are given and give back is encrypted in the ledger, under keys that can be changed."""

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from reading import Databases, client_with_key, key_of
from smtp_server import Mailbox, smtp_server
from starlette.testclient import TestClient
from worker_process import ROOT, StartWorker

from functions.console.app import router
from oddline.catalogue import CATALOGUE
from oddline.encryption import Cipher
from oddline.errors import Undecipherable
from oddline.identity import Scope
from oddline.maintenance import renew_encryption
from oddline.notifications import SEND_EMAIL, EmailPayload, send_email
from oddline.notifications.store import sent_to
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side, load_settings
from oddline.submissions import new_id
from oddline.tasks import NoPayload, Publisher, State, Task, TaskContext, enqueue, find, opened, run_task

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ADA = "ada@example.org"
MAIL = EmailPayload(recipients=(ADA, "no address"), subject="Hello", text="Dear Ada")
OLD, NEW = load_settings().encryption_keys, "a key that came later"
ABOUT_PEOPLE = ("ada@", "Dear Ada", "no address")


@pytest.fixture
def context(db: Databases, tmp_path: Path) -> TaskContext:
    return TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path / "objects"),
        publisher=Publisher("redis://127.0.0.1:1/0"),
        settings=Settings(_env_file=None, home=tmp_path),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=lambda: NOW,
    )


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as mailbox:
        yield mailbox


def with_keys(context: TaskContext, *keys: str, **settings: Any) -> TaskContext:
    changed = {"encryption_keys": ",".join(keys), **settings}
    return replace(context, settings=context.settings.model_copy(update=changed))


def start(context: TaskContext, project: UUID | None = None, payload: EmailPayload = MAIL) -> UUID:
    task_id = new_id()
    with context.db.transaction() as tx:
        enqueue(tx, SEND_EMAIL, payload, task_id=task_id, project=project, now=NOW)
    return task_id


def stored(context: TaskContext) -> str:
    """All that the ledger and the deliveries hold, as somebody with a copy of the database reads it."""
    with context.db.transaction() as tx:
        tasks = tx.execute("SELECT to_jsonb(tasks) FROM tasks").fetchall()
        deliveries = tx.execute("SELECT to_jsonb(deliveries) FROM deliveries").fetchall()
    return json.dumps([tasks, deliveries])


def read(context: TaskContext, task_id: UUID) -> Task:
    with context.db.transaction() as tx:
        task = find(tx, task_id)
    assert task is not None
    return task


def test_a_mail_leaves_nothing_about_people_in_the_database_to_read(context: TaskContext, mailbox: Mailbox) -> None:
    context = with_keys(context, OLD, smtp_url=mailbox.url)
    task_id = start(context)

    run_task(SEND_EMAIL, send_email, task_id=task_id, context=context)

    assert mailbox.reached == [ADA]
    assert [word for word in ABOUT_PEOPLE if word in stored(context)] == []
    plain = opened(read(context, task_id), Cipher([OLD]))
    assert EmailPayload.model_validate(plain.payload) == MAIL
    assert (plain.state, plain.result) == (State.SUCCESS, {"sent": 1, "refused": 1})


def test_the_deliveries_show_recipients_masked_and_know_who_has_the_mail(
    context: TaskContext, mailbox: Mailbox
) -> None:
    context = with_keys(context, OLD, smtp_url=mailbox.url)
    task_id = start(context)

    run_task(SEND_EMAIL, send_email, task_id=task_id, context=context)

    with context.db.transaction() as tx:
        rows = tx.execute("SELECT state, recipients FROM deliveries ORDER BY state DESC").fetchall()
        has_it = sent_to(tx, task=task_id, channel="email", cipher=Cipher([OLD]))
    assert rows == [("sent", ["a***@example.org"]), ("failed", ["n***"])]
    assert has_it == {ADA}


def test_an_error_that_quotes_an_address_is_sealed_and_stays_out_of_the_log(
    context: TaskContext, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = start(context, payload=MAIL.model_copy(update={"recipients": ("no address",)}))

    run_task(SEND_EMAIL, send_email, task_id=task_id, context=context)

    assert read(context, task_id).view()["error"] == "sealed"
    assert "no address" not in stored(context) + caplog.text
    assert "no address" in (opened(read(context, task_id), Cipher([OLD])).error or "")


def test_after_a_change_of_keys_and_a_renewal_the_old_key_can_go(context: TaskContext, mailbox: Mailbox) -> None:
    sent, waiting = start(context), start(context)
    run_task(SEND_EMAIL, send_email, task_id=sent, context=with_keys(context, OLD, smtp_url=mailbox.url))

    done = renew_encryption(NoPayload(), with_keys(context, NEW, OLD))

    assert done | {"tasks": 2, "deliveries": 2} == done
    assert set(renew_encryption(NoPayload(), with_keys(context, NEW, OLD)).values()) == {0}
    context = with_keys(context, NEW, smtp_url=mailbox.url)
    run_task(SEND_EMAIL, send_email, task_id=waiting, context=context)
    again = send_email(MAIL, replace(context, task_id=sent))
    assert read(context, waiting).state is State.SUCCESS
    assert again == {"sent": 1, "refused": 1}
    assert mailbox.reached == [ADA, ADA]  # once for each task
    with pytest.raises(Undecipherable):
        opened(read(context, sent), Cipher([OLD]))


def test_without_the_renewal_the_old_key_is_missed_and_the_task_says_so(context: TaskContext) -> None:
    task_id = start(context)

    run_task(SEND_EMAIL, send_email, task_id=task_id, context=with_keys(context, NEW))

    task = read(context, task_id)
    assert task.state is State.FAILURE
    assert "Undecipherable" in (opened(replace(task, payload={}), Cipher([NEW])).error or "")
    with pytest.raises(Undecipherable):
        renew_encryption(NoPayload(), with_keys(context, NEW))


def test_what_an_older_version_left_in_the_clear_is_sealed_by_the_renewal(context: TaskContext) -> None:
    task_id = start(context)
    with context.db.transaction() as tx:
        tx.execute("UPDATE tasks SET payload = %s, error = 'ada@example.org: no'", [MAIL.model_dump_json()])
        tx.execute(
            "INSERT INTO deliveries (id, task_id, channel, recipients, state, detail, created_at)"
            " VALUES (%s, %s, 'email', '{ada@example.org}', 'sent', 'ada@ has it', %s)",
            [new_id(), task_id, NOW],
        )

    done = renew_encryption(NoPayload(), context)

    assert done | {"tasks": 1, "deliveries": 1} == done
    assert [word for word in ABOUT_PEOPLE if word in stored(context)] == []
    with context.db.transaction() as tx:
        assert sent_to(tx, task=task_id, channel="email", cipher=Cipher([OLD])) == {ADA}


# Who sees it


@pytest.fixture
def client_of_scope(
    db: Databases, redis_url: str, tmp_path: Path, project: UUID
) -> Iterator[Callable[[Scope], TestClient]]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:

        def of(scope: Scope) -> TestClient:
            client.headers.update(key_of(db, project, scope))
            return client

        yield of


def test_only_an_admin_opens_a_sealed_task_and_only_by_itself(
    context: TaskContext, client_of_scope: Callable[[Scope], TestClient], project: UUID
) -> None:
    bad = MAIL.model_copy(update={"recipients": ("no address",)})
    task_id = start(context, project, bad)
    run_task(SEND_EMAIL, send_email, task_id=task_id, context=context)

    seen = {scope: client_of_scope(scope).get(f"/api/v1/tasks/{task_id}").json() for scope in (Scope.READ, Scope.ADMIN)}
    lists = [client_of_scope(Scope.ADMIN).get(path).text for path in ("/api/v1/tasks", "/api/v1/tasks/dead-letters")]

    assert seen[Scope.ADMIN]["payload"] == bad.model_dump(mode="json")
    assert "no address" in seen[Scope.ADMIN]["error"]
    assert (seen[Scope.READ]["error"], "payload" in seen[Scope.READ]) == ("sealed", False)
    assert ["no address" in text for text in lists] == [False, False]
    assert '"payload":"sealed"' in lists[1]


def test_a_worker_without_a_key_does_not_start(database_urls: dict[Side, str], redis_url: str, tmp_path: Path) -> None:
    env = os.environ | {
        "ODDLINE_DATABASE_URL_WORKER": database_urls["worker"],
        "ODDLINE_REDIS_URL": redis_url,
        "ODDLINE_ENCRYPTION_KEYS": "",
        "ODDLINE_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "celery", "--app", "worker_image.worker.app", "worker"]

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "error: ODDLINE_ENCRYPTION_KEYS needs keys of at least 16 characters" in done.stderr


# JSON only


class Bomb:
    """What would write a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self._path,))


def pickled_message(task: str, body: bytes) -> str:
    """As Celery would publish it with `task_serializer="pickle"`."""
    message_id = str(uuid4())
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "binary",
            "content-type": "application/x-python-serialize",
            "headers": {"lang": "py", "task": task, "id": message_id, "root_id": message_id, "argsrepr": ""},
            "properties": {
                "correlation_id": message_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "default"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": message_id,
            },
        }
    )


def test_a_pickled_message_is_refused_and_harms_nothing(
    context: TaskContext, redis_url: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    trace = tmp_path / "unpickled"
    body = pickle.dumps(([Bomb(trace)], {}, {}))
    publisher = Publisher(redis_url, timeout_s=5)
    task_id = start(context, payload=MAIL.model_copy(update={"recipients": ()}))

    with redis.Redis.from_url(redis_url) as client, start_worker("worker_image.worker.app") as worker:
        client.lpush("notifications", pickled_message("send_email", body))
        worker.wait_for(lambda: client.llen("notifications") == 0)
        publisher.wake(SEND_EMAIL, task_id=task_id)
        worker.wait_for(lambda: read(context, task_id).state is State.SUCCESS)
        worker.wait_for(lambda: client.hlen("unacked") == 0)
    publisher.close()

    assert not trace.exists()
    assert "application/x-python-serialize" in worker.log_file.read_text()
