"""What is measured each minute, and that everything that is emitted is declared and the other way round."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inbox import Databases, Inbox
from starlette.testclient import TestClient

from functions.http import new_app
from functions.ingest.app import router
from functions.parts import Parts
from functions.schedules import app as schedules
from oddline.catalogue import CATALOGUE
from oddline.chunks import COMPACT_CHUNKS
from oddline.database import Database
from oddline.errors import DatabaseUnavailable
from oddline.identity import create_key
from oddline.local.schedule_runner import event
from oddline.maintenance import publish_metrics
from oddline.metrics import REPORTS, Metrics
from oddline.notifications import SEND_EMAIL
from oddline.notifications.tasks import EmailPayload
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import SCORE_WAITING, new_id
from oddline.tasks import NoPayload, Publisher, Queue, TaskContext, WorkerClass, enqueue, see_worker
from worker_image.worker import maintenance, scoring
from worker_image.worker.process import Process, open_models
from worker_image.worker.watch import Watch

Lines = Callable[[], list[dict[str, Any]]]
PRICE = 0.5  # dollars a second: so that a claim's part shows


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


@pytest.fixture
def process(inbox: Inbox, redis_url: str, tmp_path: Path) -> Iterator[Process]:
    """What a worker process holds where metrics are on."""
    publisher = Publisher(redis_url)
    settings = Settings(_env_file=None, home=tmp_path, redis_url=redis_url, vcpu_second_price=PRICE)  # type: ignore[call-arg]
    context = TaskContext(
        db=inbox.db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=settings,
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
        metrics=Metrics("Test"),
    )
    yield Process(context=context, models=open_models(context), _watch=Watch(context, host="test", worker="test"))
    publisher.close()


@pytest.fixture
def fire(process: Process, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Calls the handler of a schedule that was due then, as EventBridge Scheduler does."""
    monkeypatch.setattr(schedules, "parts", lambda: parts_of(process, db=process.context.db))
    monkeypatch.setattr(schedules, "metrics", lambda: process.context.metrics)

    def call(name: str, *, at: datetime | None = None) -> None:
        schedules.HANDLERS[name](event(name, at=at or datetime.now(UTC)), None)

    return call


def parts_of(process: Process, *, db: Database) -> Parts:
    """What the schedules' function stands on, beside this worker."""
    held = process.context
    return Parts(held.settings, db, held.publisher, held.objects, held.clock, held.metrics)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Reads what was emitted since it was last asked."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def measure(process: Process) -> dict[str, float]:
    context = process.context
    return publish_metrics(context.db, context.metrics, now=context.clock())


def told(lines: Sequence[Mapping[str, Any]], **dimension: str) -> Mapping[str, Any]:
    """The one line that tells of this."""
    [line] = [
        one
        for one in lines
        if one["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [list(dimension)] and dimension.items() <= one.items()
    ]
    return line


def live(process: Process, name: str, *classes: WorkerClass) -> None:
    with process.context.db.transaction() as tx:
        see_worker(tx, name, classes=classes, started_at=process.context.clock(), now=process.context.clock())


def send_mail(process: Process, *, not_before: timedelta | None = None) -> None:
    now = process.context.clock()
    later = now + not_before if not_before else None
    mail = EmailPayload(recipients=(), subject="", text="")
    with process.context.db.transaction() as tx:
        enqueue(tx, SEND_EMAIL, mail, task_id=new_id(), project=None, now=now, not_before=later)


def score(process: Process) -> None:
    scoring.BINDINGS[SCORE_WAITING.name](process)(NoPayload(), process.context)


@pytest.mark.both_postgres
def test_what_waits_to_be_scored_is_told_in_entries_with_the_age_of_the_oldest(
    inbox: Inbox, process: Process, project: UUID, lines: Lines
) -> None:
    inbox.submit(project, "a", "b")
    inbox.clock.move(timedelta(seconds=90))
    inbox.submit(project, "c")

    measure(process)

    emitted = lines()
    for line in (told(emitted, Queue="analysis"), told(emitted, Class="scoring")):
        assert (line["Backlog"], line["BacklogAge"]) == (3, 90)
    assert told(emitted, Class="general")["Backlog"] == 0


def test_tasks_that_are_due_count_at_their_queue_and_its_class(process: Process, inbox: Inbox, lines: Lines) -> None:
    send_mail(process)
    send_mail(process, not_before=timedelta(seconds=20))
    send_mail(process, not_before=timedelta(hours=1))
    inbox.clock.move(timedelta(seconds=30))

    measure(process)

    emitted = lines()
    for line in (told(emitted, Queue="notifications"), told(emitted, Class="general")):
        assert (line["Backlog"], line["BacklogAge"]) == (2, 30)
    assert {line["Queue"] for line in emitted if "Queue" in line} == set(Queue)


def test_the_backlog_is_shared_by_the_workers_of_its_class_that_live(
    inbox: Inbox, process: Process, project: UUID, lines: Lines
) -> None:
    inbox.submit(project, *"abcdef")
    live(process, "gone", WorkerClass.SCORING)
    inbox.clock.move(timedelta(minutes=1))
    live(process, "one", WorkerClass.SCORING)
    live(process, "two", WorkerClass.SCORING, WorkerClass.GENERAL)

    per_task = measure(process)

    emitted = lines()
    running = {one: told(emitted, Class=one)["RunningTasks"] for one in WorkerClass}
    assert running == {"scoring": 2, "general": 1, "background": 0}
    assert told(emitted, Class="scoring")["BacklogPerTask"] == per_task["scoring"] == 3


def test_without_workers_the_backlog_counts_as_that_of_one(inbox: Inbox, process: Process, project: UUID) -> None:
    inbox.submit(project, *"abcdef")

    assert measure(process) == {"scoring": 6, "general": 0, "background": 0}


@pytest.mark.both_postgres
def test_dead_letters_of_both_kinds_are_counted_until_they_are_settled(
    inbox: Inbox, process: Process, project: UUID, lines: Lines
) -> None:
    submission = inbox.submit(project, "a")
    send_mail(process)
    with process.context.db.transaction() as tx:
        tx.execute("UPDATE submission_state SET state = 'dead' WHERE id = %s", [submission])
        tx.execute("UPDATE tasks SET state = 'FAILURE'")

    measure(process)
    with process.context.db.transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'REVOKED'")
    measure(process)

    assert [line["DeadLetters"] for line in lines() if "DeadLetters" in line] == [2, 1]


@pytest.mark.both_postgres
def test_a_transaction_that_stays_open_is_told_with_its_age_and_no_more_once_it_ends(
    inbox: Inbox, process: Process, db: Databases, lines: Lines
) -> None:
    with db("owner").transaction() as forgotten:
        forgotten.execute("SELECT pg_current_xact_id()")
        for _ in range(3):
            measure(process)
            inbox.clock.move(timedelta(minutes=1))
    measure(process)
    inbox.clock.move(timedelta(minutes=1))
    measure(process)

    ages = [line["OldestTransactionAge"] for line in lines() if "OldestTransactionAge" in line]
    assert ages == [0, 60, 120, 0, 0]


def test_a_claim_tells_once_what_it_came_to(inbox: Inbox, process: Process, project: UUID, lines: Lines) -> None:
    inbox.set_threshold(project, "cart", 0.0)
    inbox.submit(
        project, {"message": "disk 1 failed", "source": "cart"}, {"message": "disk 2 failed", "source": "cart"}
    )
    inbox.clock.move(timedelta(seconds=2))

    score(process)
    inbox.submit(project, {"message": "disk 3 failed", "source": "cart"})
    score(process)

    first, second = lines()
    assert (first["Scored"], first["Odd"], first["ScoringLatency"]) == (2, 2, [2_000])
    assert (first["Patterns"], first["PatternsRead"], second["Patterns"], second["PatternsRead"]) == (1, 1, 1, 0)
    assert first["ModelTime"] > 0
    assert second["ModelTime"] == 0
    assert first["ScoringDollars"] > PRICE * first["ModelTime"] / 1_000
    assert first["StoredBytes"] == inbox.rows("SELECT octet_length(blob) FROM hot_chunks ORDER BY id LIMIT 1")[0][0]


def test_a_wake_up_that_finds_nothing_tells_nothing(process: Process, lines: Lines) -> None:
    score(process)

    assert lines() == []


def test_a_schedule_that_fires_tells_how_late_it_was(fire: Callable[..., None], lines: Lines) -> None:
    fire("publish_metrics", at=datetime.now(UTC) - timedelta(minutes=3))

    [fired] = [line for line in lines() if "Fired" in line]
    assert (fired["Fired"], fired["Failed"]) == (1, 0)
    assert 180 <= fired["Lateness"] < 240


def test_a_schedule_that_fails_tells_so(
    fire: Callable[..., None], process: Process, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Database("postgresql://127.0.0.1:1/none", size=1)
    monkeypatch.setattr(schedules, "parts", lambda: parts_of(process, db=gone))

    with pytest.raises(DatabaseUnavailable):
        fire("publish_metrics")

    gone.close()
    [fired] = lines()
    assert (fired["Fired"], fired["Failed"]) == (1, 1)


def test_all_that_is_declared_is_emitted_and_nothing_else(
    inbox: Inbox, process: Process, project: UUID, db: Databases, lines: Lines, fire: Callable[..., None]
) -> None:
    context = process.context
    parts = Parts(
        settings=context.settings,
        db=db("ingest"),
        publisher=context.publisher,
        objects=context.objects,
        clock=inbox.clock,
        metrics=context.metrics,
    )
    key = create_key(db("owner"), project=project, name="test", key_id=new_id(), now=inbox.clock()).key
    client = TestClient(new_app(router, title="test", parts=lambda: parts))

    answer = client.post("/api/v1/logs/batch", json=[{"message": "a"}, {"message": "b"}], headers={"X-API-Key": key})
    score(process)
    maintenance.BINDINGS[COMPACT_CHUNKS.name](process)(NoPayload(), context)
    fire("publish_metrics")

    assert answer.status_code == 202
    emitted = lines()
    assert emitted[0]["Accepted"] == 2
    directives = [line["_aws"]["CloudWatchMetrics"][0] for line in emitted]
    assert {directive["Namespace"] for directive in directives} == {"Test"}
    assert {(*of["Dimensions"][0], *((one["Name"], one["Unit"]) for one in of["Metrics"])) for of in directives} == {
        (*filter(None, [report.dimension]), *report.units.items()) for report in REPORTS
    }
