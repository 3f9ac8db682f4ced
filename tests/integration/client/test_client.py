"""The client against the real API: what is sent is what is stored, once, however badly the network behaves."""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from answering_server import CUT, HANG, LOST
from client_world import World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oddline.client import AsyncClient, Client, NotReady, Patience, Refused, TaskFailed, Unavailable
from oddline.submissions import new_id

MAIL = {"recipients": ["a@example.org"], "subject": "hello", "text": "there"}
SOON = Patience(first_pause_s=0.01)
R = TypeVar("R")


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with Client(world.server.url, world.key, timeout_s=5, patience=SOON) as client:
        yield client


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"message": TEXT.filter(lambda text: text.strip() != "")},
        optional={
            "severity": st.sampled_from(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
            "source": st.sampled_from(["cart", "Zähler", "a b"]),
            "timestamp": st.datetimes(
                datetime(1990, 1, 2), datetime(2025, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
            ),
            "attributes": st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT, min_size=1),  # noqa: E501
            "trace_id": st.text("0123456789abcdef", min_size=32, max_size=32),
        },
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES, most=st.integers(1, 10))
def test_what_is_sent_is_what_is_stored(world: World, client: Client, entries: list[dict[str, Any]], most: int) -> None:
    world.forget()

    sent = client.send(entries, most_entries=most)

    assert (sent.accepted, sent.refused) == (len(entries), ())
    assert [entry for columns in world.stored() for entry in as_sent(columns)] == [
        {
            "message": entry["message"],
            "severity": entry.get("severity", "UNSPECIFIED"),
            "source": entry.get("source", "default"),
            "timestamp": entry.get("timestamp"),
            "attributes": entry.get("attributes"),
            "trace_id": entry.get("trace_id", ""),
        }
        for entry in entries
    ]


def as_sent(columns: Any) -> Iterator[dict[str, Any]]:
    """The entries as they were given; a time that was not given is the API's."""
    for place, message in enumerate(columns.messages):
        moment = datetime.fromtimestamp(columns.timestamps[place] / 1e6, UTC)
        yield {
            "message": message,
            "severity": columns.severity_texts[place],
            "source": columns.sources[place],
            "timestamp": moment if moment.year < 2026 else None,
            "attributes": json.loads(columns.attributes[place]) if columns.attributes[place] else None,
            "trace_id": columns.trace_ids[place],
        }


def test_what_the_api_refuses_is_told_in_the_callers_numbers(world: World, client: Client) -> None:
    given = ["a", "", "b", "\ud800", "c", "\0", "x" * 300_000]

    sent = client.send([{"message": message} for message in given], most_entries=2)

    assert [(refusal.index, refusal.code) for refusal in sent.refused] == [
        (1, "blank"), (3, "surrogate"), (5, "nul"), (6, "too-long"),
    ]  # fmt: skip
    assert (sent.accepted, world.messages()) == (3, ["a", "b", "c"])


@pytest.mark.parametrize("told", [CUT, LOST, HANG, (500, {}), (503, {"detail": "busy"}), (409, {}), (429, {})])
def test_a_network_that_fails_now_and_then_loses_nothing_and_doubles_nothing(world: World, told: Any) -> None:
    messages = [f"line {number}" for number in range(100)]
    world.server.told = [told] * 2

    with Client(world.server.url, world.key, timeout_s=0.3 if told == HANG else 5, patience=SOON) as client:
        sent = client.send([{"message": message} for message in messages], most_entries=10)

    assert sent.accepted == 100
    assert world.messages() == messages


def test_the_same_run_sent_again_stores_nothing_more(world: World, client: Client) -> None:
    given = [{"message": f"line {number}"} for number in range(10)]

    first, again = (client.send(given, run="nightly", most_entries=4) for _ in range(2))

    assert first == again
    assert len(world.messages()) == 10


def test_one_call_sends_waits_and_reads_the_score(world: World, client: Client) -> None:
    receipt = client.log("disk sda: I/O error", severity="error", source="storage")
    before = client.task(receipt.task_id)
    world.inbox.score()

    task = client.wait(receipt.task_id, timeout_s=5)

    assert (before.status, before.ready) == ("PENDING", False)
    assert (task.successful, task.result["log_entry_id"]) == (True, receipt.id)


def test_every_entry_of_all_pages_is_read_once(world: World, client: Client) -> None:
    source = f"pages-{new_id()}"
    sent = client.send([{"message": f"line {number}", "source": source} for number in range(25)])
    world.inbox.score()

    read = list(client.entries(source=source, limit=4, time_from=datetime(2020, 1, 1, tzinfo=UTC)))

    assert len(sent.task_ids) == 1
    assert sorted(entry["message"] for entry in read) == sorted(f"line {number}" for number in range(25))


def test_odd_entries_are_read_with_their_explanation(world: World, client: Client) -> None:
    source = f"odd-{new_id()}"
    world.inbox.set_threshold(world.project, source, 0.0)
    client.send([{"message": f"{word}: fatal machine check", "source": source} for word in ("one", "two", "three")])
    world.inbox.score()

    read = list(client.anomalies(source=[source], limit=1))

    assert {odd["message"].split(":")[0] for odd in read} == {"one", "two", "three"}
    assert all(odd["explanation"]["tokens"] for odd in read)


def test_what_may_not_be_read_is_refused_with_its_reason(world: World) -> None:
    with Client(world.server.url, "odd_nobody") as client, pytest.raises(Refused, match="401") as caught:
        list(client.entries())

    assert caught.value.code == "unauthenticated"


class Settling:
    """In the place of a worker: settles what waits whenever the client pauses, in `rounds`, of which one may fail."""

    def __init__(self, world: World, *, fails_in: int | None = None) -> None:
        self._world = world
        self._fails_in = fails_in
        self.rounds: list[int] = []

    def __call__(self, _seconds: float = 0.0) -> None:
        state = "FAILURE" if len(self.rounds) == self._fails_in else "SUCCESS"
        settled = self._world.inbox.rows(
            "UPDATE tasks SET state = %s, result = jsonb_build_object('round', %s::int), error = 'no such receiver',"
            " finished_at = now() WHERE state = 'PENDING' RETURNING id",
            state,
            len(self.rounds),
        )
        self.rounds.append(len(settled))


@contextmanager
def client_and(settling: Settling, world: World) -> Iterator[Client]:
    with Client(world.server.url, world.key, timeout_s=5, patience=SOON, pause=settling) as client:
        yield client


def mail(subject: str) -> tuple[str, dict[str, Any]]:
    return "send_email", MAIL | {"subject": subject}


def test_a_task_is_started_and_waited_for_in_one_call(world: World) -> None:
    with client_and(Settling(world), world) as client:
        task = client.run(*mail("one"), timeout_s=5)

    assert (task.name, task.status, task.successful, task.result) == ("send_email", "SUCCESS", True, {"round": 0})


def test_many_are_started_and_waited_for_together(world: World) -> None:
    settling = Settling(world)

    with client_and(settling, world) as client:
        started = client.start_many("send_email", [MAIL, MAIL])
        waited = client.wait(started, timeout_s=5)
        grouped = client.group([mail("a"), mail("b"), mail("c")], timeout_s=5)

    assert [task.id for task in waited] == started
    assert [task.successful for task in grouped] == [True] * 3
    assert settling.rounds == [2, 3]


def test_a_chain_goes_on_after_each_success_with_the_result_before(world: World) -> None:
    settling = Settling(world)
    given: list[Any] = []

    def next_mail(result: Any) -> dict[str, Any]:
        given.append(result)
        return MAIL

    with client_and(settling, world) as client:
        tasks = client.chain(mail("first"), ("send_email", next_mail), ("send_email", next_mail), timeout_s=5)

    assert [task.result for task in tasks] == [{"round": 0}, {"round": 1}, {"round": 2}]
    assert given == [{"round": 0}, {"round": 1}]
    assert settling.rounds == [1, 1, 1]


def test_a_chain_ends_with_the_task_that_fails(world: World) -> None:
    settling = Settling(world, fails_in=1)

    with (
        client_and(settling, world) as client,
        pytest.raises(TaskFailed, match=r"FAILURE: .*no such receiver") as caught,
    ):
        client.chain(*[mail("again")] * 3, timeout_s=5)

    assert [task.status for task in caught.value.tasks] == ["FAILURE"]
    assert settling.rounds == [1, 1]


def test_waiting_ends_with_its_time_and_outlasts_an_api_that_is_away_for_a_moment(world: World) -> None:
    settling = Settling(world)
    with client_and(settling, world) as client, pytest.raises(NotReady, match="is still PENDING after 0 s") as caught:
        client.run(*mail("late"), timeout_s=0)

    with client_and(settling, world) as client:
        world.server.told = [CUT, (503, {"detail": "busy"}), LOST]
        task = client.wait(caught.value.task_id, timeout_s=5)

    assert task.successful


def test_a_task_is_not_started_twice_because_an_answer_was_lost(world: World, client: Client) -> None:
    before = len(world.inbox.rows("SELECT FROM tasks"))
    world.server.told = [LOST]

    with pytest.raises(Unavailable):
        client.start(*mail("once"))
    world.server.told = [(503, {"detail": "busy"}, {"Retry-After": "0"})]
    client.start(*mail("turned away first"))

    assert len(world.inbox.rows("SELECT FROM tasks")) == before + 2


def test_a_task_that_waits_is_cancelled(world: World, client: Client) -> None:
    assert client.cancel(client.start(*mail("never"))) == "never_started"


def run_alone(main: Coroutine[Any, Any, R]) -> R:
    """Run it in a loop of its own, and leave the current one, which Mangum holds on to, as it is."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(main)


def test_the_awaited_client_does_the_same(world: World) -> None:
    source = f"awaited-{new_id()}"
    settling = Settling(world)

    async def use() -> tuple[Any, ...]:
        async with AsyncClient(world.server.url, world.key, timeout_s=5, patience=SOON) as client:
            world.server.told = [CUT, (500, {})]
            sent = await client.send(({"message": f"line {n}", "source": source} for n in range(20)), most_entries=8)
            receipt = await client.log("the last", source=source)
            world.inbox.score()
            scored = await client.wait([*sent.task_ids, receipt.task_id], timeout_s=5)
            read = [entry["message"] async for entry in client.entries(source=source, limit=6)]
            runs = asyncio.gather(
                client.run(*mail("one"), timeout_s=5),
                client.group([mail("two"), mail("three")], timeout_s=5),
                client.chain(mail("four"), mail("five"), timeout_s=5),
            )
            while not runs.done():
                settling()
                await asyncio.sleep(0.05)
            return sent, scored, read, await runs

    sent, scored, read, (run, group, chain) = run_alone(use())

    assert (sent.accepted, len(sent.task_ids)) == (20, 3)
    assert all(task.successful for task in (*scored, run, *group, *chain))
    assert sorted(read) == sorted([*(f"line {n}" for n in range(20)), "the last"])


def test_an_awaited_wait_that_is_cancelled_ends_at_once(world: World) -> None:
    async def use() -> float:
        async with AsyncClient(world.server.url, world.key, timeout_s=30) as client:
            task_id = await client.start(*mail("late"))
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.wait(task_id, timeout_s=60), 0.3)
            return time.monotonic() - began

    assert run_alone(use()) < 5
