"""What applications log is what the real API stores, whatever they attach to it, however badly the network behaves."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from answering_server import CUT, LOST
from client_world import World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oddline.client import OddlineHandler
from oddline.client import sender as sending

TEXT = st.text(st.characters(), max_size=20)  # NUL and lone surrogates among them
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = TEXT.filter(
    lambda name: (
        name and name not in logging.makeLogRecord({}).__dict__ and name not in {"message", "asctime", "taskName"}
    )
)
RECORDS = st.lists(
    st.tuples(
        st.text(st.characters(), max_size=60),
        st.integers(0, 70),
        st.dictionaries(NAMES | st.sampled_from(["trace_id", "span_id", "session"]), ANYTHING, max_size=4),
    ),
    max_size=12,
)


@contextmanager
def logging_to(world: World) -> Iterator[tuple[logging.Logger, OddlineHandler]]:
    handler = OddlineHandler(world.server.url, world.key, source="shop", interval_s=0.01, batch_records=5)
    logger = logging.Logger("shop", 1)
    logger.addHandler(handler)
    yield logger, handler
    handler.close()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS)
def test_every_record_is_stored_whatever_is_attached_to_it(
    world: World, records: list[tuple[str, int, dict[str, Any]]]
) -> None:
    world.forget()

    with logging_to(world) as (logger, handler):
        for message, level, extra in records:
            logger.log(level + 1, "%s", message, extra=extra)

    cleaned = [message.replace("\0", "␀").encode("utf-8", "replace").decode() for message, _, _ in records]
    assert world.messages() == [message for message in cleaned if message.strip()]
    assert handler.dropped == 0


def test_plain_extras_are_stored_as_they_are(world: World) -> None:
    extra = {"order": 4711, "paid": True, "ratio": 0.5, "note": "ärger", "basket": ["apple", {"n": 2}], "none": None}

    with logging_to(world) as (logger, _):
        logger.error("payment failed", extra=extra | {"session": "s1", "trace_id": "A" * 32})

    [columns] = world.stored()
    assert extra.items() <= json.loads(columns.attributes[0]).items()
    assert (columns.severity_texts, columns.sessions, columns.trace_ids) == (["ERROR"], ["s1"], ["a" * 32])


def test_through_faults_of_every_kind_nothing_is_lost_and_nothing_is_doubled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LONGEST_PAUSE_S", 0.02)
    world.server.told = [CUT, LOST, (500, {}), LOST, (503, {}), (429, {}), CUT, (409, {}), LOST, (502, b"<html>")] * 2

    with logging_to(world) as (logger, handler):
        for number in range(100):
            logger.info("line %d", number)

    assert world.messages() == [f"line {number}" for number in range(100)]
    assert (handler.dropped, world.server.told) == (0, [])
