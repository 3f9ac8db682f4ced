"""The registry: what it takes, and which model is chosen after promotions, rollbacks and trials."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from acting import OTHER, TESTER
from inbox import Databases
from model_folders import built_in_version, model_folder

from oddline.database import Database
from oddline.errors import Conflict, InvalidParameter, ModelUnavailable, NotFound, ObjectStoreUnavailable, OddlineError
from oddline.objects import FolderObjects
from oddline.scoring import registry
from oddline.scoring.registry import Choice, StoredModel, adding
from oddline.scoring.registry.model import object_key

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)


@pytest.fixture
def worker(db: Databases) -> Database:
    return db("worker")


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "objects")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """Where models are made."""
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


def add(folder: Path, *, worker: Database, objects: Any, **options: Any) -> StoredModel:
    return registry.add_model(
        folder, db=worker, objects=objects, built_in=built_in_version(), by=TESTER, now=NOW, **options
    )


def choice_of(worker: Database) -> Choice:
    with worker.transaction() as tx:
        return registry.read_choice(tx)


def promote(worker: Database, version: str | None) -> Choice:
    return registry.promote(worker, version, by=TESTER, now=NOW)


class Failing(FolderObjects):
    """Loses its connection at the second object."""

    def put(self, key: str, data: bytes, **options: Any) -> None:
        if list(self.list("models/")):
            raise ObjectStoreUnavailable
        super().put(key, data, **options)


class Overtaken(FolderObjects):
    """Somebody else adds another model under the same version before the first object is stored."""

    def __init__(self, folder: Path, *, other: Callable[[], object]) -> None:
        super().__init__(folder)
        self._other: Callable[[], object] | None = other

    def put(self, key: str, data: bytes, **options: Any) -> None:
        other, self._other = self._other, None
        if other is not None:
            other()
        super().put(key, data, **options)


@pytest.mark.both_postgres
def test_a_model_is_kept_with_its_files_and_figures(worker: Database, objects: FolderObjects, parent: Path) -> None:
    folder = model_folder(parent, default_threshold=0.25)

    added = add(folder, worker=worker, objects=objects, metrics={"evaluation": {"auc": 0.99}})

    kept = {info.key: objects.get(info.key) for info in objects.list("models/")}
    assert kept == {object_key(added, file.name): file.read_bytes() for file in folder.iterdir()}
    assert (added.version, added.state, added.added_by, added.added_at) == ("second", "ready", "tester", NOW)
    assert added.default_threshold == pytest.approx(0.25)
    assert added.bytes == sum(map(len, kept.values()))
    assert added.metrics["evaluation"] == {"auc": 0.99}
    assert added.metrics["training"]["seed"] == 1


def test_a_model_without_a_card_is_taken(worker: Database, objects: FolderObjects, parent: Path) -> None:
    folder = model_folder(parent)
    (folder / "README.md").unlink()

    assert add(folder, worker=worker, objects=objects).state == "ready"


def test_adding_a_model_twice_changes_nothing(worker: Database, objects: FolderObjects, parent: Path) -> None:
    folder = model_folder(parent)

    first, second = (add(folder, worker=worker, objects=objects) for _ in range(2))

    assert first == second


def test_a_version_never_gets_other_files(worker: Database, objects: FolderObjects, parent: Path) -> None:
    add(model_folder(parent), worker=worker, objects=objects)
    before = {info.key: objects.get(info.key) for info in objects.list("models/")}

    with pytest.raises(Conflict, match="another model has the version second"):
        add(model_folder(parent, default_threshold=0.1), worker=worker, objects=objects)

    assert {info.key: objects.get(info.key) for info in objects.list("models/")} == before


def test_what_was_cut_short_is_no_model_until_it_is_added_again(
    worker: Database, objects: FolderObjects, parent: Path, tmp_path: Path
) -> None:
    folder = model_folder(parent)
    with pytest.raises(ObjectStoreUnavailable):
        add(folder, worker=worker, objects=Failing(tmp_path / "objects"))

    with pytest.raises(NotFound):
        promote(worker, "second")
    add(folder, worker=worker, objects=objects)

    assert promote(worker, "second").live == "second"


def test_of_two_models_added_under_one_version_at_once_one_is_kept_whole(
    worker: Database, objects: FolderObjects, parent: Path, tmp_path: Path
) -> None:
    first, second = (model_folder(parent, default_threshold=threshold) for threshold in (0.1, 0.2))
    overtaken = Overtaken(
        tmp_path / "objects", other=lambda: add(second, worker=worker, objects=FolderObjects(tmp_path / "objects"))
    )

    with pytest.raises(Conflict, match="another model took the version second meanwhile"):
        add(first, worker=worker, objects=overtaken)

    with worker.transaction() as tx:
        kept = registry.find_model(tx, "second")
    opened = registry.ModelCache(tmp_path / "cache", objects=objects, threads=1).open(kept)
    assert opened.default_threshold == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("figures", "error"),
    [
        ({"version": built_in_version()}, Conflict),
        ({"version": "../second"}, InvalidParameter),
        ({"version": ""}, InvalidParameter),
        ({"dimension": 17}, InvalidParameter),
        ({"default_threshold": 0.0}, InvalidParameter),
        ({"novelty_scale": 0.0}, InvalidParameter),
        ({"version": 2}, InvalidParameter),
        ({"default_threshold": "0.3"}, InvalidParameter),
        ({"novelty_scale": None}, InvalidParameter),
        ({"vocabulary": 17}, ModelUnavailable),
        ({"sha256": {}}, ModelUnavailable),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(
    worker: Database, objects: FolderObjects, parent: Path, figures: dict[str, Any], error: type[OddlineError]
) -> None:
    folder = model_folder(parent)
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(config | figures))

    with pytest.raises(error):
        add(folder, worker=worker, objects=objects)

    assert list(objects.list("models/")) == []


def test_a_file_that_is_missing_damaged_or_too_large_is_refused(
    worker: Database, objects: FolderObjects, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking, damaged, large = (model_folder(parent, version=f"model-{number}") for number in range(3))
    (lacking / "tokenizer.json").unlink()
    (damaged / "model.onnx").write_bytes(b"not a model")

    with pytest.raises(InvalidParameter, match=r"has no tokenizer\.json"):
        add(lacking, worker=worker, objects=objects)
    with pytest.raises(ModelUnavailable):
        add(damaged, worker=worker, objects=objects)
    monkeypatch.setitem(adding.LARGEST_BYTES, "model.onnx", 1_000)
    with pytest.raises(InvalidParameter, match="larger than"):
        add(large, worker=worker, objects=objects)


@pytest.mark.both_postgres
def test_a_rollback_returns_to_the_model_before_each_time_one_further(
    worker: Database, objects: FolderObjects, parent: Path
) -> None:
    for version in ("second", "third"):
        add(model_folder(parent, version=version), worker=worker, objects=objects)
    promote(worker, "second")
    promote(worker, "third")

    reached = [registry.rollback(worker, by=OTHER, now=NOW).live for _ in range(2)]

    assert reached == ["second", None]
    with pytest.raises(Conflict, match="no promotion"):
        registry.rollback(worker, by=OTHER, now=NOW)
    with worker.transaction() as tx:
        changes = [(one.action, one.before, one.after, one.changed_by) for one in registry.list_changes(tx)]
        recorded = tx.execute("SELECT action, subject, actor FROM audit_actions ORDER BY id").fetchall()
    assert recorded == [
        ("model.added", "model:second", TESTER.id),
        ("model.added", "model:third", TESTER.id),
        ("model.promoted", "model:second", TESTER.id),
        ("model.promoted", "model:third", TESTER.id),
        ("model.rolled_back", "model:second", OTHER.id),
        ("model.rolled_back", "model:built-in", OTHER.id),
    ]
    assert changes == [
        ("rollback", "second", None, "other"),
        ("rollback", "third", "second", "other"),
        ("promote", "second", "third", "tester"),
        ("promote", None, "second", "tester"),
    ]


def test_a_promotion_after_a_rollback_is_what_the_next_rollback_undoes(
    worker: Database, objects: FolderObjects, parent: Path
) -> None:
    for version in ("second", "third"):
        add(model_folder(parent, version=version), worker=worker, objects=objects)
    promote(worker, "second")
    registry.rollback(worker, by=TESTER, now=NOW)
    promote(worker, "third")

    assert registry.rollback(worker, by=TESTER, now=NOW).live is None


def test_only_what_is_there_and_not_live_can_be_promoted(
    worker: Database, objects: FolderObjects, parent: Path
) -> None:
    add(model_folder(parent), worker=worker, objects=objects)

    with pytest.raises(NotFound):
        promote(worker, "third")
    with pytest.raises(Conflict):
        promote(worker, None)
    promote(worker, "second")
    with pytest.raises(Conflict):
        promote(worker, "second")

    assert promote(worker, None).live is None


def test_a_model_on_trial_is_so_until_it_is_promoted_or_put_off(
    worker: Database, objects: FolderObjects, parent: Path
) -> None:
    add(model_folder(parent), worker=worker, objects=objects)

    tried = registry.set_shadow(worker, "second", by=TESTER, now=NOW)
    put_off = registry.set_shadow(worker, None, by=TESTER, now=NOW)
    registry.set_shadow(worker, "second", by=TESTER, now=NOW)
    promoted = promote(worker, "second")

    assert tried == Choice(live=None, shadow="second", shadow_since=NOW)
    assert put_off == Choice(live=None, shadow=None, shadow_since=None)
    assert promoted == choice_of(worker) == Choice(live="second", shadow=None, shadow_since=None)
    with pytest.raises(Conflict, match="is live"):
        registry.set_shadow(worker, "second", by=TESTER, now=NOW)


@pytest.mark.both_postgres
def test_functions_see_the_choice_and_cannot_change_it(db: Databases) -> None:
    for side in ("console", "search"):
        with db(side).transaction() as tx:
            assert registry.read_choice(tx) == Choice(live=None, shadow=None, shadow_since=None)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db(side).transaction() as tx:
            tx.execute("UPDATE model_choice SET live = NULL")
