"""Publishing wakes a real Celery worker up, and costs a caller next to nothing when Redis is away."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis

from oddline.local.valkey import ValkeyServer
from oddline.submissions import new_id
from oddline.tasks import LONGEST_COUNTDOWN, Publisher, Queue, TaskSpec

SPEC = TaskSpec(name="wake_me", queue=Queue.ANALYSIS, idempotency="it does nothing")
AT_MOST_S = 1.0  # a POST waits for it
WORKER_PATIENCE_S = 60

WORKER = """
import os
import redis
from celery import Celery

app = Celery(broker=os.environ["BROKER"])
app.conf.task_ignore_result = True

@app.task(name="wake_me", bind=True)
def wake_me(self, *args):
    redis.Redis.from_url(os.environ["BROKER"]).rpush("done", " ".join([self.request.id, *args]))
"""


@contextmanager
def published_to(url: str, **options: Any) -> Iterator[Publisher]:
    publisher = Publisher(url, **options)
    yield publisher
    publisher.close()


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    with published_to(redis_url, pause_s=0) as publisher:
        yield publisher


def waiting(redis_url: str) -> list[dict[str, Any]]:
    """The messages of the queue, oldest first."""
    with redis.Redis.from_url(redis_url) as client:
        return [json.loads(message) for message in reversed(client.lrange(str(SPEC.queue), 0, -1))]


def body(message: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(message["body"]))


# With a Redis


def test_a_message_has_the_form_of_celerys_second_protocol(publisher: Publisher, redis_url: str) -> None:
    task_id = new_id()

    taken = publisher.wake(SPEC, task_id=task_id)

    [message] = waiting(redis_url)
    assert taken
    assert body(message) == [[str(task_id)], {}, {}]
    assert (message["content-type"], message["properties"]["body_encoding"]) == ("application/json", "base64")
    assert (message["headers"]["task"], message["headers"]["lang"]) == ("wake_me", "py")
    assert UUID(message["headers"]["id"])
    assert message["headers"]["id"] == message["properties"]["correlation_id"]
    assert message["headers"]["eta"] is None


def test_a_wake_up_without_a_task_has_no_argument(publisher: Publisher, redis_url: str) -> None:
    publisher.wake(SPEC)

    assert body(waiting(redis_url)[0]) == [[], {}, {}]


def test_a_countdown_is_a_moment_in_utc(publisher: Publisher, redis_url: str) -> None:
    before = datetime.now(UTC)

    publisher.wake(SPEC, countdown=timedelta(seconds=30))

    due = datetime.fromisoformat(waiting(redis_url)[0]["headers"]["eta"])
    assert before + timedelta(seconds=30) <= due <= datetime.now(UTC) + timedelta(seconds=30)


def test_a_countdown_that_a_worker_would_sit_on_is_refused(publisher: Publisher, redis_url: str) -> None:
    with pytest.raises(ValueError, match="ledger"):
        publisher.wake(SPEC, countdown=LONGEST_COUNTDOWN + timedelta(milliseconds=1))

    assert waiting(redis_url) == []


def test_many_threads_share_one_publisher(publisher: Publisher, redis_url: str) -> None:
    ids = [new_id() for _ in range(200)]
    shares = [ids[start::8] for start in range(8)]

    threads = [
        threading.Thread(target=lambda share=share: [publisher.wake(SPEC, task_id=each) for each in share])
        for share in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(body(message)[0][0] for message in waiting(redis_url)) == sorted(map(str, ids))


def test_a_real_worker_runs_what_was_published(publisher: Publisher, redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "woken.py").write_text(WORKER)
    options = ["-P", "solo", "-Q", str(SPEC.queue), "--without-gossip", "--without-mingle", "-l", "WARNING"]
    first, second = new_id(), new_id()
    publisher.wake(SPEC, task_id=first)
    publisher.wake(SPEC, task_id=second, countdown=timedelta(seconds=1))

    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "woken", "worker", *options],
        cwd=tmp_path,
        env=os.environ | {"BROKER": redis_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with redis.Redis.from_url(redis_url) as client:
            done = [client.blpop(["done"], timeout=WORKER_PATIENCE_S) for _ in range(2)]
    finally:
        worker.terminate()
        worker.wait(timeout=WORKER_PATIENCE_S)

    ran = [found[1].decode().split() for found in done if found]
    assert [argument for _, argument in ran] == [str(first), str(second)]
    assert all(UUID(message_id) for message_id, _ in ran)


# Without one


@contextmanager
def refusing() -> Iterator[str]:
    """A port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{taken.getsockname()[1]}/0"


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that answers no packet, as one behind a firewall: its queue of new connections is full."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            filling = opened.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://:password@127.0.0.1:{listening.getsockname()[1]}/0"


@pytest.mark.parametrize("away", [refusing, black_hole, silent])
def test_a_redis_that_is_away_costs_little_and_raises_nothing(away: Any) -> None:
    with away() as url, published_to(url, pause_s=0) as publisher:
        for _ in range(3):
            started = time.monotonic()

            taken = publisher.wake(SPEC)

            assert not taken
            assert time.monotonic() - started < AT_MOST_S


def test_after_a_failure_none_is_tried_for_a_while() -> None:
    now = 100.0
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        url = f"redis://127.0.0.1:{listening.getsockname()[1]}/0"

        def tries() -> int:
            count = 0
            while True:
                try:
                    listening.accept()[0].close()
                except BlockingIOError:
                    return count
                count += 1

        with published_to(url, pause_s=5, clock=lambda: now) as publisher:
            first = publisher.wake(SPEC), tries()
            now += 4.9
            during = publisher.wake(SPEC), tries()
            now += 0.2
            after = publisher.wake(SPEC), tries()

    assert (first[0], during[0], after[0]) == (False, False, False)
    assert first[1] >= 1
    assert during[1] == 0
    assert after[1] >= 1


def test_publishing_goes_on_when_redis_is_back(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "valkey")
    server.start()
    url = server.url
    try:
        with published_to(url, pause_s=0) as publisher:
            before = publisher.wake(SPEC)
            server.stop()
            started = time.monotonic()
            during = publisher.wake(SPEC)
            took_s = time.monotonic() - started
            server.start()
            after = publisher.wake(SPEC)

        assert server.url == url
        assert (before, during, after) == (True, False, True)
        assert took_s < AT_MOST_S
        assert len(waiting(url)) == 2
    finally:
        server.remove()
