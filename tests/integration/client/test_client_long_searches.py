"""The client reads all that is asked for also where a task has to do the search."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from answering_server import CUT, LOST
from client_world import World

from oddline.catalogue import CATALOGUE
from oddline.client import AsyncClient, Client, NotReady, Patience, TaskFailed
from oddline.entries import SEARCH_ENTRIES, search_entries
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher, TaskContext, run_task

HOURS, OF_EACH = 4, 6
SOON = Patience(first_pause_s=0.01)


@pytest.fixture(autouse=True)
def is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes what an answer may take nothing, and an hour of what is left."""
    monkeypatch.setattr("oddline.entries.scan.BUDGET_S", -1.0)
    monkeypatch.setattr("oddline.entries.background.LONGEST_ANSWER_S", -1.0)


@pytest.fixture
def source(world: World) -> str:
    """Of entries of several hours, each hour in a chunk of its own."""
    source = f"long-{new_id()}"
    with Client(world.server.url, world.key, timeout_s=5) as client:
        for hour in range(HOURS):
            moment = datetime.now(UTC) - timedelta(hours=hour + 1)
            client.send(
                {"message": f"line {hour} {number}", "source": source, "timestamp": moment} for number in range(OF_EACH)
            )
            world.inbox.score()
    return source


class Searching:
    """In the place of a worker: at each pause of the client it does the searches that wait."""

    def __init__(self, world: World, *, redis_url: str) -> None:
        self._world = world
        self._redis_url = redis_url
        self.done: list[str] = []

    def __call__(self, _seconds: float = 0.0) -> None:
        waiting = "SELECT id FROM tasks WHERE name = %s AND state = 'PENDING'"
        for (task,) in self._world.inbox.rows(waiting, SEARCH_ENTRIES.name):
            run_task(SEARCH_ENTRIES, search_entries, task_id=task, context=self._context())
            self.done.append(str(task))

    def _context(self) -> TaskContext:
        return TaskContext(
            db=self._world.db("worker"),
            objects=self._world.inbox.objects,
            publisher=Publisher(self._redis_url),
            settings=Settings(_env_file=None),  # type: ignore[call-arg]
            catalogue=CATALOGUE,
            worker="test",
            clock=lambda: datetime.now(UTC),
        )


@pytest.fixture
def searching(world: World, redis_url: str) -> Searching:
    return Searching(world, redis_url=redis_url)


def lines() -> list[str]:
    return [f"line {hour} {number}" for hour in range(HOURS) for number in range(OF_EACH)]


def messages(entries: list[dict[str, Any]]) -> list[str]:
    return sorted(entry["message"] for entry in entries)


@pytest.mark.parametrize("limit", [1_000, 5])
def test_every_entry_is_read_once_where_a_task_does_the_search(
    world: World, source: str, searching: Searching, limit: int
) -> None:
    with Client(world.server.url, world.key, timeout_s=5, patience=SOON, pause=searching) as client:
        read = list(client.entries(source=source, text="LINE", limit=limit))

    assert messages(read) == lines()
    assert len(searching.done) == 1


def test_the_awaited_client_waits_for_a_search_too(world: World, source: str, searching: Searching) -> None:
    async def read() -> list[dict[str, Any]]:
        async with AsyncClient(world.server.url, world.key, timeout_s=5, patience=SOON) as client:
            return [entry async for entry in client.entries(source=source, text="line", limit=5)]

    async def read_beside_a_worker() -> list[dict[str, Any]]:
        reading = asyncio.ensure_future(read())
        while not reading.done():
            searching()
            await asyncio.sleep(0.02)
        return await reading

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        entries = runner.run(read_beside_a_worker())

    assert messages(entries) == lines()


def test_waiting_for_a_search_outlasts_an_api_that_is_away_for_a_moment(
    world: World, source: str, searching: Searching
) -> None:
    faults: list[Any] = [CUT, LOST, (503, {"detail": "busy"}, {"Retry-After": "1"}), (429, {}, {"Retry-After": "90"})]
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if faults:
            world.server.told = [faults.pop(0)]
        else:
            searching()

    with Client(world.server.url, world.key, timeout_s=5, patience=SOON, pause=pause) as client:
        read = list(client.entries(source=source, text="line"))

    assert messages(read) == lines()
    assert (paused[3], paused[4]) == (1.0, 90.0)


@pytest.mark.parametrize("state", ["FAILURE", "REVOKED"])
def test_a_search_that_fails_is_told_as_a_task_that_failed(world: World, source: str, state: str) -> None:
    def fail(_seconds: float) -> None:
        world.inbox.rows(
            "UPDATE tasks SET state = %s, error = 'out of memory', finished_at = now()"
            " WHERE name = %s AND state = 'PENDING' RETURNING id",
            state,
            SEARCH_ENTRIES.name,
        )

    with (
        Client(world.server.url, world.key, timeout_s=5, patience=SOON, pause=fail) as client,
        pytest.raises(TaskFailed, match=f"is {state}: .*out of memory") as caught,
    ):
        list(client.entries(source=source, text="line"))

    assert [task.name for task in caught.value.tasks] == ["search_entries"]


def test_a_search_that_is_not_over_in_time_is_told_and_waits_for_whoever_asks_again(
    world: World, source: str, searching: Searching
) -> None:
    with Client(world.server.url, world.key, timeout_s=5, patience=SOON, pause=searching) as client:
        with pytest.raises(NotReady, match="is still PENDING after 0 s") as caught:
            list(client.entries(source=source, text="line", timeout_s=0))
        read = list(client.entries(source=source, text="line"))

    assert searching.done == [caught.value.task_id]
    assert messages(read) == lines()
