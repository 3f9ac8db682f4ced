"""A worker process follows the choice of model: within a minute, between two claims, and never into a ditch."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acting import TESTER
from inbox import Databases, Inbox
from model_folders import built_in_version, model_folder

from oddline import maintenance
from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.errors import ModelUnavailable
from oddline.objects import FolderObjects
from oddline.scoring import Encoder, fold_counts, registry
from oddline.scoring.registry import ModelCache, StoredModel, fetching
from oddline.scoring.registry.model import object_key
from oddline.settings import Settings
from oddline.tasks import Publisher, TaskContext
from worker_image.worker.process import Process, open_models
from worker_image.worker.watch import Watch

A_MINUTE = timedelta(seconds=60)


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))


@pytest.fixture
def process(inbox: Inbox, redis_url: str, tmp_path: Path) -> Iterator[Process]:
    """What a worker process holds, before its first task."""
    publisher = Publisher(redis_url)
    context = TaskContext(
        db=inbox.db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path / "home", redis_url=redis_url),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
    )
    yield Process(context=context, models=open_models(context), _watch=Watch(context, host="test", worker="test"))
    publisher.close()


@pytest.fixture
def add(inbox: Inbox, tmp_path: Path) -> Callable[..., StoredModel]:
    """Puts a model into the registry."""
    (tmp_path / "made").mkdir()

    def put(version: str = "second", **figures: Any) -> StoredModel:
        return registry.add_model(
            model_folder(tmp_path / "made", version=version, **figures),
            db=inbox.db("worker"),
            objects=inbox.objects,
            built_in=built_in_version(),
            by=TESTER,
            now=inbox.clock(),
        )

    return put


def promote(inbox: Inbox, version: str | None) -> None:
    registry.promote(inbox.db("worker"), version, by=TESTER, now=inbox.clock())


def score_line(inbox: Inbox, process: Process, project: UUID, message: str = "disk failure") -> dict[str, Any]:
    """Score one more line as the worker does; its entry as it is stored."""
    submission = inbox.submit(project, {"message": message, "source": "cart"})
    inbox.score_once(process.scorer)
    [entry] = [row for row in inbox.entries(project).to_dicts() if row["submission"] == submission.bytes]
    return entry


def state_of(inbox: Inbox) -> list[tuple[Any, ...]]:
    return inbox.rows("SELECT state, error FROM models")


def damage(inbox: Inbox, model: StoredModel) -> Callable[[], None]:
    """Damage a model's file in the object store; returns what mends it."""
    key = object_key(model, "model.onnx")
    whole = inbox.objects.get(key)
    inbox.objects.put(key, b"damaged")
    return lambda: inbox.objects.put(key, whole)


def test_a_worker_follows_a_promotion_and_a_rollback_within_a_minute(
    inbox: Inbox, process: Process, project: UUID, add: Callable[..., StoredModel]
) -> None:
    add(default_threshold=0.125)
    seen = [score_line(inbox, process, project)]

    promote(inbox, "second")
    for wait in (A_MINUTE - timedelta(seconds=1), timedelta(seconds=1)):
        inbox.clock.move(wait)
        seen.append(score_line(inbox, process, project))
    registry.rollback(inbox.db("worker"), by=TESTER, now=inbox.clock())
    inbox.clock.move(A_MINUTE)
    seen.append(score_line(inbox, process, project))

    assert [entry["model_version"] for entry in seen] == [built_in_version()] * 2 + ["second", built_in_version()]
    assert [entry["threshold"] for entry in seen][2] == pytest.approx(0.125)


def test_a_new_process_begins_with_the_live_model(
    inbox: Inbox, process: Process, project: UUID, add: Callable[..., StoredModel]
) -> None:
    add()
    promote(inbox, "second")

    assert score_line(inbox, process, project)["model_version"] == "second"


def test_a_model_that_cannot_be_opened_leaves_the_old_one_live_and_says_so(
    inbox: Inbox, process: Process, project: UUID, add: Callable[..., StoredModel], caplog: pytest.LogCaptureFixture
) -> None:
    mend = damage(inbox, add())
    promote(inbox, "second")

    while_damaged = score_line(inbox, process, project)
    [(state, error)] = state_of(inbox)
    health = maintenance.check_health(
        inbox.db("worker"), objects=inbox.objects, settings=process.context.settings, now=inbox.clock()
    )
    mend()
    inbox.clock.move(A_MINUTE)
    when_mended = score_line(inbox, process, project)

    assert (while_damaged["model_version"], when_mended["model_version"]) == (built_in_version(), "second")
    assert state == "failing"
    assert "model.onnx is not the file" in error
    assert "model second cannot be opened, the one before goes on" in caplog.text
    assert "model: cannot be opened, so another one scores: second" in health.message
    assert state_of(inbox) == [("ready", None)]


def test_where_nobody_says_which_model_is_chosen_the_one_in_use_goes_on(
    inbox: Inbox, process: Process, add: Callable[..., StoredModel], closed_port: int
) -> None:
    add()
    promote(inbox, "second")
    assert process.scorer.encoder.version == "second"
    inbox.clock.move(A_MINUTE)

    process.models._db = Database(f"postgresql://nobody@127.0.0.1:{closed_port}/none")

    assert process.scorer.encoder.version == "second"
    process.models._db.close()


def test_the_old_model_is_let_go(inbox: Inbox, process: Process, add: Callable[..., StoredModel]) -> None:
    add()
    old = weakref.ref(process.scorer.encoder)

    promote(inbox, "second")
    inbox.clock.move(A_MINUTE)
    new = process.scorer.encoder
    gc.collect()

    assert (old(), new.version) == (None, "second")


def test_a_model_is_fetched_once_for_all_processes(
    inbox: Inbox, add: Callable[..., StoredModel], tmp_path: Path
) -> None:
    model, wanted, together = add(), 4, threading.Barrier(4)
    caches = [ModelCache(tmp_path / "cache", objects=inbox.objects, threads=1) for _ in range(wanted)]
    opened: list[Encoder] = []

    def open_one(cache: ModelCache) -> None:
        together.wait()
        opened.append(cache.open(model))

    threads = [threading.Thread(target=open_one, args=[cache]) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [encoder.version for encoder in opened] == ["second"] * wanted
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_is_here_is_not_fetched_again_unless_it_is_damaged(
    inbox: Inbox, add: Callable[..., StoredModel], tmp_path: Path
) -> None:
    model = add()
    cache = ModelCache(tmp_path / "cache", objects=inbox.objects, threads=1)
    cache.open(model)
    mend = damage(inbox, model)
    assert cache.open(model).version == "second"

    [place] = (tmp_path / "cache").iterdir()
    (place / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelUnavailable):
        cache.open(model)
    mend()

    assert cache.open(model).version == "second"


def test_a_config_that_is_not_the_one_that_was_added_is_not_used(
    inbox: Inbox, add: Callable[..., StoredModel], tmp_path: Path
) -> None:
    model = add()
    key = object_key(model, "config.json")
    inbox.objects.put(key, inbox.objects.get(key) + b" ")

    with pytest.raises(ModelUnavailable, match=r"config\.json is not the one that was added"):
        ModelCache(tmp_path / "cache", objects=inbox.objects, threads=1).open(model)


def test_the_cache_keeps_few_models(inbox: Inbox, add: Callable[..., StoredModel], tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache", objects=inbox.objects, threads=1)

    for number in range(fetching.KEPT + 2):
        cache.open(add(f"model-{number}"))

    kept = sorted(place.name.rpartition("-")[0] for place in (tmp_path / "cache").iterdir())
    assert len(kept) == fetching.KEPT
    assert kept[-1] == f"model-{fetching.KEPT + 1}"


def test_any_model_can_be_opened_by_its_version(process: Process, add: Callable[..., StoredModel]) -> None:
    add()

    opened = [process.models.open(version).version for version in ("second", built_in_version())]

    assert opened == ["second", built_in_version()]
    with pytest.raises(ModelUnavailable, match="there is no model 'third'"):
        process.models.open("third")


@pytest.mark.both_postgres
def test_what_the_source_knows_is_read_by_a_new_model_before_it_judges(
    inbox: Inbox, process: Process, project: UUID, add: Callable[..., StoredModel]
) -> None:
    inbox.set_threshold(project, "cart", 1.0)
    score_line(inbox, process, project, "user 1 logged in from host 7")
    fold_counts(inbox.db("worker"))
    add()
    promote(inbox, "second")
    inbox.clock.move(A_MINUTE)

    entry = score_line(inbox, process, project, "user 1 logged out from host 7")

    assert entry["model_version"] == "second"
    assert 0 < entry["novelty"] < 1
