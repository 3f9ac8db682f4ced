"""`oddline model`: an operator adds a model, tries it, lets it score, takes it back, and replays with it."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from commands import Command, command_for, error_of, told
from inbox import Databases, Inbox
from model_folders import built_in_version, model_folder

from oddline.objects import FolderObjects
from oddline.settings import Side
from oddline.tasks import State


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / ".oddline" / "objects"))


@pytest.fixture
def oddline(database_urls: dict[Side, str], tmp_path: Path) -> Command:
    """Runs `oddline` as the operator of the database, in a folder of its own."""
    return command_for(tmp_path, database_url=database_urls["worker"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return model_folder(tmp_path / "made", default_threshold=0.25)


def uses(oddline: Command) -> dict[str, str]:
    return {row["version"]: row["use"] for row in json.loads(told(oddline("model", "list", "--json")))}


def test_without_a_stack_the_shipped_models_are_listed(tmp_path: Path) -> None:
    listed = told(command_for(tmp_path, database_url="")("model", "list"))

    assert built_in_version() in listed
    assert "live" in listed


def test_a_model_goes_from_its_folder_to_live_and_back(oddline: Command, folder: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text('{"bgl100k": {"auc": 0.99}}')

    added = told(oddline("model", "add", str(folder), "--metrics", str(metrics)))
    shown = json.loads(told(oddline("model", "show", "second")))
    told(oddline("model", "shadow", "second"))
    on_trial = uses(oddline)
    told(oddline("model", "promote", "second"))
    promoted = uses(oddline)
    told(oddline("model", "rollback"))
    choice = json.loads(told(oddline("model", "show")))

    built_in = built_in_version()
    assert added.startswith("second: ")
    assert shown["metrics"]["evaluation"] == {"bgl100k": {"auc": 0.99}}
    assert (on_trial[built_in], on_trial["second"]) == ("live", "shadow")
    assert (promoted[built_in], promoted["second"]) == ("", "live")
    assert (choice["live"], choice["live_is_built_in"], choice["shadow"]) == (built_in, True, None)
    assert [change["action"] for change in choice["history"]] == ["rollback", "shadow", "promote", "shadow"]
    assert all("@" in change["changed_by"] for change in choice["history"])


def test_what_cannot_be_done_is_one_line(oddline: Command, folder: Path) -> None:
    assert "the registry has no model 'second'" in error_of(oddline("model", "promote", "second"))
    assert "no promotion to roll back" in error_of(oddline("model", "rollback"))
    (folder / "model.onnx").write_bytes(b"damaged")
    assert "model.onnx is not the file" in error_of(oddline("model", "add", str(folder)))
    assert oddline("model", "shadow").returncode == 2


def test_the_report_on_a_model_on_trial_is_printed(oddline: Command, folder: Path, project: UUID) -> None:
    assert "no model is tried" in error_of(oddline("model", "compare", "--project", "first"))
    told(oddline("model", "add", str(folder)))
    told(oddline("model", "shadow", "second"))

    printed = told(oddline("model", "compare", "--project", "first"))
    as_json = json.loads(told(oddline("model", "compare", "--project", "first", "--json")))

    assert printed.startswith(f"second beside {built_in_version()}")
    assert (as_json["shadow"], as_json["entries"]) == ("second", 0)


def test_a_replay_is_started_for_a_model_that_there_is(
    oddline: Command, folder: Path, inbox: Inbox, project: UUID
) -> None:
    times = ["--from", "2026-11-05", "--to", "2026-11-06T12:00", "--project", "first"]
    unknown = error_of(oddline("model", "replay", "--model", "second", *times))
    told(oddline("model", "add", str(folder)))

    started = UUID(told(oddline("model", "replay", "--model", "second", *times)).split()[0])
    backwards = oddline("model", "replay", "--model", "second", "--from", "2026-11-06", "--to", "2026-11-05")

    task = inbox.task(started)
    assert "the registry has no model 'second'" in unknown
    assert backwards.returncode != 0
    assert (task.name, task.state, task.project) == ("replay", State.PENDING, project)
    assert task.payload == {
        "project": str(project),
        "time_from": "2026-11-05T00:00:00Z",
        "time_to": "2026-11-06T12:00:00Z",
        "model": "second",
        "source": None,
    }
