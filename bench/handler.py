"""What a call of `logging.info` costs the application in microseconds, beside `QueueHandler` and its listener.

Bursts of calls, the handlers in turn, so that what else the machine does meets all of them; between two
bursts each handler works off what it holds. With the API away nothing can be worked off: the queue fills, then drops.
The API is the local stack on the same machine. By the clock, and by the processor time of the calling thread, which
what else the machine does changes least.
"""

import logging
import logging.handlers
import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import percentile
from bench.services import running_stack, wait_until_scored
from oddline.client import Client, OddlineHandler
from oddline.database import Database

BURST = 1_000  # calls
BURSTS = 100


@dataclass(frozen=True)
class Contender:
    """A handler, and what waits until it has worked off what it holds."""

    name: str
    handler: logging.Handler
    settle: Callable[[], object]
    seconds: list[float] = field(default_factory=list)  # of each burst, by the clock
    processor_seconds: list[float] = field(default_factory=list)


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`handler_<case>_us` of each case, by the median burst."""
    bursts = 10 if quick else BURSTS
    logging.raiseExceptions = False
    with running_stack(work) as stack, _contenders(stack.url, stack.api_key, work=work) as contenders:
        for _ in range(bursts):
            for contender in contenders:
                contender.settle()
                _burst(contender)
        for contender in contenders:
            contender.settle()
        with closing(Database(stack.database_urls["worker"], size=1)) as db:
            wait_until_scored(db)
        with Client(stack.url, stack.api_key) as client:
            stored = sum(1 for _ in client.entries(source="bench"))
    if stored != bursts * BURST:
        raise RuntimeError(f"of {bursts * BURST} records {stored} were stored")
    figures = {f"handler_{one.name}_us": _median_us(one.seconds) for one in contenders}
    figures |= {f"handler_{one.name}_processor_us": _median_us(one.processor_seconds) for one in contenders}
    slowest = {one.name: round(max(one.seconds) / BURST * 1e6, 2) for one in contenders}
    return figures | {"handler": {"bursts": bursts, "calls": BURST, "slowest_burst_us": slowest}}


@contextmanager
def _contenders(url: str, key: str, *, work: Path) -> Iterator[list[Contender]]:
    written = logging.FileHandler(work / "app.log")
    waiting: queue.Queue[Any] = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, written)
    listener.start()
    nowhere = f"http://127.0.0.1:{_closed_port()}"
    up = OddlineHandler(url, key, source="bench")
    filling = OddlineHandler(nowhere, key, queue_records=(BURSTS + 1) * BURST, exit_timeout_s=0.0)
    full = OddlineHandler(nowhere, key, queue_records=BURST, exit_timeout_s=0.0)
    for _ in range(BURST):
        full.handle(logging.makeLogRecord({"msg": "fills the queue"}))
    try:
        yield [
            Contender("queue", logging.handlers.QueueHandler(waiting), waiting.join),
            Contender("up", up, up.flush),
            Contender("away", filling, lambda: None),
            Contender("full", full, lambda: None),
        ]
    finally:
        listener.stop()
        for handler in (written, up, filling, full):
            handler.close()


def _burst(contender: Contender) -> None:
    logger = logging.Logger("bench.handler", logging.INFO)
    logger.addHandler(contender.handler)
    began, processor_began = time.perf_counter(), time.thread_time()
    for number in range(BURST):
        logger.info("order %d of %s was paid in %.1f s", number, "ada", 0.5)
    contender.seconds.append(time.perf_counter() - began)
    contender.processor_seconds.append(time.thread_time() - processor_began)


def _median_us(seconds: list[float]) -> float:
    return round(percentile(seconds, 0.5) / BURST * 1e6, 2)


def _closed_port() -> int:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
