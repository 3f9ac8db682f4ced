"""System alerts: kept each time, sent once in a while, seen by whose they are."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from reading import Databases, client_with_key, key_of, refusal
from smtp_server import Mailbox, smtp_server
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.database import Database
from oddline.identity import Scope
from oddline.notifications import send_system_alert
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.tasks import (
    SEND_SYSTEM_ALERT,
    Catalogue,
    Publisher,
    TaskContext,
    delete_alerts,
    newest,
    raise_alert,
    raised_alerts,
    run_task,
)

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def raised(db: Database, *, at: datetime = START, project: UUID | None = None, subject: str = "replay") -> UUID | None:
    with db.transaction() as tx:
        return raise_alert(tx, kind="critical_task", subject=subject, text=f"at {at:%H:%M}", now=at, project=project)


def test_an_alert_is_counted_each_time_and_sent_once_in_a_quarter_of_an_hour(db: Databases, project: UUID) -> None:
    worker = db("worker")

    sent = [raised(worker, at=START + timedelta(minutes=minutes)) for minutes in (0, 1, 14)]
    other_subject, other_project = raised(worker, subject="other"), raised(worker, project=project)

    assert [task is not None for task in sent] == [True, False, False]
    assert None not in (other_subject, other_project)
    with worker.transaction() as tx:
        newest_alert = raised_alerts(tx)[0]
    assert (newest_alert.subject, newest_alert.text, newest_alert.count) == ("replay", "at 12:14", 3)
    assert (newest_alert.first_at, newest_alert.last_at) == (START, START + timedelta(minutes=14))


def test_an_alert_that_still_waits_is_not_sent_a_second_time_and_one_that_went_out_is(db: Databases) -> None:
    worker, later = db("worker"), START + timedelta(minutes=16)
    first = raised(worker)
    waits_still = raised(worker, at=later)

    with worker.transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'SUCCESS' WHERE id = %s", [first])
    again = raised(worker, at=later + timedelta(minutes=16))

    assert (waits_still, again is not None) == (None, True)


def test_alerts_are_forgotten_a_month_after_they_were_last_raised(db: Databases) -> None:
    raised(db("worker"), subject="old")
    raised(db("worker"), at=START + timedelta(days=2), subject="newer")

    with db("worker").transaction() as tx:
        deleted = delete_alerts(tx, now=START + timedelta(days=31))
        left = [alert.subject for alert in raised_alerts(tx)]

    assert (deleted, left) == (1, ["newer"])


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as mailbox:
        yield mailbox


def test_operators_get_a_mail_and_without_operators_the_alert_is_kept_all_the_same(
    db: Databases, mailbox: Mailbox, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(smtp_url=mailbox.url, operators="ops@example.org, boss@example.org")
    context = TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path),
        publisher=Publisher(redis_url),
        settings=settings,
        catalogue=Catalogue([SEND_SYSTEM_ALERT]),
        worker="test",
        clock=lambda: START,
    )
    nobody = replace(context, settings=Settings(smtp_url=mailbox.url))
    mailed, kept = raised(db("worker")), raised(db("worker"), subject="quiet")
    assert mailed
    assert kept

    run_task(SEND_SYSTEM_ALERT, send_system_alert, task_id=mailed, context=context)
    run_task(SEND_SYSTEM_ALERT, send_system_alert, task_id=kept, context=nobody)

    with db("worker").transaction() as tx:
        assert [task.result for task in newest(tx)] == [{"sent": 0, "refused": 0}, {"sent": 2, "refused": 0}]
    [(recipients, mail, _)] = mailbox.taken
    assert (recipients, mail["Subject"]) == (["ops@example.org", "boss@example.org"], "Oddline alert: replay")


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def test_administrators_see_the_alerts_of_their_project_alone(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    for whose in (project, other_project, None):
        raised(db("worker"), project=whose)

    [told] = client.get("/api/v1/system-alerts").json()["alerts"]
    refused = client.get("/api/v1/system-alerts", headers=key_of(db, project, Scope.READ))

    assert (told["kind"], told["subject"], told["count"]) == ("critical_task", "replay", 1)
    assert refusal(refused)[:2] == (403, "forbidden")


def test_the_console_raises_alerts_of_its_own_project(db: Databases, project: UUID) -> None:
    with db("console").transaction(project=project) as tx:
        first = raise_alert(tx, kind="a", subject="b", text="c", now=START, project=project)
        second = raise_alert(tx, kind="a", subject="b", text="c", now=START, project=project)

    assert (first is not None, second) == (True, None)
