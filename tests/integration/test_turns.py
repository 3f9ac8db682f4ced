"""Fair share of long tasks: however much one project has waiting, the others' turns come in between."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from queue import Empty, Queue
from threading import Barrier
from uuid import UUID

import pytest
import redis
from filing import Filing
from worker_process import StartWorker

from oddline.analytics.tasks import CALCULATE_LOG_PATTERNS, OfWindow
from oddline.catalogue import CATALOGUE
from oddline.files import PROCESS_LOG_FILE, PutObject, processing, take_object
from oddline.identity import ensure_project
from oddline.ids import new_id
from oddline.notifications import SEND_ANOMALY_MAIL
from oddline.settings import Side
from oddline.tasks import (
    SEND_SYSTEM_ALERT,
    Publisher,
    State,
    TaskContext,
    TaskSpec,
    enqueue,
    publish_due,
    raise_alert,
    run_task,
    run_turn,
    utc_now,
)

MANY = 200
THREADS = 8
FEW = b"2026-11-05T08:15:30Z INFO started\n2026-11-05T08:15:31Z ERROR disk sda: I/O error\n"


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


def put(filing: Filing, project: UUID, name: str, data: bytes = FEW) -> UUID:
    """A file that is to be processed, as if it had been put into the bucket; the id of its task."""
    key = f"uploads/{project}/{name}.log"
    filing.objects.put(key, data)
    told = PutObject(key=key, version="", mark=name, size=len(data), at=filing.clock())
    with filing.db("worker").transaction(project=project) as tx:
        started = take_object(tx, project, told, now=filing.clock())
    assert started is not None
    for step in started.due:
        filing.publisher.wake(step.spec, task_id=step.id)
    return started.task


def ask(filing: Filing, project: UUID) -> UUID:
    """A question over a long time that waits to be answered."""
    task_id, now = new_id(), filing.clock()
    payload = OfWindow(project=project, time_from=now - timedelta(days=300), time_to=now)
    with filing.db("worker").transaction() as tx:
        enqueue(tx, CALCULATE_LOG_PATTERNS, payload, task_id=task_id, project=project, now=now)
    return task_id


def test_a_small_file_is_done_while_two_hundred_of_another_project_wait(
    filing: Filing, other_project: UUID, start_worker: StartWorker
) -> None:
    filing.clock.now = utc_now()
    for number in range(MANY):
        put(filing, filing.project, f"{number:03}")
    small = put(filing, other_project, "small")

    with start_worker("worker_image.worker.app", queues="file_processing") as worker:
        worker.wait_for(lambda: filing.task(small).state.ready)

    done = filing.task(small)
    with filing.db("worker").transaction() as tx:
        [[before, left]] = tx.execute(
            "SELECT count(*) FILTER (WHERE finished_at <= %(done)s), count(*) FILTER (WHERE finished_at IS NULL)"
            " FROM tasks WHERE project_id = %(project)s",
            {"done": done.finished_at, "project": filing.project},
        ).fetchall()
    assert done.state is State.SUCCESS
    assert before <= 5  # as many turns as the small file had, and not one for each that came first
    assert left > 2 * MANY


def test_everything_that_waits_is_done_in_the_end_whosever_messages_were_used_up(
    filing: Filing, other_project: UUID, start_worker: StartWorker
) -> None:
    filing.clock.now = utc_now()
    tasks = [put(filing, project, f"{number}") for project in (filing.project, other_project) for number in range(8)]

    def all_ended() -> bool:
        return all(filing.task(task).state.ready for task in tasks)

    with start_worker("worker_image.worker.app", queues="file_processing") as worker:
        worker.wait_for(all_ended)

    assert {filing.task(task).state for task in tasks} == {State.SUCCESS}


def test_neither_another_projects_mail_nor_an_alert_waits_for_a_flood_of_mails(
    filing: Filing, other_project: UUID, start_worker: StartWorker
) -> None:
    filing.clock.now = utc_now()
    flood = [mail(filing, filing.project) for _ in range(MANY)]
    one = mail(filing, other_project)
    with filing.db("worker").transaction() as tx:
        alert = raise_alert(
            tx, kind="test", subject="flood", text="of mails", now=filing.clock(), project=filing.project
        )
    assert alert is not None
    filing.publisher.wake(SEND_SYSTEM_ALERT, task_id=alert)

    with start_worker("worker_image.worker.app", queues="notifications,default") as worker:
        worker.wait_for(lambda: filing.task(one).state.ready and filing.task(alert).state.ready)

    ended = sorted(filing.task(task).finished_at or utc_now() for task in flood)
    for waited in (filing.task(one), filing.task(alert)):
        assert waited.state is State.SUCCESS
        assert sum(end <= (waited.finished_at or utc_now()) for end in ended) <= 10


def mail(filing: Filing, project: UUID) -> UUID:
    """A mail to nobody that waits to be sent."""
    task_id = new_id()
    with filing.db("worker").transaction() as tx:
        enqueue(tx, SEND_ANOMALY_MAIL, SEND_ANOMALY_MAIL.smoke, task_id=task_id, project=project, now=filing.clock())
    filing.publisher.wake(SEND_ANOMALY_MAIL, task_id=task_id)
    return task_id


def test_a_large_file_gives_way_while_others_wait_and_goes_on_behind_them(
    filing: Filing, other_project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "SHORT_TURN", timedelta())
    line = b"2026-11-05T08:15:30Z INFO request 1 answered\n"
    large = put(filing, filing.project, "large", line * 25_000)
    filing.run_once()
    small = put(filing, other_project, "small")

    filing.clock.now += timedelta(seconds=1)
    run_task(PROCESS_LOG_FILE, processing.process_log_file, task_id=large, context=filing.context)
    given_way = filing.task(large).state
    filing.run()

    assert given_way is State.RETRY
    assert (filing.task(small).state, filing.task(large).state) == (State.SUCCESS, State.SUCCESS)
    assert len(filing.entries()) == 25_002


def test_of_one_project_only_some_run_at_once_and_the_end_of_one_brings_the_next(
    filing: Filing, other_project: UUID, redis_url: str
) -> None:
    tasks = [ask(filing, project) for project in (filing.project, filing.project, filing.project, other_project)]
    order: list[UUID] = []

    def run(payload: OfWindow, _: TaskContext) -> None:
        order.append(payload.project)
        if len(order) < len(tasks):
            turn(tasks[len(order)])  # the next message comes while this one runs

    def turn(message_for: UUID) -> None:
        run_turn(CALCULATE_LOG_PATTERNS, lambda _: (run, None), task_id=message_for, context=filing.context)

    turn(tasks[0])

    with redis.Redis.from_url(redis_url) as broker:
        brought = broker.llen(str(CALCULATE_LOG_PATTERNS.queue))
    states = [filing.task(task).state for task in tasks]
    assert order == [filing.project, other_project, filing.project]
    assert states == [State.SUCCESS, State.SUCCESS, State.PENDING, State.SUCCESS]
    assert brought == 2  # by the end of each of the project's two


class Wakes(Publisher):
    """The queue within this process, so that many threads take from it as worker processes do."""

    def __init__(self, first: Iterable[UUID]) -> None:
        super().__init__("redis://none")
        self.left: Queue[UUID] = Queue()
        for task in first:
            self.left.put(task)

    def wake(self, spec: TaskSpec, *, task_id: UUID | None = None, **_: object) -> bool:  # type: ignore[override]
        assert task_id is not None
        self.left.put(task_id)
        return True


@pytest.mark.parametrize(("projects", "tasks_each"), [(1, 30), (8, 1)])
def test_no_message_is_used_up_in_vain_however_many_processes_choose_at_once(
    filing: Filing, projects: int, tasks_each: int
) -> None:
    names = [f"owner {number} of {projects}" for number in range(projects)]
    now = filing.clock()
    owners = [ensure_project(filing.db("worker"), name, new_id=new_id(), now=now) for name in names]
    tasks = [ask(filing, owner) for owner in owners for _ in range(tasks_each)]
    wakes, together = Wakes(tasks), Barrier(THREADS)
    context = replace(filing.context, publisher=wakes)

    def work() -> None:
        together.wait()
        with suppress(Empty):
            while True:
                task = wakes.left.get_nowait()
                run_turn(CALCULATE_LOG_PATTERNS, lambda _: (lambda *_: None, None), task_id=task, context=context)

    with ThreadPoolExecutor(THREADS) as pool:
        for thread in [pool.submit(work) for _ in range(THREADS)]:
            thread.result()

    assert {filing.task(task).state for task in tasks} == {State.SUCCESS}


def test_what_lost_its_messages_is_told_of_again_in_turns(filing: Filing, other_project: UUID) -> None:
    for number in range(3):
        put(filing, filing.project, f"{number}")
    put(filing, other_project, "small")
    told: list[UUID] = []

    class Noted(Publisher):
        def wake(self, spec: TaskSpec, *, task_id: UUID | None = None, **_: object) -> bool:  # type: ignore[override]
            told.append(filing.task(task_id or new_id()).project or new_id())
            return True

    now = filing.clock() + timedelta(minutes=1)
    publish_due(filing.db("worker"), Noted("redis://none"), catalogue=CATALOGUE, now=now, limit=2)

    assert set(told) == {filing.project, other_project}
