"""A search that takes too long for an answer is a task's, and its page is read where the answer said."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from reading import client_with_key, key_of, refusal
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_entries import Archive, ids

from functions.search import app as search_app
from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.entries import SEARCH_ENTRIES, EntryQuery, drop_old_searches, search_entries
from oddline.identity import Scope
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.tasks import Publisher, TaskContext, run_task

QUERY = EntryQuery(text="request 1")


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


@pytest.fixture
def api(db: Callable[[Side], Database], redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "search",
        search_app.router,
        db=db,
        redis_url=redis_url,
        folder=tmp_path,
        project=project,
        scopes=[Scope.READ],
    ) as client:
        yield client


@pytest.fixture
def is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes what an answer may take nothing, and an hour of what is left."""
    monkeypatch.setattr("oddline.entries.scan.BUDGET_S", -1.0)
    monkeypatch.setattr("oddline.entries.background.LONGEST_ANSWER_S", -1.0)


def run(archive: Archive, task: UUID, *, redis_url: str) -> None:
    context = TaskContext(
        db=archive.worker,
        objects=archive.objects,
        publisher=Publisher(redis_url),
        settings=Settings(_env_file=None),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=lambda: NOON + timedelta(minutes=5),
    )
    run_task(SEARCH_ENTRIES, search_entries, task_id=task, context=context)


def test_it_is_queued_then_done_and_its_page_holds_what_a_page_would(
    archive: Archive, api: TestClient, is_slow: None, redis_url: str
) -> None:
    for hour in range(5):
        archive.store(scored_frame(30, timestamp=NOON - timedelta(hours=hour)))
    parameters: dict[str, Any] = {"text": "request 1", "limit": 1_000, "to": (NOON + timedelta(hours=1)).isoformat()}

    started = api.get("/api/v1/logs", params=parameters)
    waiting = api.get(started.headers["Location"])
    run(archive, UUID(started.json()["task_id"]), redis_url=redis_url)
    page = api.get(started.headers["Location"])

    assert (started.status_code, waiting.status_code, page.status_code) == (202, 202, 200)
    assert waiting.json()["status"] == "PENDING"
    assert ids(page.json()["entries"]) == archive.expected(QUERY)
    assert "next" not in page.json()
    assert page.json()["cost"]["chunks_opened"] == 5


@pytest.mark.parametrize("facets", [True, False])
def test_it_counts_all_that_is_asked_for_where_counts_are_asked_for(
    archive: Archive, api: TestClient, is_slow: None, redis_url: str, facets: bool
) -> None:
    for hour in range(5):
        archive.store(scored_frame(30, timestamp=NOON - timedelta(hours=hour)))

    started = api.get("/api/v1/logs", params={"text": "request 1", "limit": 1_000, "facets": facets})
    run(archive, UUID(started.json()["task_id"]), redis_url=redis_url)
    page = api.get(started.headers["Location"]).json()

    counted = len(archive.expected(QUERY))
    assert (started.status_code, len(page["entries"]), "facets" in page) == (202, counted, facets)
    if facets:
        told = page["facets"]
        assert (told["entries"], told["complete"], len(told["hour"])) == (counted, True, 5)
        assert page["cost"]["chunks_opened"] > 5  # for the counts and for the page


def test_what_is_asked_for_is_sealed_in_the_ledger(
    archive: Archive, api: TestClient, is_slow: None, db: Callable[[Side], Database]
) -> None:
    for hour in range(3):
        archive.store(scored_frame(3, timestamp=NOON - timedelta(hours=hour)))

    api.get("/api/v1/logs", params={"text": "ada lovelace"})

    with db("worker").transaction() as tx:
        ((payload,),) = tx.execute("SELECT payload::text FROM tasks").fetchall()
    assert "lovelace" not in payload


def test_the_same_search_is_not_started_twice_and_a_project_has_few_open_at_once(
    archive: Archive, api: TestClient, is_slow: None, db: Callable[[Side], Database], redis_url: str
) -> None:
    for hour in range(3):
        archive.store(scored_frame(3, timestamp=NOON - timedelta(hours=hour)))

    def ask(text: str) -> Any:
        return api.get("/api/v1/logs", params={"text": text})

    first, again = ask("lovelace"), ask("lovelace")
    others = [ask(f"user {number}") for number in range(3)]
    refused = ask("one more")
    known = ask("lovelace")
    run(archive, UUID(first.json()["task_id"]), redis_url=redis_url)
    afterwards = ask("one more")

    assert again.json()["task_id"] == known.json()["task_id"] == first.json()["task_id"]
    assert [one.status_code for one in others] == [202] * 3
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "too-many-open", "60")
    assert afterwards.status_code == 202
    with db("worker").transaction() as tx:
        keys = tx.execute("SELECT unique_key FROM tasks").fetchall()
    assert "lovelace" not in str(keys)


def test_a_page_further_on_is_never_a_tasks(archive: Archive, api: TestClient, is_slow: None) -> None:
    for hour in range(5):
        archive.store(scored_frame(3, timestamp=NOON - timedelta(hours=hour)))
    position = archive.page(EntryQuery(), limit=3).next

    answer = api.get("/api/v1/logs", params={"after": position})

    assert answer.status_code == 200
    assert "next" in answer.json()


def test_nobody_sees_a_search_of_another_project(
    archive: Archive,
    api: TestClient,
    is_slow: None,
    db: Callable[[Side], Database],
    other_project: UUID,
) -> None:
    for hour in range(3):
        archive.store(scored_frame(3, timestamp=NOON - timedelta(hours=hour)))
    started = api.get("/api/v1/logs", params={"text": "x"})

    answer = api.get(started.headers["Location"], headers=key_of(db, other_project))

    assert started.status_code == 202
    assert refusal(answer) == (404, "not-found", "task_id")
    assert refusal(api.get(f"/api/v1/logs/searches/{uuid4()}"))[0] == 404


def test_its_page_is_kept_for_a_day_and_then_gone(
    archive: Archive, api: TestClient, is_slow: None, redis_url: str, tmp_path: Path
) -> None:
    for hour in range(3):
        archive.store(scored_frame(3, timestamp=NOON - timedelta(hours=hour)))
    started = api.get("/api/v1/logs", params={"text": "request"})
    run(archive, UUID(started.json()["task_id"]), redis_url=redis_url)
    objects = FolderObjects(tmp_path)

    dropped = [drop_old_searches(objects, now=NOON + timedelta(hours=hours)) for hours in (-24, 24)]

    assert dropped == [0, 1]
    assert refusal(api.get(started.headers["Location"])) == (410, "gone", "task_id")
