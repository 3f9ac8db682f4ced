"""Connections as their project's callers make, change, pause and try them, by HTTP and by the command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from feeds import Databases, Feeds, answering, fresh_project, json_answer, open_feeds
from reading import client_with_key, key_of, refusal
from starlette.testclient import TestClient
from typer.testing import CliRunner

from functions.console.app import router
from oddline.cli import connecting
from oddline.cli.connections import app as command
from oddline.encryption import Cipher
from oddline.identity import Scope
from oddline.ids import new_id
from oddline.settings import Side
from oddline.streams import TEST_CONNECTION, OfConnection, poll_cloud_logs, renew_connections, try_connection
from oddline.tasks import run_task

PATH = "/api/v1/connections"
SECRET = "Bearer a-word-that-nobody-may-see"
WISH = {
    "name": "shop",
    "type": "http",
    "source": "shop-api",
    "configuration": {"url": "https://logs.example.org/"},
    "credentials": {"headers": {"Authorization": SECRET}},
}


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture
def project(db: Databases) -> UUID:
    """A project of the case's own, in a database that they share."""
    return fresh_project(db)


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


@pytest.fixture
def feeds(db: Databases, project: UUID, redis_url: str, tmp_path: Path) -> Iterator[Feeds]:
    with open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path) as feeds:
        yield feeds


def made(client: TestClient, **wish: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=WISH | wish)
    assert answer.status_code == 201, answer.text
    connection: dict[str, Any] = answer.json()
    return connection


def test_credentials_are_shown_to_nobody_and_stand_nowhere_in_the_clear(
    db: Databases, client: TestClient, project: UUID
) -> None:
    connection = made(client)

    shown = [client.get(f"{PATH}/{connection['id']}").text, client.get(PATH).text, json.dumps(connection)]
    audit = client.get("/api/v1/audit").text

    assert connection["has_credentials"] is True
    with db("owner").transaction() as tx:
        [row] = tx.execute("SELECT connections::text FROM connections WHERE project_id = %s", [project]).fetchall()
    assert [text for text in (*shown, audit, *row) if SECRET in text] == []
    assert "connection.made" in audit


def test_it_is_changed_paused_resumed_and_removed(client: TestClient) -> None:
    place = f"{PATH}/{made(client)['id']}"

    renamed = client.put(place, json={"name": "shop 2", "interval_s": 60}).json()
    states = [client.post(f"{place}/{what}").json()["state"] for what in ("pause", "pause", "resume", "resume")]
    removed = [client.delete(place).status_code for _ in range(2)]

    assert (renamed["name"], renamed["interval_s"], renamed["has_credentials"]) == ("shop 2", 60, True)
    assert (states, removed) == (["paused", "paused", "on", "on"], [204, 404])
    assert client.get(PATH).json() == {"connections": []}


def test_one_that_leads_elsewhere_begins_there_anew(db: Databases, client: TestClient) -> None:
    connection = made(client)
    with db("owner").transaction() as tx:
        tx.execute('UPDATE connections SET cursor = \'{"value": "7"}\' WHERE id = %s', [connection["id"]])

    same = client.put(f"{PATH}/{connection['id']}", json={"configuration": WISH["configuration"]}).json()
    elsewhere = {"configuration": {"url": "https://b.example.org"}, "credentials": WISH["credentials"]}
    other = client.put(f"{PATH}/{connection['id']}", json=elsewhere).json()

    assert (same["cursor"], same["since"]) == ({"value": "7"}, connection["since"])
    assert other["cursor"] == {}
    assert other["since"] > connection["since"]


REDIS = {"host": "a.example.org", "stream": "s"}
AZURE = {"workspace_id": str(UUID(int=1)), "query": "AppTraces"}
ENTRA = {"tenant_id": str(UUID(int=2)), "client_id": str(UUID(int=3)), "client_secret": SECRET}


@pytest.mark.parametrize(
    ("wish", "changed"),
    [
        ({}, {"url": "https://evil.example.org/"}),
        ({}, {"url": "http://logs.example.org/"}),
        ({}, {"url": "https://logs.example.org:80/"}),
        ({"type": "redis", "configuration": REDIS}, REDIS | {"host": "evil.example.org"}),
        ({"type": "redis", "configuration": REDIS}, REDIS | {"port": 6380}),
        ({"type": "redis", "configuration": REDIS}, REDIS | {"tls": False}),
        ({"type": "azure", "configuration": AZURE}, AZURE | {"login": "https://evil.example.org"}),
        ({"type": "azure", "configuration": AZURE}, AZURE | {"endpoint": "https://evil.example.org"}),
    ],
)
def test_credentials_go_to_another_server_only_if_they_are_given_again(
    client: TestClient, wish: dict[str, Any], changed: dict[str, Any]
) -> None:
    shown = {"redis": {"password": SECRET}, "azure": ENTRA}.get(wish.get("type", ""), WISH["credentials"])
    place = f"{PATH}/{made(client, **wish | {'credentials': shown})['id']}"

    without = client.put(place, json={"configuration": changed})
    same = client.put(place, json={"configuration": wish.get("configuration", {"url": "https://logs.example.org/b"})})
    with_them = client.put(place, json={"configuration": changed, "credentials": shown})

    assert refusal(without) == (422, "invalid-parameter", "credentials")
    assert (same.status_code, with_them.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"type": "telnet"}, "type"),
        ({"configuration": {}}, "configuration.url"),
        ({"configuration": {"url": "ftp://example.org"}}, "configuration.url"),
        ({"configuration": {"url": "https://example.org", "more": 1}}, "configuration.more"),
        ({"credentials": {"password": SECRET}}, "credentials.password"),
        ({"type": "redis", "configuration": {"host": "a/../b", "stream": "s"}}, "configuration.host"),
        ({"type": "s3", "configuration": {"region": "x.evil.org/", "bucket": "logs"}}, "configuration.region"),
        (
            {"type": "s3", "configuration": {"region": "eu-west-1", "bucket": "logs"}, "credentials": None},
            "credentials",
        ),
        (
            {
                "type": "s3",
                "configuration": {"region": "eu-west-1", "bucket": "b-1", "role_arn": "arn:aws:iam::1:role/x"},
            },
            "configuration.role_arn",
        ),
        ({"interval_s": 5}, "interval_s"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name_and_nothing_is_quoted(
    client: TestClient, wish: dict[str, Any], field: str
) -> None:
    answer = client.post(PATH, json=WISH | wish)

    assert refusal(answer) == (422, "invalid-parameter", field)
    assert SECRET not in answer.text


def test_a_name_is_given_once(client: TestClient) -> None:
    made(client)

    assert refusal(client.post(PATH, json=WISH)) == (409, "conflict", "name")


def test_readers_see_them_and_change_nothing(db: Databases, client: TestClient, project: UUID) -> None:
    place = f"{PATH}/{made(client)['id']}"
    reader = key_of(db, project, Scope.READ)

    assert client.get(place, headers=reader).status_code == 200
    asked = [client.post(f"{place}/{what}", headers=reader).status_code for what in ("pause", "resume", "test")]
    assert asked == [403] * 3


def test_a_try_is_a_task_whose_sealed_result_administrators_read(
    db: Databases, client: TestClient, project: UUID, feeds: Feeds
) -> None:
    with answering(lambda _: json_answer(["a line"])) as url:
        connection = made(client, configuration={"url": url})
        answer = client.post(f"{PATH}/{connection['id']}/test")
        task = UUID(answer.json()["task_id"])
        run_task(TEST_CONNECTION, try_connection, task_id=task, context=feeds.context)
    told = client.get(answer.headers["Location"]).json()
    to_readers = client.get(answer.headers["Location"], headers=key_of(db, project, Scope.READ)).json()

    assert (answer.status_code, told["status"], to_readers["result"]) == (202, "SUCCESS", "sealed")
    assert told["result"]["reached"] is True
    assert told["result"]["entries"] == [{"severity": "UNSPECIFIED", "message": "a line"}]


def test_a_connection_that_is_paused_or_changed_under_a_poll_stores_nothing_more(
    client: TestClient, feeds: Feeds
) -> None:
    connection: dict[str, Any] = {}

    def pausing(_: Any) -> Any:
        client.post(f"{PATH}/{connection['id']}/pause")
        return json_answer(["a line"])

    with answering(pausing) as url:
        connection |= made(client, configuration={"url": url})
        payload = OfConnection(project=feeds.project, connection=UUID(connection["id"]))
        feeds.clock.move(timedelta(minutes=1))  # it stands where it was before the connection was made
        told = poll_cloud_logs(payload, replace(feeds.context, task_id=new_id()))

    assert told == {"polled": True, "lost": True, "entries": 0}
    assert feeds.messages() == []


def test_credentials_are_brought_under_the_newest_key(db: Databases, client: TestClient, feeds: Feeds) -> None:
    connection = made(client)
    ours = feeds.context.settings.encryption_keys

    with db("worker").transaction() as tx:
        renew_connections(tx, after=UUID(int=0), limit=1_000, cipher=Cipher(["a newer key of them", ours]))
        [[sealed]] = tx.execute("SELECT credentials FROM connections WHERE id = %s", [connection["id"]]).fetchall()

    assert json.loads(Cipher(["a newer key of them"]).decrypt(sealed.encode())) == WISH["credentials"]


def test_the_commands_do_what_the_routes_do(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, feeds: Feeds
) -> None:
    @contextmanager
    def api_client(**_: Any) -> Iterator[TestClient]:
        yield client

    monkeypatch.setattr(connecting, "api_client", api_client)
    shown = tmp_path / "credentials.json"
    shown.write_text(json.dumps(WISH["credentials"]))

    def said(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(command, list(arguments))
        assert done.exit_code == code, done.output
        return done.stdout

    added = json.loads(
        said("add", "shop", "http", "api", json.dumps({"url": "https://logs.example.org"}), "--credentials", str(shown))
    )["id"]
    said("pause", added)
    paused = json.loads(said("show", added))["state"]
    said("resume", added)
    monkeypatch.setattr("oddline.cli.connections.LONGEST_TRY_S", 0.0)
    said("test", added, code=1)  # nobody works here: it says so and ends
    listed, table = json.loads(said("list", "--json")), said("list")
    said("remove", added)

    assert (paused, [one["id"] for one in listed]) == ("paused", [added])
    assert listed[0]["has_credentials"] is True
    assert "shop" in table
    assert said("list", "--json").strip() == "[]"
