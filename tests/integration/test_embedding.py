"""Patterns get their vectors, whatever fails, is erased or is at it meanwhile, and other tasks get their turn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import redis
from filing import Databases, Filing
from scored_frames import NOON
from stored_patterns import add_patterns

from oddline.analytics import OfProject
from oddline.errors import ModelUnavailable
from oddline.ids import new_id
from oddline.patterns import rename_pattern
from oddline.search import (
    EMBED_NEW_PATTERNS,
    GENERATE_EMBEDDINGS,
    Embedder,
    embed_all,
    embed_project,
    forget_vectors,
    store,
)
from oddline.search.embedder import MODEL_VERSION
from oddline.settings import Side
from oddline.tasks import NoPayload, State, TaskContext, enqueue, run_turn
from worker_image.worker.process import Process
from worker_image.worker.searching import BINDINGS

LATER = NOON + timedelta(hours=1)
UNREADABLE = "what no model can read"


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture(autouse=True)
def emptied(db: Databases) -> Iterator[None]:
    yield
    with db("owner").transaction() as tx:
        tx.execute("TRUNCATE patterns, pattern_vectors, vector_progress")
        tx.execute("UPDATE projects SET last_pattern = 0")


@pytest.fixture
def options(db: Databases, embedder: Embedder) -> dict[str, Any]:
    return {"db": db("worker"), "open_embedder": lambda: embedder, "clock": lambda: NOON, "until": LATER}


class Meanwhile:
    """A model during whose first batch something else happens."""

    def __init__(self, embedder: Embedder, happens: Callable[[], None]) -> None:
        self._embedder = embedder
        self._happens: list[Callable[[], None]] = [happens]

    def embed(self, texts: list[str]) -> Any:
        if self._happens:
            self._happens.pop()()
        return self._embedder.embed(texts)


class Choosy:
    """A model that fails of one text."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, texts: list[str]) -> Any:
        if UNREADABLE in texts:
            raise RuntimeError("no tokens")
        return self._embedder.embed(texts)


def test_what_a_run_did_not_get_to_the_next_one_does(db: Databases, project: UUID, options: dict[str, Any]) -> None:
    add_patterns(db("worker"), project, [f"connection {number} of pool {'x' * number} lost" for number in range(70)])
    clock = iter([NOON, NOON, LATER]).__next__

    first = embed_project(project, **options | {"clock": clock})
    second = embed_project(project, **options)
    third = embed_project(project, **options)

    assert (first, second, third) == ((64, False), (6, True), (0, True))


def test_another_model_reads_every_pattern_again(
    db: Databases, project: UUID, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_patterns(db("worker"), project, ["disk full", "user logged in"])
    embed_all(**options)

    monkeypatch.setattr("oddline.search.embedding.MODEL_VERSION", "another-1")
    again, _ = embed_all(**options)

    with db("worker").transaction() as tx:
        versions = tx.execute("SELECT DISTINCT model_version FROM pattern_vectors").fetchall()
    assert (again, versions) == (2, [("another-1",)])


def test_a_pattern_from_which_a_person_was_erased_is_read_anew(
    db: Databases, project: UUID, embedder: Embedder, options: dict[str, Any]
) -> None:
    worker = db("worker")
    ids = add_patterns(worker, project, ["mail to zebedee bounced", "user logged in"])
    embed_all(**options)

    with worker.transaction() as tx:
        number = ids["mail to zebedee bounced"]
        rename_pattern(tx, project, pattern_id=number, mask_version=1, text="mail to <erased> bounced")
        forget_vectors(tx, project, pattern_ids=[number])
        left = tx.execute("SELECT count(*) FROM pattern_vectors WHERE words @@ 'zebede'::tsquery").fetchall()
        store.insert_vectors(  # by a run that read the pattern before
            tx,
            project,
            patterns={number: "mail to zebedee bounced"},
            vectors=embedder.embed(["mail to zebedee bounced"]),
            model_version=MODEL_VERSION,
        )
        late = tx.execute("SELECT count(*) FROM pattern_vectors").fetchall()

    assert (left, late) == ([(0,)], [(1,)])
    assert embed_all(**options) == (1, False)


@pytest.mark.parametrize("read_before", [True, False])
def test_a_pattern_that_is_renamed_while_vectors_are_made_is_not_passed_over(
    db: Databases, project: UUID, embedder: Embedder, options: dict[str, Any], read_before: bool
) -> None:
    worker, old = db("worker"), "mail to zebedee bounced"
    number = add_patterns(worker, project, [old])[old]
    if read_before:
        embed_all(**options)
    add_patterns(worker, project, ["user logged in"])

    def erase() -> None:
        with worker.transaction() as tx:
            rename_pattern(tx, project, pattern_id=number, mask_version=1, text="mail to <erased> bounced")
            forget_vectors(tx, project, pattern_ids=[number])

    model = Meanwhile(embedder, erase)
    embed_all(**options | {"open_embedder": lambda: model})

    with worker.transaction() as tx:
        having = tx.execute("SELECT words::text FROM pattern_vectors ORDER BY pattern_id").fetchall()
        waiting = store.count_waiting(tx, project, model_version=MODEL_VERSION)
    assert (having, waiting) == ([("'bounc' 'mail'",), ("'log' 'user'",)], 0)


def test_a_project_whose_patterns_cannot_be_read_holds_up_no_other(
    db: Databases, project: UUID, other_project: UUID, embedder: Embedder, options: dict[str, Any]
) -> None:
    for one, text in ((min(project, other_project), UNREADABLE), (max(project, other_project), "disk full")):
        add_patterns(db("worker"), one, [text])
    options["open_embedder"] = lambda: Choosy(embedder)

    made = embed_all(**options)

    assert made == (1, False)
    with pytest.raises(RuntimeError):  # nothing else is left to do
        embed_all(**options)


def test_without_a_model_no_project_is_tried_in_vain(
    db: Databases, project: UUID, other_project: UUID, options: dict[str, Any]
) -> None:
    tried = []

    def open_embedder() -> Embedder:
        tried.append(1)
        raise ModelUnavailable

    for one in (project, other_project):
        add_patterns(db("worker"), one, ["disk full"])

    with pytest.raises(ModelUnavailable):
        embed_all(**options | {"open_embedder": open_embedder})

    assert len(tried) == 1


def test_each_project_is_the_first_now_and_then(db: Databases, project: UUID, other_project: UUID) -> None:
    for one in (project, other_project):
        add_patterns(db("worker"), one, ["disk full"])

    with db("worker").transaction() as tx:
        first = {store.projects_with_new(tx, model_version=MODEL_VERSION)[0] for _ in range(40)}

    assert first == {project, other_project}


def test_a_run_ends_when_time_is_up_however_many_projects_wait(
    db: Databases, project: UUID, other_project: UUID, options: dict[str, Any]
) -> None:
    for one in (project, other_project):
        add_patterns(db("worker"), one, ["disk full"])

    made = embed_all(**options | {"clock": iter([NOON, LATER]).__next__})

    assert made == (1, True)


def test_while_one_run_is_at_it_another_takes_no_process(
    db: Databases, project: UUID, embedder: Embedder, options: dict[str, Any]
) -> None:
    add_patterns(db("worker"), project, ["disk full"])
    beside: list[Any] = []

    def run_others() -> None:
        beside.extend([embed_all(**options), embed_project(project, **options)])

    model = Meanwhile(embedder, run_others)
    made = embed_all(**options | {"open_embedder": lambda: model})

    assert beside == [(0, False), (0, False)]
    assert made == (1, False)


def test_a_project_has_one_process_at_most_make_its_vectors(filing: Filing) -> None:
    tasks = [new_id() for _ in range(2)]
    with filing.db("worker").transaction() as tx:
        for task_id in tasks:
            payload = OfProject(project=filing.project)
            enqueue(tx, GENERATE_EMBEDDINGS, payload, task_id=task_id, project=filing.project, now=filing.clock())
    running = []

    def run(payload: OfProject, _: TaskContext) -> None:
        running.append(payload)
        if len(running) == 1:
            turn(tasks[1])  # its message comes while the first one runs

    def turn(message_for: UUID) -> None:
        run_turn(GENERATE_EMBEDDINGS, lambda _: (run, None), task_id=message_for, context=filing.context)

    turn(tasks[0])

    assert len(running) == 1
    assert [filing.task(task).state for task in tasks] == [State.SUCCESS, State.PENDING]


def test_a_process_that_leaves_some_for_later_is_woken_again_and_rests_until_then(
    filing: Filing, embedder: Embedder, redis_url: str
) -> None:
    add_patterns(
        filing.db("worker"), filing.project, [f"connection of pool {'x' * number} lost" for number in range(70)]
    )
    times = count()
    context = replace(filing.context, clock=lambda: NOON + timedelta(seconds=8) * next(times))
    process = Process(context=context, models=None, _watch=None, _embedder=embedder)  # type: ignore[arg-type]
    run = BINDINGS[EMBED_NEW_PATTERNS.name](process)

    made = [run(NoPayload(), context) for _ in range(3)]

    with redis.Redis.from_url(redis_url) as broker:
        woken = broker.llen(str(EMBED_NEW_PATTERNS.queue))
    assert (made, woken) == ([32, 0, 0], 1)
