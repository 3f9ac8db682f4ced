"""The client of the measurements, in a process of its own: it sends bodies that were made before the clock starts."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.entries import BATCH_ENTRIES, batch_body, entries

CONNECTIONS = 4

SINGLES_PER_S = 10
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Order:
    """What to send: batches as fast as they are taken, or single entries at their rate, for `seconds`.

    `bodies` is how many batches are made; they are sent again from the first when all were sent.
    """

    kind: str
    url: str
    key: str
    seconds: float
    bodies: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Post:
    """A submission and when it was sent, in seconds since 1970."""

    at: float
    submission: str


def post(order: Order) -> tuple[list[Post], float]:
    """Have a process of its own carry out the order: what it sent, and the processor time that it took for that."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.posting"],
        input=json.dumps(asdict(order)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    told = json.loads(ran.stdout)
    return [Post(*one) for one in told["posts"]], told["cpu_s"]


def _main() -> None:
    order = Order(**json.load(sys.stdin))
    bodies = _bodies(order)
    send = _send_batches if order.kind == "batches" else _send_singles
    began = time.process_time()
    posts = send(order, bodies)
    json.dump({"posts": posts, "cpu_s": time.process_time() - began}, sys.stdout)


def _bodies(order: Order) -> list[bytes]:
    now = datetime.now(UTC)
    if order.kind == "batches":
        return [batch_body(BATCH_ENTRIES, seed=order.seed + number, start=now) for number in range(order.bodies)]
    count = round(order.seconds * SINGLES_PER_S)
    return [orjson.dumps(entry) for entry in entries(count, seed=order.seed, start=now)]


def _send_batches(order: Order, bodies: Sequence[bytes]) -> list[tuple[float, str]]:
    """Each connection sends its next body when the last was answered; they take them in turn."""
    endless = cycle(bodies)
    taking = threading.Lock()
    deadline = time.monotonic() + order.seconds

    def work(_: int) -> list[tuple[float, str]]:
        sender = _Sender(order)
        sent = []
        while time.monotonic() < deadline:
            with taking:
                body = next(endless)
            at = time.time()
            sent.append((at, sender.send("/api/v1/logs/batch", body)["batch_id"]))
        return sent

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [one for sent in pool.map(work, range(CONNECTIONS)) for one in sent]


def _send_singles(order: Order, bodies: Sequence[bytes]) -> list[tuple[float, str]]:
    """Each at its time, whatever became of those before: a slow answer must not delay, and so spare, the next ones.

    The time that counts is the one at which it was due.
    """
    senders = threading.local()

    def work(at: float, body: bytes) -> tuple[float, str]:
        if not hasattr(senders, "own"):
            senders.own = _Sender(order)
        return at, senders.own.send("/api/v1/logs", body)["analysis_task_id"]

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        start = time.time()
        waiting = []
        for number, body in enumerate(bodies):
            due = start + number / SINGLES_PER_S
            time.sleep(max(0.0, due - time.time()))
            waiting.append(pool.submit(partial(work, due, body)))
        return [one.result() for one in waiting]


class _Sender:
    """One kept connection."""

    def __init__(self, order: Order) -> None:
        address = urlsplit(order.url)
        self._connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {order.key}"}

    def send(self, path: str, body: bytes) -> dict[str, Any]:
        """The answer, which must be 202."""
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 202:
            raise RuntimeError(f"POST {path} was answered with {answer.status}: {content[:500]!r}")
        told: dict[str, Any] = orjson.loads(content)
        return told


if __name__ == "__main__":
    _main()
