"""What an application logs is sent in the background: the application neither waits nor hears of faults."""

import gzip
import json
import logging
import logging.config
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from answering_server import CUT, HANG, LOST, AnsweringServer, answering

from oddline.client import Answer, Call, Fault, OddlineHandler
from oddline.client import sender as sending

QUICK = {"interval_s": 0.02, "exit_timeout_s": 5.0}


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LONGEST_PAUSE_S", 0.02)


@contextmanager
def logger_of(handler: logging.Handler) -> Iterator[logging.Logger]:
    logger = logging.Logger("shop.cart", logging.NOTSET)
    logger.addHandler(handler)
    yield logger
    handler.close()


@contextmanager
def logging_to(server: AnsweringServer, **options: Any) -> Iterator[logging.Logger]:
    with logger_of(OddlineHandler(server.url, "key", **{"source": "cart", **QUICK, **options})) as logger:
        yield logger


def sent_to(server: AnsweringServer) -> list[Any]:
    """All entries of batches that were taken, each once."""
    taken = {request.headers["Idempotency-Key"]: request.entries for request in server.requests}
    return [entry for entries in taken.values() for entry in entries]


def test_a_record_becomes_an_entry_with_all_that_logging_knows(server: AnsweringServer) -> None:
    began = time.time()

    with logging_to(server, attributes={"region": "eu"}) as logger:
        logger.warning("disk %s is full", "sda", extra={"disk": "sda", "free": 0})

    [entry] = sent_to(server)
    attributes = entry.pop("attributes")
    assert began - 0.001 <= datetime.fromisoformat(entry.pop("timestamp")).timestamp() <= time.time()
    assert entry == {"message": "disk sda is full", "severity": "WARN", "source": "cart"}
    assert {"region": "eu", "logger": "shop.cart", "disk": "sda", "free": 0}.items() <= attributes.items()
    assert attributes["code.function.name"] == "test_a_record_becomes_an_entry_with_all_that_logging_knows"
    assert attributes["thread.name"] == threading.current_thread().name
    assert {"code.file.path", "code.line.number", "process.pid"} <= attributes.keys()


def test_an_exception_and_the_stack_stand_in_the_message(server: AnsweringServer) -> None:
    with logging_to(server) as logger:
        try:
            raise LookupError("no such order")
        except LookupError:
            logger.exception("payment failed", stack_info=True)

    [entry] = sent_to(server)
    assert entry["message"].startswith("payment failed\nTraceback (most recent call last):\n")
    assert "LookupError: no such order\nStack (most recent call last):\n" in entry["message"]
    assert (entry["severity"], entry["attributes"]["exception.type"]) == ("ERROR", "builtins.LookupError")


@pytest.mark.parametrize(
    ("level", "severity", "named"),
    [(4, "TRACE", "Level 4"), (10, "DEBUG", None), (20, "INFO", None), (25, "INFO", "Level 25"), (30, "WARN", None),
     (40, "ERROR", None), (50, "FATAL", None), (60, "FATAL", "Level 60")],
)  # fmt: skip
def test_levels_become_severities_and_those_of_ones_own_keep_their_name(
    server: AnsweringServer, level: int, severity: str, named: str | None
) -> None:
    with logging_to(server) as logger:
        logger.log(level, "hello")

    [entry] = sent_to(server)
    assert (entry["severity"], entry["attributes"].get("level")) == (severity, named)


def test_what_changes_after_it_was_logged_is_sent_as_it_was(server: AnsweringServer) -> None:
    basket = ["apple"]

    with logging_to(server, interval_s=60.0) as logger:
        logger.info("basket %s", basket, extra={"basket": basket})
        basket.append("pear")

    [entry] = sent_to(server)
    assert (entry["message"], entry["attributes"]["basket"]) == ("basket ['apple']", ["apple"])


def test_ids_and_sessions_among_extras_become_fields_where_they_are_what_the_api_takes(server: AnsweringServer) -> None:
    good = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "session": "s1"}
    bad = {"trace_id": "none", "span_id": 7, "session": "x" * 300}

    with logging_to(server) as logger:
        logger.info("good", extra=good)
        logger.info("bad", extra=bad)

    one, other = sent_to(server)
    assert {name: one[name] for name in good} == good
    assert bad.items() <= other["attributes"].items()


class _Mute:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_whatever_an_application_attaches_its_record_is_sent(server: AnsweringServer) -> None:
    ring: list[Any] = []
    ring.append(ring)
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    extras = {
        "ring": ring, "deep": deep, "mute": _Mute(), "object": Exception("why"), "nan": float("nan"), "huge": 2**80,
        "a\0b": "c\0d", "surrogate": "\ud800", "large": "x" * 100_000, "keys": {("a", 1): 2}, "bytes": b"ab",
    }  # fmt: skip

    with logging_to(server) as logger:
        logger.info("as it is", extra=extras)
        logger.info("x" * 300_000)
        logger.info("nul \0, surrogate \ud800")
        logger.info("   ")

    first, long, strange = sent_to(server)
    attributes = first["attributes"]
    assert attributes["object"] == "why"
    assert (attributes["nan"], attributes["huge"], attributes["a␀b"]) == ("nan", str(2**80), "c␀d")
    assert (attributes["surrogate"], attributes["bytes"], attributes["oddline.left_out"]) == ("?", "b'ab'", 1)
    assert attributes["mute"] == "<_Mute without text: RuntimeError>"
    assert attributes["deep"].startswith("[[[[")
    assert len(long["message"].encode()) <= 256 * 1024
    assert long["message"].endswith("(cut: the message was too long)")
    assert strange["message"] == "nul ␀, surrogate ?"


def test_a_record_that_was_made_of_next_to_nothing_is_sent(server: AnsweringServer) -> None:
    with logging_to(server) as logger:
        logger.handlers[0].handle(logging.makeLogRecord({"msg": "from afar"}))

    assert [entry["message"] for entry in sent_to(server)] == ["from afar"]


def test_a_record_that_cannot_be_formatted_raises_nothing(
    server: AnsweringServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(server) as logger:
        logger.info("%d orders", "many")
        logger.info("fine")

    assert [entry["message"] for entry in sent_to(server)] == ["fine"]
    assert "--- Logging error ---" in capsys.readouterr().err


def test_records_are_sent_in_batches_when_there_are_enough(server: AnsweringServer) -> None:
    with logging_to(server, batch_records=10, interval_s=60.0) as logger:
        for number in range(25):
            logger.info("line %d", number)

    assert [entry["message"] for entry in sent_to(server)] == [f"line {number}" for number in range(25)]
    assert max(map(len, server.batches)) == 10
    assert len(server.batches) <= 4


def test_a_record_is_sent_once_it_has_waited_long_enough(server: AnsweringServer) -> None:
    with logging_to(server, interval_s=0.05) as logger:
        logger.info("alone")

        wait_for(lambda: server.batches)


def test_flush_waits_until_all_is_sent(server: AnsweringServer) -> None:
    with logging_to(server, interval_s=60.0) as logger:
        for number in range(50):
            logger.info("line %d", number)
        logger.handlers[0].flush()

        assert len(sent_to(server)) == 50


@pytest.mark.parametrize("told", [(500, {}), (503, {}), (429, {}), (409, {}), CUT, LOST])
def test_what_could_not_be_sent_is_sent_once_it_can_be_and_not_twice(server: AnsweringServer, told: Any) -> None:
    server.told = [told] * 3

    with logging_to(server, batch_records=10) as logger:
        for number in range(30):
            logger.info("line %d", number)

    assert [entry["message"] for entry in sent_to(server)] == [f"line {number}" for number in range(30)]


def test_a_full_queue_drops_what_comes_counts_it_and_says_so_once_the_api_is_back() -> None:
    away, back = threading.Event(), threading.Event()
    calls: list[list[str]] = []

    def transport(call: Call) -> Answer | Fault:
        away.set()
        if not back.is_set():
            return Fault("away", reached=False)
        calls.append(messages_of(call))
        return taken(call)

    handler = OddlineHandler(transport=transport, source="cart", queue_records=20, batch_records=5, **QUICK)
    with logger_of(handler) as logger:
        logger.info("first")
        assert away.wait(5)
        for number in range(50):
            logger.info("line %d", number)
        dropped = handler.dropped
        back.set()

    sent = [message for messages in calls for message in messages]
    assert dropped == 30
    assert [message for message in sent if "dropped" not in message] == ["first", *(f"line {n}" for n in range(20))]
    assert [message for message in sent if "dropped" in message] == [
        "30 log records of this process were dropped: they could not be sent in time"
    ]
    assert handler.dropped == 30


def test_logging_does_not_wait_for_an_api_that_hangs(server: AnsweringServer) -> None:
    server.told = [HANG] * 2

    with logging_to(server, queue_records=100, batch_records=10, exit_timeout_s=0.1) as logger:
        logger.info("first")
        wait_for(lambda: server.requests)
        began = time.monotonic()
        for _ in range(1_000):
            logger.info("next")
        took_s = time.monotonic() - began

    assert took_s < 2


def test_an_api_that_refuses_is_complained_of_once_and_what_it_refuses_is_counted(
    server: AnsweringServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.told = [(401, {"detail": "the API key is unknown"})] * 3

    with logging_to(server, batch_records=2) as logger:
        for _ in range(3):
            logger.info("one")
            logger.info("two")
            logger.handlers[0].flush()
        dropped = logger.handlers[0].dropped  # type: ignore[attr-defined]

    assert dropped == 6
    assert capsys.readouterr().err == "oddline: the API refuses log records: 401 the API key is unknown\n"


def test_what_the_sending_itself_logs_is_not_sent() -> None:
    sent: list[str] = []
    logger = logging.getLogger("test_client_handler")

    def transport(call: Call) -> Answer:
        logger.error("a call")
        sent.extend(messages_of(call))
        return taken(call)

    handler = OddlineHandler(transport=transport, **QUICK)
    logger.addHandler(handler)
    logger.error("hello")
    handler.close()
    logger.removeHandler(handler)

    assert sent == ["hello"]


def test_it_is_configured_by_a_dictionary(server: AnsweringServer) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(name)s: %(message)s"}},
            "handlers": {
                "oddline": {
                    "class": "oddline.client.OddlineHandler",
                    "url": server.url, "api_key": "key", "source": "shop", "level": "WARNING", "formatter": "short",
                }
            },
            "loggers": {"configured": {"handlers": ["oddline"], "level": "DEBUG", "propagate": False}},
        }
    )  # fmt: skip
    logger = logging.getLogger("configured")
    logger.info("below its level")
    logger.warning("hello")
    [handler] = logger.handlers
    handler.close()
    logger.removeHandler(handler)

    assert [(entry["source"], entry["message"]) for entry in sent_to(server)] == [("shop", "configured: hello")]


def test_threads_log_side_by_side(server: AnsweringServer) -> None:
    with logging_to(server, batch_records=50) as logger:

        def work(name: int) -> None:
            for number in range(200):
                logger.info("%d-%d", name, number)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    expected = sorted(f"{name}-{number}" for name in range(8) for number in range(200))
    assert sorted(entry["message"] for entry in sent_to(server)) == expected


def test_what_is_logged_after_it_was_closed_is_dropped_and_counted(server: AnsweringServer) -> None:
    with logging_to(server) as logger:
        pass

    logger.info("too late")

    assert logger.handlers[0].dropped == 1  # type: ignore[attr-defined]


def messages_of(call: Call) -> list[str]:
    return [json.loads(line)["message"] for line in gzip.decompress(call.body or b"").splitlines()]


def taken(call: Call) -> Answer:
    told = {"task_id": "t", "accepted": len(messages_of(call)), "refused": []}
    return Answer(202, {}, json.dumps(told).encode())


def wait_for(reached: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)
