"""Schedules as their project's callers make, change and look at them, by HTTP and by the command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_with_key, key_of, refusal
from scheduling import MAIL, as_kept, scheduled, tasks_of
from starlette.testclient import TestClient
from typer.testing import CliRunner

from functions.console.app import router
from oddline.catalogue import CATALOGUE
from oddline.cli import connecting
from oddline.cli.schedules import app as command
from oddline.identity import Scope
from oddline.ids import new_id
from oddline.schedules import service

PATH = "/api/v1/schedules"
WISH = {"name": "morning mail", "task": "send_email", "payload": MAIL, "expression": "cron(0 8 ? * MON-FRI *)"}


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def made(client: TestClient, **wish: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=WISH | wish)
    assert answer.status_code == 201, answer.text
    schedule: dict[str, Any] = answer.json()
    return schedule


def test_a_schedule_is_answered_with_its_place_and_its_next_five_times(client: TestClient) -> None:
    answer = client.post(PATH, json=WISH | {"timezone": "Europe/Berlin"})

    told = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{PATH}/{told['id']}")
    given = WISH | {"timezone": "Europe/Berlin", "catch_up": "none", "state": "active"}
    assert {name: told[name] for name in given} == given | {"payload": "sealed"}
    times = [datetime.fromisoformat(moment) for moment in told["next"]]
    assert len(times) == 5
    assert times == sorted(times)
    assert all(moment > datetime.now(UTC) and moment.weekday() < 5 for moment in times)
    assert client.get(f"{PATH}/{told['id']}").json() == told | {"payload": MAIL}


def test_what_is_about_people_is_encrypted_and_opened_for_administrators_alone(
    db: Databases, client: TestClient, project: UUID
) -> None:
    place = f"{PATH}/{made(client)['id']}"
    changed = client.put(place, json={"payload": MAIL | {"subject": "Good evening"}}).json()

    opened = client.get(place).json()["payload"]
    to_readers = client.get(place, headers=key_of(db, project, Scope.READ)).json()["payload"]
    lists = client.get(PATH).text

    assert opened == MAIL | {"subject": "Good evening"}
    assert (to_readers, changed["payload"]) == ("sealed", "sealed")
    with db("owner").transaction() as tx:
        [row] = tx.execute("SELECT schedules::text FROM schedules").fetchall()
    assert [text for text in (lists, *row) if "Good" in text or "oncall@" in text] == []
    actions = client.get("/api/v1/audit", params={"subject": f"schedule:{place.rpartition('/')[2]}"}).json()["actions"]
    assert [one["action"] for one in reversed(actions)] == ["schedule.made", "schedule.changed", "schedule.opened"]


def test_schedules_are_listed_by_name_page_by_page(client: TestClient) -> None:
    for name in ("c", "a", "b"):
        made(client, name=name)

    first = client.get(PATH, params={"limit": 2}).json()
    second = client.get(PATH, params={"limit": 2, "after": first["next"]}).json()

    assert [one["name"] for one in first["schedules"] + second["schedules"]] == ["a", "b", "c"]
    assert "next" not in second


def test_what_is_given_is_changed_and_the_rest_stays(client: TestClient) -> None:
    before = made(client, timezone="Europe/Berlin", catch_up="last", ends_at="2099-01-01T00:00:00Z")

    after = client.put(f"{PATH}/{before['id']}", json={"expression": "rate(1 hour)", "ends_at": None}).json()

    assert (after["expression"], after["ends_at"]) == ("rate(1 hour)", None)
    same = before.keys() - {"expression", "ends_at", "next", "changed_at"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_it_is_paused_resumed_and_removed(client: TestClient) -> None:
    place = f"{PATH}/{made(client)['id']}"

    paused = [client.post(f"{place}/pause").json()["state"] for _ in range(2)]
    resumed = [client.post(f"{place}/resume").json()["state"] for _ in range(2)]
    removed = [client.delete(place).status_code for _ in range(2)]

    assert (paused, resumed, removed) == (["paused"] * 2, ["active"] * 2, [204, 404])
    assert client.get(PATH).json() == {"schedules": []}
    assert made(client)["name"] == "morning mail"


def test_a_paused_one_stays_paused_when_it_is_changed(client: TestClient) -> None:
    place = f"{PATH}/{made(client)['id']}"
    client.post(f"{place}/pause")

    changed = client.put(place, json={"expression": "rate(1 hour)"}).json()

    assert changed["state"] == "paused"


def test_what_is_finished_can_only_be_given_new_times(db: Databases, client: TestClient, project: UUID) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    schedule = scheduled(
        db, project, now=yesterday, expression=f"at({yesterday + timedelta(hours=1):%Y-%m-%dT%H:%M:%S})"
    )
    with db("worker").transaction() as tx:
        tx.execute("UPDATE schedules SET state = 'finished', next_at = NULL")
    place = f"{PATH}/{schedule.id}"

    refused = [refusal(client.post(f"{place}/{verb}"))[:2] for verb in ("pause", "resume")]
    renewed = client.put(place, json={"expression": "rate(1 day)"}).json()

    assert refused == [(409, "conflict")] * 2
    assert (renewed["state"], len(renewed["next"])) == ("active", 5)


def test_run_now_starts_its_task_also_while_it_is_paused(db: Databases, client: TestClient, project: UUID) -> None:
    place = f"{PATH}/{made(client)['id']}"
    client.post(f"{place}/pause")

    answer = client.post(f"{place}/run")

    task = answer.json()["task_id"]
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/v1/tasks/{task}")
    assert client.get(f"/api/v1/tasks/{task}").json()["name"] == "send_email"
    assert len(tasks_of(db, project)) == 1
    [run] = client.get(f"{place}/runs").json()["runs"]
    assert (run["outcome"], run["task_id"], run["count"]) == ("asked", task, 1)


def test_runs_are_listed_the_last_first_page_by_page(client: TestClient) -> None:
    place = f"{PATH}/{made(client)['id']}"
    tasks = [client.post(f"{place}/run").json()["task_id"] for _ in range(3)]

    first = client.get(f"{place}/runs", params={"limit": 2}).json()
    second = client.get(f"{place}/runs", params={"limit": 2, "before": first["next"]}).json()

    assert [run["task_id"] for run in first["runs"] + second["runs"]] == tasks[::-1]
    assert "next" not in second


WRONG = [
    ({"name": ""}, (422, "invalid-parameter", "name")),
    ({"name": "a\0b"}, (422, "invalid-parameter", "name")),
    ({"task": "no_such_task"}, (404, "unknown-task", "task")),
    ({"task": "cleanup_old_results", "payload": {}}, (403, "forbidden", "task")),
    ({"task": "reconcile", "payload": {}}, (403, "forbidden", "task")),
    ({"payload": {"subject": "x"}}, (422, "invalid-parameter", "payload.recipients")),
    ({"payload": MAIL | {"text": "a\0b"}}, (422, "invalid-parameter", "payload")),
    ({"payload": MAIL | {"text": "x" * 70_000}}, (422, "invalid-parameter", "payload")),
    ({"payload": []}, (422, "invalid-parameter", "payload")),
    ({"expression": "hourly"}, (422, "invalid-parameter", "expression")),
    ({"expression": "rate(30 seconds)"}, (422, "invalid-parameter", "expression")),
    ({"expression": "at(2020-01-01T00:00:00)"}, (422, "invalid-parameter", "expression")),
    ({"ends_at": "2020-01-01T00:00:00Z"}, (422, "invalid-parameter", "expression")),
    ({"starts_at": "2099-01-02T00:00Z", "ends_at": "2099-01-01T00:00Z"}, (422, "invalid-parameter", "expression")),
    ({"starts_at": "2099-01-02T00:00:00"}, (422, "invalid-parameter", "starts_at")),
    ({"timezone": "Mars/Olympus"}, (422, "invalid-parameter", "timezone")),
    ({"timezone": "a\0b"}, (422, "invalid-parameter", "timezone")),
    ({"catch_up": "all"}, (422, "invalid-parameter", "catch_up")),
    ({"state": "paused"}, (422, "invalid-parameter", "state")),
]  # fmt: skip


def test_what_cannot_be_is_refused_by_the_name_of_its_field_whether_new_or_changed(client: TestClient) -> None:
    place = f"{PATH}/{made(client, name='kept')['id']}"

    for wish, expected in WRONG:
        new, changed = client.post(PATH, json=WISH | wish), client.put(place, json=wish)

        assert (refusal(new), refusal(changed)) == (expected, expected)
    [kept] = client.get(PATH).json()["schedules"]
    assert {name: kept[name] for name in WISH} == WISH | {"name": "kept", "payload": "sealed"}


def test_what_was_only_asked_about_starts_no_task(db: Databases, client: TestClient, project: UUID) -> None:
    schedule = made(client)
    client.put(f"{PATH}/{schedule['id']}", json={"catch_up": "last"})

    assert tasks_of(db, project) == []


def test_a_name_is_taken_once(client: TestClient) -> None:
    made(client)
    other = made(client, name="other")

    new, changed = client.post(PATH, json=WISH), client.put(f"{PATH}/{other['id']}", json={"name": WISH["name"]})

    assert (refusal(new), refusal(changed)) == ((409, "conflict", "name"),) * 2


def test_a_project_has_so_many_schedules_at_most(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_SCHEDULES", 2)
    made(client, name="a")
    removed = made(client, name="b")

    assert refusal(client.post(PATH, json=WISH))[:2] == (409, "conflict")
    client.delete(f"{PATH}/{removed['id']}")
    assert made(client)["name"] == "morning mail"


def test_another_project_s_schedule_is_not_found_whatever_is_tried(
    db: Databases, client: TestClient, other_project: UUID
) -> None:
    foreign = scheduled(db, other_project)
    place = f"{PATH}/{foreign.id}"

    tried = [
        client.get(place),
        client.put(place, json={"catch_up": "last"}),
        client.delete(place),
        client.post(f"{place}/pause"),
        client.post(f"{place}/resume"),
        client.post(f"{place}/run"),
        client.get(f"{place}/runs"),
    ]

    assert {refusal(answer) for answer in tried} == {(404, "not-found", "schedule_id")}
    assert client.get(PATH).json() == {"schedules": []}
    assert as_kept(db, foreign) == foreign


def test_the_database_itself_shows_and_gives_nothing_of_another_project(
    db: Databases, project: UUID, other_project: UUID
) -> None:
    foreign = scheduled(db, other_project)

    with db("console").transaction(project=project) as tx:
        seen = tx.execute("SELECT count(*) FROM schedules").fetchone()
        changed = tx.execute("UPDATE schedules SET state = 'removed', next_at = NULL WHERE id = %s", [foreign.id])

    assert (seen, changed.rowcount) == ((0,), 0)


def test_a_key_that_only_reads_changes_nothing_and_does_not_see_oddlines_own(
    db: Databases, client: TestClient, project: UUID
) -> None:
    place = f"{PATH}/{made(client)['id']}"
    reader = key_of(db, project, Scope.READ)

    refused = [
        client.post(PATH, json=WISH, headers=reader),
        client.put(place, json={"catch_up": "last"}, headers=reader),
        client.delete(place, headers=reader),
        *[client.post(f"{place}/{verb}", headers=reader) for verb in ("pause", "resume", "run")],
        client.get(PATH, params={"system": True}, headers=reader),
    ]
    allowed = [client.get(path, headers=reader) for path in (PATH, place, f"{place}/runs")]

    assert {refusal(answer)[:2] for answer in refused} == {(403, "forbidden")}
    assert {answer.status_code for answer in allowed} == {200}


def test_oddlines_own_schedules_are_shown_with_their_next_five_times(client: TestClient) -> None:
    told = client.get(PATH, params={"system": True}).json()["schedules"]

    assert {one["task"]: one["expression"] for one in told} == {
        spec.name: schedule.expression for spec, schedule in CATALOGUE.scheduled()
    }
    assert all(len(one["next"]) == 5 for one in told)


def test_the_command_does_what_the_routes_do(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def api_client(**_: Any) -> Iterator[TestClient]:
        yield client

    monkeypatch.setattr(connecting, "api_client", api_client)

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(command, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    added = json.loads(said("add", "nightly", "send_email", "rate(1 day)", "--payload", json.dumps(MAIL)))
    schedule = added["id"]
    changed = json.loads(said("change", schedule, "--timezone", "Asia/Kolkata", "--until", "2099-01-01"))
    task = said("run", schedule).strip()
    listed = json.loads(said("list", "--json"))
    runs = json.loads(said("runs", schedule, "--json"))
    said("pause", schedule)
    paused = json.loads(said("show", schedule))["state"]
    said("resume", schedule)
    table = said("list")
    said("remove", schedule)

    assert len(added["next"]) == 5
    assert (changed["timezone"], changed["ends_at"]) == ("Asia/Kolkata", "2099-01-01T00:00:00Z")
    assert [run["task_id"] for run in runs] == [task]
    assert ([one["id"] for one in listed], paused) == ([schedule], "paused")
    assert schedule in table
    assert "watch_schedules" in said("list", "--system")
    assert said("list", "--json").strip() == "[]"
    assert refusal(client.get(f"{PATH}/{new_id()}"))[0] == 404
