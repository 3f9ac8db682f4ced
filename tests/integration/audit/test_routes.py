"""What the routes leave in the trail, and how its administrators read it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acting import OTHER, TESTER
from reading import client_with_key, key_of, refusal
from starlette.testclient import TestClient
from trail import Databases, Trail

from functions.console.app import router
from functions.search.app import router as search_router
from oddline.audit import source_subject
from oddline.identity import Scope
from oddline.maintenance import CLEANUP_OLD_RESULTS
from oddline.patterns import ensure_sources
from oddline.submissions import new_id
from oddline.tasks import NoPayload, enqueue

PATH = "/api/v1/audit"


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client of the console with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


@pytest.fixture
def search(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """The same of the search function."""
    with client_with_key(
        "search", search_router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def dead_task(db: Databases, project: UUID) -> UUID:
    task = new_id()
    with db("worker").transaction() as tx:
        enqueue(tx, CLEANUP_OLD_RESULTS, NoPayload(), task_id=task, project=project, now=datetime.now(UTC))
        tx.execute("UPDATE tasks SET state = 'FAILURE', attempt = 4 WHERE id = %s", [task])
    return task


def listed(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.text
    actions: list[dict[str, Any]] = answer.json()["actions"]
    return actions


def test_each_route_that_changes_something_leaves_its_trace(
    db: Databases, client: TestClient, search: TestClient, project: UUID
) -> None:
    replayed, dropped = dead_task(db, project), dead_task(db, project)
    with db("worker").transaction() as tx:
        ensure_sources(tx, project, names=["checkout/api"], now=datetime.now(UTC))
        tx.execute(
            "INSERT INTO patterns (project_id, id, mask_version, hash, pattern, first_seen)"
            " VALUES (%s, 1, 1, 'x', 'a pattern', now())",
            [project],
        )

    client.put("/api/v1/project", json={"mail_recipients": ["ada@example.org"], "retention_days": 7})
    client.put("/api/v1/sources/checkout/api", json={"threshold": 0.9})
    client.post(f"/api/v1/tasks/dead-letters/{replayed}/replay")
    client.delete(f"/api/v1/tasks/dead-letters/{dropped}")
    given = search.post(
        "/api/v1/feedback", json={"pattern_id": 1, "verdict": "expected", "note": "as Charles said"}
    ).json()["id"]
    search.delete(f"/api/v1/feedback/{given}")

    trail = listed(client)
    assert [(one["action"], one["subject"]) for one in reversed(trail)] == [
        ("project.changed", f"project:{project}"),
        ("source.changed", source_subject(project, "checkout/api")),
        ("task.replayed", f"task:{replayed}"),
        ("task.dropped", f"task:{dropped}"),
        ("feedback.given", f"feedback:{given}"),
        ("feedback.undone", f"feedback:{given}"),
    ]
    assert {(one["address"], one["user_agent"]) for one in trail} == {("testclient", "testclient")}
    assert {one["actor"].partition(":")[0] for one in trail} == {"key"}
    assert all(one["details"].pop("request_id") for one in trail)
    assert trail[-1]["details"] == {"mail_recipients": 1, "retention_days": 7}
    assert trail[-2]["details"] == {"threshold": pytest.approx(0.9), "source": "checkout/api"}
    assert [one["id"] for one in listed(client, subject="source:checkout/api")] == [trail[-2]["id"]]
    assert (trail[1]["note"], trail[1]["details"]["verdict"]) == ("as Charles said", "expected")


def test_so_does_each_route_for_those_who_administer(
    db: Databases, redis_url: str, tmp_path: Path, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODDLINE_OIDC_ISSUER", "https://login.example.org")
    monkeypatch.setenv("ODDLINE_OPERATOR_PROJECT", "first")
    mail = {"recipients": ["ada@example.org"], "subject": "s", "text": "t"}

    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:

        def did(method: str, path: str, body: Any = None) -> Any:
            answer = client.request(method, f"/api/v1/{path}", json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        did("POST", "session")
        key = did("POST", "keys", {"scopes": ["read"], "signed": True})["id"]
        did("POST", f"keys/{key}/signing-secret")
        for _ in range(2):  # the second time changes nothing
            did("DELETE", f"keys/{key}")
        member = did("POST", "members", {"email": "ada@example.org", "role": "viewer"})["id"]
        did("PUT", f"members/{member}", {"role": "admin"})
        did("DELETE", f"members/{member}")
        did("PUT", "masking", {"off": ["card"]})
        did("POST", "erasures", {"values": ["ada@example.org"], "reason": "request 4711"})
        schedule = did("POST", "schedules", {"name": "s", "task": "send_email", "expression": "rate(1 day)",
                                             "payload": mail})["id"]  # fmt: skip
        did("PUT", f"schedules/{schedule}", {"timezone": "Asia/Kolkata"})
        for verb in ("pause", "resume", "run"):
            did("POST", f"schedules/{schedule}/{verb}")
        did("DELETE", f"schedules/{schedule}")
        task = did("POST", "tasks", {"name": "send_email", "payload": mail})["task_id"]
        did("GET", f"tasks/{task}")
        for _ in range(2):
            did("DELETE", f"tasks/cancel/{task}")
        did("POST", "tasks/dead-letters/replay", {})
        did("DELETE", "tasks/dead-letters?name=send_email")
        did("POST", "workers/restart", {})
        did("POST", "queues/notifications/hold", {"reason": "a flood"})
        did("POST", "queues/notifications/purge", {})
        did("POST", "queues/notifications/release")
        did("PUT", "rate-limits/send_email", {"rate": "1/m"})
        did("DELETE", "rate-limits/send_email")

        trail = listed(client)

    assert [one["action"] for one in reversed(trail)] == [
        "session.begun", "key.made", "key.secret_changed", "key.revoked", "member.added", "member.changed",
        "member.removed", "masking.changed", "erasure.asked", "schedule.made", "schedule.changed", "schedule.paused",
        "schedule.resumed", "schedule.run", "schedule.removed", "task.started", "task.opened", "task.cancelled",
        "tasks.replayed", "tasks.dropped", "workers.restarted", "queue.held", "queue.purged", "queue.released",
        "rate.limited", "rate.freed",
    ]  # fmt: skip
    assert "ada@example.org" not in str(trail)
    assert {one["subject"] for one in trail} >= {f"key:{key}", f"member:{member}", f"schedule:{schedule}"}


def test_what_is_refused_leaves_no_trace(client: TestClient) -> None:
    refused = [
        client.put("/api/v1/project", json={"retention_days": 0}),
        client.put("/api/v1/sources/none", json={"threshold": 0.9}),
        client.post(f"/api/v1/tasks/dead-letters/{new_id()}/replay"),
        client.delete(f"/api/v1/tasks/dead-letters/{new_id()}"),
    ]

    assert [answer.status_code for answer in refused] == [422, 404, 404, 404]
    assert listed(client) == []


def test_the_trail_is_read_page_by_page_and_by_what_is_asked(trail: Trail, client: TestClient) -> None:
    for hour in range(5):
        trail.act(f"source:{hour}", by=OTHER if hour == 3 else TESTER)
        trail.clock.move(timedelta(hours=1))
    third = trail.clock() - timedelta(hours=3)

    read: list[str] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        page = client.get(PATH, params=parameters).json()
        read += [one["subject"] for one in page["actions"]]
        if "next" not in page:
            break
        parameters["after"] = page["next"]

    assert read == [f"source:{hour}" for hour in (4, 3, 2, 1, 0)]
    assert [one["subject"] for one in listed(client, actor=OTHER.id)] == ["source:3"]
    assert [one["subject"] for one in listed(client, subject="source:1")] == ["source:1"]
    assert [one["subject"] for one in listed(client, **{"from": third.isoformat()})] == [
        f"source:{hour}" for hour in (4, 3, 2)
    ]
    assert len(listed(client, to=third.isoformat(), action="source.changed")) == 2
    assert listed(client, action="key.made") == []


def test_only_who_administers_the_project_reads_its_trail(
    trail: Trail, client: TestClient, db: Databases, project: UUID, other_project: UUID
) -> None:
    trail.act("source:a")

    reading = client.get(PATH, headers=key_of(db, project, Scope.READ))
    foreign = client.get(PATH, headers=key_of(db, other_project, Scope.ADMIN))

    assert refusal(reading)[:2] == (403, "forbidden")
    assert foreign.json() == {"actions": []}


def test_what_cannot_be_asked_is_refused_by_its_parameter(client: TestClient) -> None:
    wrong = [{"action": "key.eaten"}, {"after": "1"}, {"actor": ""}, {"subject": "a\0b"}, {"limit": 0}, {"from": "x"}]

    fields = [refusal(client.get(PATH, params=parameters))[2] for parameters in wrong]

    assert fields == ["action.0", "after", "actor", "subject", "limit", "from"]
