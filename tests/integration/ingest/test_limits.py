"""Keys, projects and addresses that ask too much are told so by standard headers; nobody else is refused for it."""

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from commands import command_for, told
from ingesting import HMAC_SECRET, Stored
from movable_clock import MovableClock
from starlette.testclient import TestClient

from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.database import Database
from oddline.identity import NewKey
from oddline.limits import WINDOW_S, open_limiter
from oddline.limits.counter import Counter
from oddline.settings import Side
from oddline.submissions import delete_usage, read_usage
from oddline.tasks import Publisher

PATH = "/api/v1/logs"
ENTRY = {"message": "disk sda: I/O error", "attributes": {"host": "web-3"}}
ENTRY_BYTES = len("disk sda: I/O error") + len('{"host":"web-3"}')
AT_MOST_S = 1.0  # a POST without Redis

Client = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture
def client_with(parts: Parts, redis_url: str, make_key: Callable[..., NewKey]) -> Client:
    """Opens a client, with a key of its own, of a process of its own whose settings say these limits."""

    @contextmanager
    def opened(
        *, url: str = redis_url, address: str = "198.51.100.7", key: str | None = None, **limits: int
    ) -> Iterator[TestClient]:
        settings = parts.settings.model_copy(
            update={"redis_url": url, **{f"limit_{name}": value for name, value in limits.items()}}
        )
        publisher = Publisher(url)
        own = replace(parts, settings=settings, publisher=publisher, limiter=open_limiter(settings, parts.db))
        app = new_app(router, title="test", parts=lambda: own)
        headers = {"X-API-Key": make_key().key if key is None else key}
        with TestClient(app, headers=headers, client=(address, 1), raise_server_exceptions=False) as client:
            yield client
        publisher.close()

    return opened


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The URL of a Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://:secret@127.0.0.1:{listening.getsockname()[1]}/0"


def post(client: TestClient, **options: Any) -> Any:
    return client.post(PATH, **{"json": ENTRY} | options)


def statuses(client: TestClient, times: int, **options: Any) -> list[int]:
    return [post(client, **options).status_code for _ in range(times)]


# Requests a minute


def test_each_answer_says_by_the_drafts_headers_how_the_key_and_its_project_stand(client_with: Client) -> None:
    with client_with(key_ingest=5, project_ingest=50) as client:
        answers = [post(client), post(client)]

    assert [answer.headers["RateLimit-Policy"] for answer in answers] == [
        '"key-ingest";q=5;w=60, "project-ingest";q=50;w=60'
    ] * 2
    for answer, left in zip(answers, (4, 3), strict=True):
        limits = re.fullmatch(
            r'"key-ingest";r=(\d+);t=(\d+), "project-ingest";r=(\d+);t=(\d+)', answer.headers["RateLimit"]
        )
        assert limits is not None
        assert (int(limits[1]), int(limits[3])) == (left, left + 45)
        assert 0 < int(limits[2]) <= WINDOW_S


def test_one_request_too_many_is_refused_until_the_window_ends(
    client_with: Client, clock: MovableClock, stored: Callable[[], list[Stored]]
) -> None:
    with client_with(key_ingest=2) as client:
        assert statuses(client, 2) == [202, 202]
        refused = post(client)
        seconds = int(refused.headers["Retry-After"])
        clock.move(timedelta(seconds=seconds - 1))
        still = post(client)
        clock.move(timedelta(seconds=1))
        again = post(client)

    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert refused.json()["violated-policies"] == ["key-ingest"]
    assert f'"key-ingest";r=0;t={seconds}' in refused.headers["RateLimit"]
    assert (still.status_code, again.status_code) == (429, 202)
    assert len(stored()) == 3


def test_a_key_at_its_limit_leaves_its_projects_other_keys_alone(client_with: Client) -> None:
    with client_with(key_ingest=1) as one, client_with(key_ingest=1) as other:
        assert statuses(one, 2) == [202, 429]
        assert statuses(other, 1) == [202]


def test_a_projects_keys_together_have_a_limit_and_another_project_has_its_own(
    client_with: Client, make_key: Callable[..., NewKey], other_project: UUID
) -> None:
    elsewhere = make_key(project=other_project).key
    with (
        client_with(project_ingest=2) as one,
        client_with(project_ingest=2) as other,
        client_with(project_ingest=2, key=elsewhere) as stranger,
    ):
        assert statuses(one, 2) == [202, 202]
        assert statuses(other, 1) == [429]
        assert statuses(stranger, 1) == [202]


def test_processes_count_together(client_with: Client, make_key: Callable[..., NewKey]) -> None:
    key = make_key().key
    with client_with(key_ingest=3, key=key) as one, client_with(key_ingest=3, key=key) as other:
        assert statuses(one, 2) + statuses(other, 2) == [202, 202, 202, 429]


def test_the_older_form_without_a_key_has_its_projects_limit(client_with: Client) -> None:
    body = json.dumps(ENTRY).encode()
    signed = {"X-HMAC-Signature": hmac.new(HMAC_SECRET.encode(), body, hashlib.sha256).hexdigest()}
    with client_with(project_ingest=1) as client:
        del client.headers["X-API-Key"]
        answers = [client.post("/api/logs/", content=body, headers=signed).status_code for _ in range(2)]

    assert answers == [202, 429]


def test_no_limit_is_told_where_there_is_none(client_with: Client) -> None:
    with client_with(key_ingest=0, project_ingest=0) as client:
        answer = post(client)

    assert answer.status_code == 202
    assert "RateLimit" not in answer.headers


# Without Redis


@pytest.mark.parametrize("how", ["refused", "black-holed"])
def test_without_redis_a_post_answers_within_a_second_and_limits_still_hold(
    client_with: Client, closed_port: int, black_hole: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = black_hole if how == "black-holed" else f"redis://:secret@127.0.0.1:{closed_port}/0"
    with client_with(url=url, key_ingest=3) as client:
        began = time.monotonic()
        first = post(client)
        took = time.monotonic() - began
        rest = statuses(client, 3)

    assert (first.status_code, rest) == (202, [202, 202, 429])
    assert took < AT_MOST_S
    assert "counted in this process alone" in caplog.text
    assert "secret" not in caplog.text


def test_redis_is_used_again_once_it_is_back(parts: Parts, redis_url: str, closed_port: int) -> None:
    urls = [f"redis://127.0.0.1:{closed_port}/0", redis_url]
    counter = Counter(lambda: urls.pop(0), pause_s=0)

    assert counter.add("name", expires_s=60) == 1
    assert [counter.add("name", expires_s=60) for _ in range(2)] == [1, 2]
    with redis.Redis.from_url(redis_url) as client:
        assert int(client.get("oddline:name")) == 2
        assert 0 < client.ttl("oddline:name") <= 60


# Entries and bytes a day


def test_a_request_over_the_quota_is_refused_whole_and_says_when_the_day_ends(
    client_with: Client, clock: MovableClock, stored: Callable[[], list[Stored]]
) -> None:
    with client_with(entries_a_day=5) as client:
        assert statuses(client, 3) == [202] * 3
        refused = client.post(f"{PATH}/batch", json=[ENTRY] * 3)
        fitting = client.post(f"{PATH}/batch", json=[ENTRY] * 2)
        full = post(client)
        clock.move(timedelta(days=1))
        next_day = post(client)

    document = refused.json()
    assert (refused.status_code, document["code"], document["quota"]) == (429, "quota-exceeded", "entries")
    assert (document["limit"], document["used"], document["requested"]) == (5, 3, 3)
    assert document["resets_at"].endswith("T00:00:00Z")
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert (fitting.status_code, full.status_code, next_day.status_code) == (202, 429, 202)
    assert sum(len(one.columns) for one in stored()) == 6


def test_bytes_are_those_of_messages_and_attributes(client_with: Client) -> None:
    with client_with(bytes_a_day=2 * ENTRY_BYTES) as client:
        assert statuses(client, 3) == [202, 202, 429]


def test_a_repeat_gets_its_first_answer_over_the_quota_too_and_is_not_counted(
    client_with: Client, db: Callable[[Side], Database], project: UUID, clock: MovableClock
) -> None:
    repeated = {"headers": {"Idempotency-Key": "once"}}
    with client_with(entries_a_day=1) as client:
        first, again = post(client, **repeated), post(client, **repeated)
        assert statuses(client, 1) == [429]

    assert (again.status_code, again.json()) == (202, first.json())
    with db("console").transaction(project=project) as tx:
        [usage] = read_usage(tx, project, since=clock().date())
    assert (usage.entries, usage.bytes) == (1, ENTRY_BYTES)


def test_what_many_send_at_once_is_counted_exactly(
    client_with: Client, db: Callable[[Side], Database], project: UUID, clock: MovableClock
) -> None:
    with client_with() as client, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(client).status_code, range(64)))

    assert answers == [202] * 64
    with db("worker").transaction() as tx:
        [usage] = read_usage(tx, project, since=clock().date())
        shards = tx.execute("SELECT count(*) FROM usage_counts").fetchone()
        assert delete_usage(tx, before=clock().date()) == 0
        assert delete_usage(tx, before=clock().date() + timedelta(days=1)) == (shards or [0])[0]
    assert (usage.entries, usage.bytes) == (64, 64 * ENTRY_BYTES)
    assert shards is not None
    assert shards[0] > 4


# What the operator grants


def test_the_operator_grants_a_project_its_own_limits(
    client_with: Client, database_urls: dict[Side, str], tmp_path: Path
) -> None:
    oddline = command_for(tmp_path, database_url=database_urls["worker"])

    assert told(oddline("projects", "quota", "first", "--entries", "3")) == "entries a day: 3\n"
    assert told(oddline("projects", "rates", "first", "--key-ingest", "2", "--project-ingest", "0")) == (
        "key ingest: 2\nproject ingest: no limit\n"
    )

    with client_with(project_ingest=1) as client:
        assert statuses(client, 3) == [202, 202, 429]
    with client_with(project_ingest=1) as client:
        quota = [post(client).json().get("code") for _ in range(2)]
    assert quota == [None, "quota-exceeded"]
    told(oddline("projects", "quota", "first", "--entries", "-1"))
    listed = json.loads(told(oddline("projects", "list", "--json")))
    assert (listed["first"]["entries_a_day"], listed["first"]["key_ingest"]) == (0, 2)


# Wrong keys


def test_an_address_that_guesses_is_not_listened_to_for_a_while_even_with_a_right_key(
    client_with: Client, make_key: Callable[..., NewKey], clock: MovableClock
) -> None:
    right = {"headers": {"X-API-Key": make_key().key}}
    with client_with(failures=3, key="odl_wrong") as client:
        assert statuses(client, 4) == [401, 401, 401, 429]
        hit = post(client, **right)
        clock.move(timedelta(seconds=int(hit.headers["Retry-After"])))
        later = post(client, **right)

    assert (hit.status_code, hit.json()["code"]) == (429, "rate-limited")
    assert later.status_code == 202


def test_a_key_that_is_known_to_be_good_is_not_shut_out_by_a_neighbours_wrong_one(client_with: Client) -> None:
    wrong = {"headers": {"X-API-Key": "odl_wrong"}}
    with client_with(failures=2) as client:
        assert statuses(client, 1) == [202]
        assert statuses(client, 3, **wrong) == [401, 401, 429]
        assert statuses(client, 1) == [202]


def test_addresses_fail_each_for_itself_and_an_ipv6_network_as_one(client_with: Client) -> None:
    options: dict[str, Any] = {"failures": 2, "key": "odl_wrong"}
    with client_with(address="2620:fe::1", **options) as one, client_with(address="2620:fe::2", **options) as two:
        assert statuses(one, 1) + statuses(two, 2) == [401, 401, 429]
    with client_with(address="2620:fe:0:1::1", **options) as another:
        assert statuses(another, 1) == [401]


def test_requests_without_a_key_count_as_failed(client_with: Client) -> None:
    with client_with(failures=2) as client:
        del client.headers["X-API-Key"]
        assert statuses(client, 3) == [401, 401, 429]
