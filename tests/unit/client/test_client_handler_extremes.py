"""Whatever an application logs and whatever answers: memory stays bounded, nothing hangs, what is lost is counted."""

import contextlib
import gc
import json
import logging
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from test_client_handler import QUICK, logger_of, messages_of, taken

from oddline.client import Answer, Call, Fault, OddlineHandler
from oddline.client import sender as sending

Taken = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LONGEST_PAUSE_S", 0.02)


@contextmanager
def logging_into(entries: Taken, **options: Any) -> Iterator[logging.Logger]:
    """A logger whose entries are there once the block ends."""

    def transport(call: Call) -> Answer:
        entries.extend(entries_of(call))
        return taken(call)

    with logger_of(OddlineHandler(transport=transport, **{"source": "cart", **QUICK, **options})) as logger:
        yield logger


def entries_of(call: Call) -> Taken:
    import gzip

    return [json.loads(line) for line in gzip.decompress(call.body or b"").splitlines()]


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("extra", "kept"),
    [
        ({5: "five"}, {"5": "five"}),
        ({("a", 1): 2}, {"('a', 1)": 2}),
        ({"n": 10**5000}, {"n": hex(10**5000)}),
        ({"n": 2**64}, {"n": str(2**64)}),
        ({"n": -(2**63)}, {"n": -(2**63)}),
        ({"n": {"deep": float("inf")}}, {"n": {"deep": "inf"}}),
        ({"n": {"\ud800": "\udfff\0"}}, {"n": {"?": "?␀"}}),
        ({"source": "extra", "timestamp": 1, "severity": "x", "attributes": {"a": 1}, "dropped": 7},
         {"source": "extra", "timestamp": 1, "severity": "x", "attributes": {"a": 1}, "dropped": 7}),
        ({"logger": "mine", "process.pid": "mine"}, {"logger": "mine", "process.pid": "mine"}),
        ({"session": {"a": 1}}, {"session": {"a": 1}}),
    ],
)  # fmt: skip
def test_extras_of_any_name_and_value_are_attributes_and_change_no_field(
    extra: dict[Any, Any], kept: dict[str, Any]
) -> None:
    entries: Taken = []

    with logging_into(entries) as logger:
        logger.info("as it is", extra=extra)

    [entry] = entries
    assert kept.items() <= entry["attributes"].items()
    assert (entry["message"], entry["severity"], entry["source"]) == ("as it is", "INFO", "cart")


def test_what_json_does_not_know_is_sent_as_its_text() -> None:
    class Order:
        def __str__(self) -> str:
            return "order 7"

    entries: Taken = []

    with logging_into(entries, attributes={"of all": Order(), "nan": float("nan")}) as logger:
        logger.info("%s", Order(), extra={"order": Order(), "orders": [Order(), {1, 2}]})

    [entry] = entries
    assert entry["message"] == "order 7"
    assert entry["attributes"]["of all"] == entry["attributes"]["order"] == "order 7"
    assert entry["attributes"]["orders"] == ["order 7", "{1, 2}"]
    assert entry["attributes"]["nan"] == "nan"


@pytest.mark.parametrize("levels", [30, 31, 500, 900, 100_000])
def test_an_extra_nested_however_deeply_costs_no_record(levels: int) -> None:
    entries: Taken = []

    with logging_into(entries) as logger:
        logger.info("deep", extra={"deep": nested(levels)})

    [entry] = entries
    assert (entry["attributes"]["deep"] == nested(30)) == (levels == 30)


def test_attributes_of_all_entries_that_leave_no_room_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="the attributes of all entries have over"):
        OddlineHandler(transport=taken, attributes={"large": "x" * 70_000})


def test_attributes_of_all_entries_leave_less_room_for_extras() -> None:
    entries: Taken = []

    with logging_into(entries, attributes={"of all": "x" * 40_000}) as logger:
        logger.info("hello", extra={"large": "y" * 30_000, "small": 1})

    attributes = entries[0]["attributes"]
    assert ("large" in attributes, attributes["small"], attributes["oddline.left_out"]) == (False, 1, 1)


@pytest.mark.parametrize(("source", "told"), [("  ", "python"), ("s\0" * 300, "s␀" * 100), ("\ud800", "?")])
def test_a_source_is_made_one_that_the_api_takes(source: str, told: str) -> None:
    entries: Taken = []

    with logging_into(entries, source=source) as logger:
        logger.info("hello")

    assert entries[0]["source"] == told


def test_huge_records_are_bounded_by_their_size_while_the_api_is_away() -> None:
    away = threading.Event()

    def transport(_call: Call) -> Fault:
        away.set()
        return Fault("away", reached=False)

    handler = OddlineHandler(transport=transport, queue_characters=2_000_000, interval_s=0.01, exit_timeout_s=0.1)
    with logger_of(handler) as logger:
        for _ in range(100):
            logger.info("x" * 10_000_000, extra={"large": "y" * 10_000_000})

        # A record keeps what an entry may have of it, 256 KB and 60 KB of an extra: seven are over two million.
        assert away.wait(5)
        assert handler.dropped == 93


def test_a_traceback_s_frames_are_let_go_while_its_record_waits() -> None:
    class Held:
        pass

    def fail() -> weakref.ref[Held]:
        held = Held()
        try:
            raise LookupError("no such order")
        except LookupError:
            logger.exception("failed: %s", held)
        return weakref.ref(held)

    handler = OddlineHandler(transport=lambda _: Fault("away", reached=False), exit_timeout_s=0.05)
    with logger_of(handler) as logger:
        reference = fail()
        gc.collect()

        assert reference() is None


def test_a_traceback_of_megabytes_is_cut() -> None:
    entries: Taken = []

    with logging_into(entries) as logger:
        try:
            raise ValueError("x" * 5_000_000)
        except ValueError:
            logger.exception("failed")

    assert entries[0]["message"].startswith("failed\nTraceback (most recent call last):")
    assert len(entries[0]["message"].encode()) <= 256 * 1024


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"content-type": "text/html"}, b"<html>Sign in to this network</html>"),
        Answer(202, {}, b""),
        Answer(202, {}, b"[]"),
        Answer(202, {}, b'{"task_id": "t"}'),
        Answer(202, {}, b"[" * 100_000),
        Answer(302, {"location": "https://elsewhere.example"}, b""),
        Answer(413, {}, b"<html>Request Entity Too Large</html>"),
    ],
)
def test_an_answer_that_is_not_the_api_s_loses_its_records_and_not_those_that_follow(
    answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[str] = []
    answers = [answer]

    def transport(call: Call) -> Answer:
        if answers:
            return answers.pop()
        sent.extend(messages_of(call))
        return taken(call)

    handler = OddlineHandler(transport=transport, **QUICK)
    with logger_of(handler) as logger:
        logger.info("lost")
        handler.flush()
        logger.info("kept")

    assert handler.dropped == 1
    assert "kept" in sent
    [complaint] = capsys.readouterr().err.splitlines()
    assert complaint.startswith("oddline: the API refuses log records: ")


@pytest.mark.parametrize(
    ("status", "after"),
    [(408, ""), (425, ""), (429, "0"), (503, "0"), (503, "1.5"), (503, "soon"),
     (429, "Fri, 31 Dec 9999 23:59:59 +99999999"),
     (503, "Wed, 21 Oct 2015 07:28:00 GMT"), (502, "99999999999999999999"), (504, "-1")],
)  # fmt: skip
def test_whatever_retry_after_says_what_may_pass_is_tried_again(status: int, after: str) -> None:
    entries: Taken = []
    answers = [Answer(status, {"retry-after": after}, b"<html>later</html>")]

    def transport(call: Call) -> Answer:
        if answers:
            return answers.pop()
        entries.extend(entries_of(call))
        return taken(call)

    handler = OddlineHandler(transport=transport, **QUICK)
    with logger_of(handler) as logger:
        logger.info("hello")
        handler.flush()

    assert ([entry["message"] for entry in entries], handler.dropped) == (["hello"], 0)


class _IntoLogging:
    """Standard error of a program that logs what is written there."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def write(self, text: str) -> int:
        self._logger.error(text)
        return len(text)

    def flush(self) -> None:
        """It has no buffer."""


def test_a_program_that_logs_its_standard_error_hears_a_complaint_once_and_does_not_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[list[str]] = []

    def transport(call: Call) -> Answer:
        calls.append(messages_of(call))
        return Answer(401, {}, b'{"detail": "the API key is unknown"}')

    handler = OddlineHandler(transport=transport, **QUICK)
    with logger_of(handler) as logger:
        monkeypatch.setattr(sys, "stderr", _IntoLogging(logger))
        logger.info("hello")
        handler.flush()
        logger.info("again")

    assert [message for messages in calls for message in messages if "dropped" not in message] == ["hello", "again"]


def test_a_record_of_nonsense_costs_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    entries: Taken = []
    nonsense: list[dict[str, Any]] = [
        {"levelno": "high"}, {"created": float("inf")}, {"name": None, "lineno": object(), "process": {1}},
        {"exc_info": True}, {"args": (1,)},
    ]  # fmt: skip

    with logging_into(entries) as logger:
        for fields in nonsense:
            with contextlib.suppress(TypeError):  # as `logging` has it of what no handler ever gets
                logger.handlers[0].handle(logging.makeLogRecord({"msg": "strange", **fields}))
        logger.info("fine")

    assert [entry["message"] for entry in entries][-1] == "fine"
    assert capsys.readouterr().err
