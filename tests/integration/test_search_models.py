"""What callers see of other models: a replay's scores beside an entry's own, and the report on a model on trial."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from acting import TESTER
from inbox import Databases, Inbox, WatchedEncoder
from model_folders import built_in_version, model_folder
from reading import client_of, key_of, open_reading_parts, refusal
from starlette.testclient import TestClient

from functions.search.app import router
from oddline.catalogue import CATALOGUE
from oddline.identity import Scope
from oddline.objects import FolderObjects
from oddline.scoring import ReplayRange, registry
from oddline.scoring.registry import Shadow
from oddline.scoring.replay import replay
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher, TaskContext

LOGS, REPORT = "/api/v1/logs", "/api/v1/models/shadow-report"


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, inbox: Inbox) -> Iterator[TestClient]:
    """A client without a key."""
    with (
        open_reading_parts(db("search"), redis_url=redis_url, folder=tmp_path) as parts,
        client_of(router, replace(parts, objects=inbox.objects, clock=inbox.clock)) as client,
    ):
        yield client


def replayed(inbox: Inbox, project: UUID, redis_url: str, tmp_path: Path) -> UUID:
    """The id of a replay of all that the project has."""
    publisher, now = Publisher(redis_url), inbox.clock()
    context = TaskContext(
        db=inbox.db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path, redis_url=redis_url),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
        task_id=new_id(),
    )
    day = timedelta(days=1)
    wanted = ReplayRange(project=project, time_from=now - day, time_to=now + day, model="second")
    replay(wanted, context, open_model=lambda _: WatchedEncoder(version="second"))  # type: ignore[arg-type, return-value]
    publisher.close()
    assert context.task_id is not None
    return context.task_id


def test_entries_bear_the_score_of_a_replay_beside_their_own(
    client: TestClient, inbox: Inbox, db: Databases, project: UUID, redis_url: str, tmp_path: Path
) -> None:
    inbox.submit(project, "disk failure")
    inbox.score()
    replay_id = replayed(inbox, project, redis_url, tmp_path)
    inbox.submit(project, "came after it")
    inbox.score()
    key = key_of(db, project)

    [later, scored] = client.get(LOGS, params={"replay": str(replay_id)}, headers=key).json()["entries"]
    plain = client.get(LOGS, headers=key).json()["entries"]

    assert scored["replay"] == {
        "id": str(replay_id),
        "anomaly_score": pytest.approx(scored["anomaly_score"]),
        "is_anomaly": scored["is_anomaly"],
        "threshold": scored["threshold"],
        "model_version": "second",
    }
    assert later["replay"] is None
    assert [{**entry, "replay": None} for entry in plain] == [{**entry, "replay": None} for entry in [later, scored]]


def test_a_replay_that_is_not_the_projects_is_not_found(
    client: TestClient, inbox: Inbox, db: Databases, project: UUID, other_project: UUID, redis_url: str, tmp_path: Path
) -> None:
    foreign = replayed(inbox, other_project, redis_url, tmp_path)
    key = key_of(db, project)

    for unknown in (foreign, new_id()):
        assert refusal(client.get(LOGS, params={"replay": str(unknown)}, headers=key)) == (404, "not-found", "replay")
    assert refusal(client.get(LOGS, params={"replay": "x"}, headers=key)) == (422, "invalid-parameter", "replay")


def test_the_report_is_of_the_callers_project(
    client: TestClient, inbox: Inbox, db: Databases, project: UUID, other_project: UUID, tmp_path: Path
) -> None:
    registry.add_model(
        model_folder(tmp_path),
        db=inbox.db("worker"),
        objects=inbox.objects,
        built_in=built_in_version(),
        by=TESTER,
        now=inbox.clock(),
    )
    registry.set_shadow(inbox.db("worker"), "second", by=TESTER, now=inbox.clock())
    inbox.clock.move(timedelta(minutes=5))
    scorer = inbox.scorer()
    scorer.shadow = Shadow(WatchedEncoder(version="second"))  # type: ignore[arg-type]
    inbox.submit(project, "disk failure", "user 1 logged in")
    inbox.score(scorer)

    own, others = (client.get(REPORT, headers=key_of(db, one)).json() for one in (project, other_project))

    assert (own["shadow"], own["live"], own["entries"], own["pairs"]) == ("second", None, 2, 2)
    assert {row["pattern"] for row in own["patterns"]} == {"disk failure", "user <num> logged in"}
    assert (others["entries"], others["patterns"]) == (0, [])


def test_what_cannot_be_reported_is_said(client: TestClient, db: Databases, project: UUID) -> None:
    key = key_of(db, project)

    assert refusal(client.get(REPORT, headers=key)) == (404, "not-found", None)
    for hours in ("0", "721", "nan", "x"):
        answer = client.get(REPORT, params={"hours": hours}, headers=key)
        assert refusal(answer) == (422, "invalid-parameter", "hours")
    assert refusal(client.get(REPORT, headers=key_of(db, project, Scope.INGEST)))[0] == 403
