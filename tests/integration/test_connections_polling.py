"""Polls write each page once, whoever is killed or polls beside; one bad connection holds up nobody; back-off."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
import pytest
from feeds import Answer, Asked, Databases, Feeds, answering, fresh_project, json_answer, open_feeds

from functions.schedules import app as schedules
from oddline.database import Transaction
from oddline.ids import new_id
from oddline.limits import write_limits
from oddline.local.schedule_runner import event
from oddline.settings import Side
from oddline.streams import Connection, poll_all_connections, poll_cloud_logs
from oddline.tasks import NoPayload, raised_alerts

PATIENCE_S = 20.0
CURSOR = {"send": "parameter", "name": "after", "take": "answer", "at": "next"}


@dataclass
class Numbers:
    """A feed of lines with numbers, ten a page; it can hold an answer back, and fail."""

    lines: int = 25
    status: int = 200
    asked: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __call__(self, asked: Asked) -> Answer:
        self.asked.set()
        assert self.answers.wait(PATIENCE_S)
        if self.status != 200:
            return json_answer({"detail": "the reason"}, status=self.status)
        after = int(parse_qs(urlsplit(asked.path).query).get("after", ["0"])[0])
        last = min(after + 10, self.lines)
        return json_answer({"items": [{"message": f"line {one}"} for one in range(after, last)], "next": last})

    @property
    def configuration(self) -> dict[str, object]:
        return {"url": f"{self.url}/logs", "entries": "items", "cursor": CURSOR}

    @property
    def expected(self) -> list[str]:
        return [f"line {number}" for number in range(self.lines)]


@pytest.fixture
def numbers() -> Iterator[Numbers]:
    numbers = Numbers()
    numbers.answers.set()
    with answering(numbers) as numbers.url:
        yield numbers
        numbers.answers.set()


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture
def project(db: Databases) -> UUID:
    """A project of the case's own, in a database that they share."""
    return fresh_project(db)


@pytest.fixture
def feeds(db: Databases, project: UUID, redis_url: str, tmp_path: Path) -> Iterator[Feeds]:
    with open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path) as feeds:
        yield feeds


def eventually(tx: Transaction, statement: str) -> None:
    """Wait until the statement tells true."""
    deadline = monotonic() + PATIENCE_S
    while not tx.execute(statement).fetchone()[0]:  # type: ignore[index]
        assert monotonic() < deadline, statement
        sleep(0.02)


@contextmanager
def polling_process(
    feeds: Feeds, connection: Connection, task: UUID, *, urls: dict[Side, str]
) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "HOME": str(feeds.context.settings.home),
        "DATABASE_URL": urls["worker"],
        "REDIS_URL": feeds.context.settings.redis_url,
        "OUTGOING_ALLOWED": "127.0.0.1:*",
    }
    named = [str(one) for one in (feeds.project, connection.id, task)]
    process = subprocess.Popen(
        [
            sys.executable,
            Path(__file__).with_name("polling_process.py"),
            *named,
        ],
        env=os.environ | {f"ODDLINE_{name}": value for name, value in settings.items()},
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_poller_that_is_killed_between_reading_and_commit_leaves_nothing_and_loses_nothing(
    feeds: Feeds, numbers: Numbers, database_urls: dict[Side, str]
) -> None:
    connection, task = feeds.connect("http", numbers.configuration), new_id()
    numbers.answers.clear()

    with (
        psycopg.connect(database_urls["owner"]) as holding,
        psycopg.connect(database_urls["owner"], autocommit=True) as watching,
        polling_process(feeds, connection, task, urls=database_urls) as process,
    ):
        assert numbers.asked.wait(PATIENCE_S)  # it has claimed the connection, and reads
        holding.execute("SELECT 1 FROM connections FOR UPDATE")
        numbers.answers.set()  # now it inserts the submission, and waits for the cursor's row
        eventually(watching, "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
        process.kill()
        process.wait()
    eventually_gone = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'polling_process')"
    with psycopg.connect(database_urls["owner"], autocommit=True) as watching:
        eventually(watching, eventually_gone)
    left = feeds.messages()
    by_another = feeds.poll(connection)
    # The ledger gives the same task to another worker once its lease ran out.
    again = poll_cloud_logs(feeds.of(connection), replace(feeds.context, task_id=task))

    assert left == []
    assert by_another == {"polled": False}
    assert (again["entries"], again["error"]) == (25, None)
    assert feeds.messages() == numbers.expected


def test_of_two_that_poll_at_once_one_stores_and_the_other_loses(feeds: Feeds, numbers: Numbers) -> None:
    connection = feeds.connect("http", numbers.configuration)
    numbers.answers.clear()

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(feeds.poll, connection)
        assert numbers.asked.wait(PATIENCE_S)
        beside = feeds.poll(connection, after=timedelta(seconds=1))
        numbers.asked.clear()
        later = pool.submit(feeds.poll, connection, after=timedelta(minutes=3))  # the first one's claim has run out
        assert numbers.asked.wait(PATIENCE_S)
        numbers.answers.set()
        told = [slow.result(), later.result()]

    assert beside == {"polled": False}
    assert told[0] == {"polled": True, "lost": True, "entries": 0}
    assert told[1]["entries"] == 25
    assert feeds.messages() == numbers.expected


def test_pollers_side_by_side_and_again_and_again_bring_each_line_once(feeds: Feeds, numbers: Numbers) -> None:
    numbers.lines = 300
    connection = feeds.connect("http", numbers.configuration)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(lambda _: feeds.poll(connection, after=timedelta(minutes=3)), range(4)))

    assert feeds.messages() == numbers.expected
    assert feeds.row(connection).entries == 300


def test_a_page_and_its_cursor_are_stored_together_and_the_next_poll_goes_on_there(
    feeds: Feeds, numbers: Numbers
) -> None:
    connection = feeds.connect("http", numbers.configuration)
    feeds.poll(connection)

    numbers.lines = 31
    told = feeds.poll(connection)

    assert told == {"polled": True, "entries": 6, "refused": 0, "objects": 0, "more": False, "error": None}
    assert feeds.messages() == numbers.expected
    assert feeds.row(connection).cursor["value"] == "31"


def test_entries_that_cannot_be_stored_are_counted_apart(feeds: Feeds) -> None:
    pages = {"0": ["first", "x" * 300_000, "third"], "3": ["y" * 300_000]}

    def answer(asked: Asked) -> Answer:
        after = parse_qs(urlsplit(asked.path).query).get("after", ["0"])[0]
        items = pages.get(after, [])
        return json_answer({"items": [{"message": one} for one in items], "next": int(after) + len(items)})

    with answering(answer) as url:
        connection = feeds.connect("http", {"url": url, "entries": "items", "cursor": CURSOR})
        told = feeds.poll(connection)
        rows = [feeds.row(connection)]
        pages["4"] = ["z" * 300_000]
        feeds.poll(connection)
        rows.append(feeds.row(connection))

    assert (told["entries"], told["refused"], feeds.messages()) == (2, 2, ["first", "third"])
    assert [(row.entries, row.refused, row.view()["refused"]) for row in rows] == [(2, 2, 2), (2, 3, 3)]
    assert rows[0].last_entry_at == rows[1].last_entry_at  # nothing came


def test_failures_wait_longer_each_time_and_a_success_ends_them(feeds: Feeds, numbers: Numbers) -> None:
    connection = feeds.connect("http", numbers.configuration)
    numbers.status = 503
    rows = []
    for _ in range(4):
        feeds.poll(connection, after=timedelta(minutes=20))
        rows.append(feeds.row(connection))

    numbers.status = 200
    feeds.poll(connection, after=timedelta(minutes=20))

    assert [row.failures for row in rows] == [1, 2, 3, 4]
    ceilings = [timedelta(seconds=30 * 2**number) for number in range(4)]
    waits = [row.not_before - row.last_poll_at for row in rows if row.last_poll_at]
    assert all(timedelta() <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert rows[0].last_error is not None
    assert "503" in rows[0].last_error
    assert "the reason" not in rows[0].last_error  # the server's own words are for who tries it
    ended = feeds.row(connection)
    assert (ended.state, ended.failures, ended.last_error) == ("on", 0, None)
    assert feeds.messages() == numbers.expected


def test_what_will_not_pass_marks_it_failing_is_told_once_and_is_tried_rarely(feeds: Feeds, numbers: Numbers) -> None:
    connection = feeds.connect("http", numbers.configuration)
    numbers.status = 403

    for _ in range(3):
        feeds.poll(connection, after=timedelta(hours=1))

    row = feeds.row(connection)
    assert (row.state, row.failures) == ("failing", 3)
    assert row.last_poll_at is not None
    assert timedelta(minutes=30) <= row.not_before - row.last_poll_at <= timedelta(hours=1)
    with feeds.db("worker").transaction() as tx:
        alerts = [
            (alert.kind, alert.subject, alert.count) for alert in raised_alerts(tx) if alert.project == feeds.project
        ]
    assert alerts == [("connection_failing", str(connection.id), 1)]
    numbers.status = 200
    feeds.poll(connection, after=timedelta(hours=1))
    assert feeds.row(connection).state == "on"


def test_a_bad_connection_holds_up_no_other(feeds: Feeds, numbers: Numbers, closed_port: int) -> None:
    bad = feeds.connect("http", {"url": f"http://127.0.0.1:{closed_port}/"})
    mad = feeds.connect("http", numbers.configuration | {"entries": "next"})
    good = feeds.connect("http", numbers.configuration)

    told = [feeds.poll(one, after=timedelta()) for one in (bad, mad, good)]

    assert "cannot be connected" in told[0]["error"]
    assert "no list of entries" in told[1]["error"]
    assert feeds.messages() == numbers.expected


def test_private_addresses_are_refused_as_everywhere(
    db: Databases, project: UUID, redis_url: str, tmp_path: Path, numbers: Numbers
) -> None:
    with open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path, outgoing_allowed="") as feeds:
        host, port = urlsplit(redis_url).hostname, urlsplit(redis_url).port
        links = [
            feeds.connect("http", numbers.configuration),
            feeds.connect("redis", {"host": host, "port": port, "tls": False, "stream": "s"}),
            feeds.connect("redis", {"host": "localhost", "tls": False, "stream": "s"}),
        ]
        told = [feeds.poll(one) for one in links]

    assert ["may not be called from here" in one["error"] for one in told] == [True, True, True]
    assert not numbers.asked.is_set()


def test_everything_that_is_due_is_started_once(feeds: Feeds, numbers: Numbers) -> None:
    due = [feeds.connect("http", numbers.configuration) for _ in range(3)]
    paused = feeds.connect("http", numbers.configuration)
    with feeds.db("worker").transaction() as tx:
        tx.execute("UPDATE connections SET state = 'paused' WHERE id = %s", [paused.id])

    told = [poll_all_connections(NoPayload(), feeds.context) for _ in range(2)]

    assert (told[0]["due"], told[1]["started"]) == (told[0]["started"], 0)
    with feeds.db("worker").transaction() as tx:
        rows = tx.execute(
            "SELECT payload->>'connection' FROM tasks WHERE name = 'poll_cloud_logs' AND project_id = %s",
            [feeds.project],
        ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(str(one.id) for one in due)


def midnight_after(moment: datetime) -> datetime:
    return datetime.combine(moment.date() + timedelta(days=1), time(), UTC)


def test_a_connection_keeps_to_the_quota_of_the_day_and_goes_on_at_midnight(feeds: Feeds, numbers: Numbers) -> None:
    connection = feeds.connect("http", numbers.configuration)
    with feeds.db("owner").transaction() as tx:
        write_limits(tx, feeds.project, changed={"entries_a_day": 15})

    told = feeds.poll(connection)
    row, midnight = feeds.row(connection), midnight_after(feeds.clock())
    early = feeds.poll(connection, after=timedelta(seconds=30))
    feeds.clock.move(midnight - feeds.clock())
    feeds.poll(connection)

    assert (told["entries"], early) == (10, {"polled": False})
    assert (row.state, row.failures, row.not_before) == ("on", 0, midnight)
    assert "the rest is for tomorrow" in str(row.last_error)
    assert feeds.messages() == numbers.expected


def test_a_connection_waits_while_as_much_is_to_be_scored_as_files_wait_for(
    db: Databases, project: UUID, redis_url: str, tmp_path: Path, numbers: Numbers
) -> None:
    with open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path, file_backlog=2) as feeds:
        connection = feeds.connect("http", numbers.configuration)
        told = [feeds.poll(connection), feeds.poll(connection)]
        row = feeds.row(connection)
        with feeds.db("owner").transaction() as tx:
            tx.execute("DELETE FROM submission_state WHERE project_id = %s", [project])
        told.append(feeds.poll(connection))

    assert [one["entries"] for one in told] == [20, 0, 5]
    assert (row.state, row.failures, row.not_before) == ("on", 0, row.last_poll_at + timedelta(seconds=5))
    assert "wait to be scored" in str(row.last_error)


def test_few_polls_of_one_project_are_in_flight_and_each_starts_the_next(feeds: Feeds, numbers: Numbers) -> None:
    slow = [feeds.connect("http", numbers.configuration) for _ in range(4)]
    waiting = [feeds.connect("http", numbers.configuration) for _ in range(2)]

    def hold(some: list[Connection]) -> None:
        with feeds.db("worker").transaction() as tx:
            for one in some:
                tx.execute(
                    "UPDATE connections SET poller = %s, not_before = %s WHERE id = %s",
                    [new_id(), feeds.clock() + timedelta(minutes=30), one.id],
                )

    def started() -> list[str]:
        with feeds.db("worker").transaction() as tx:
            rows = tx.execute(
                "SELECT payload->>'connection' FROM tasks WHERE name = 'poll_cloud_logs' AND project_id = %s",
                [feeds.project],
            ).fetchall()
        return sorted(row[0] for row in rows)

    hold(slow)
    poll_all_connections(NoPayload(), feeds.context)
    refused, none = feeds.poll(waiting[0]), started()
    with feeds.db("worker").transaction() as tx:
        tx.execute("UPDATE connections SET poller = NULL WHERE id = %s", [slow[0].id])
    told = feeds.poll(waiting[0])

    assert (refused, none) == ({"polled": False}, [])
    assert (told["error"], started()) == (None, [str(waiting[1].id)])


@contextmanager
def dripping() -> Iterator[int]:
    """A server that says a character every now and then and never ends; its port."""
    ended = threading.Event()

    def drip(connected: socket.socket) -> None:
        with connected, suppress(OSError):
            while not ended.wait(0.05):
                connected.sendall(b"+")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=[server.accept()[0]]).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("kind", ["http", "redis"])
def test_a_server_that_never_ends_holds_a_poll_no_longer_than_a_poll_may_take(
    feeds: Feeds, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.polling.LONGEST_POLL_S", 0.5)

    with dripping() as port:
        redis = {"host": "127.0.0.1", "port": port, "tls": False, "stream": "s"}
        configuration = redis if kind == "redis" else {"url": f"http://127.0.0.1:{port}/"}
        connection = feeds.connect(kind, configuration)
        began = monotonic()
        told = feeds.poll(connection)

    assert told["error"] is not None
    assert monotonic() - began < 10  # of 30 s and, for Redis, for ever


def test_a_connection_that_has_too_much_to_remember_fails_with_the_reason(
    feeds: Feeds, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.linking.MOST_HASHES", 9)
    connection = feeds.connect("http", numbers.configuration | {"cursor": None})
    feeds.poll(connection)

    told = feeds.poll(connection)

    assert "more than 9 entries would have to be remembered" in told["error"]
    assert feeds.row(connection).state == "failing"


def test_a_cursor_that_cannot_be_kept_is_told(feeds: Feeds) -> None:
    with answering(lambda _: json_answer({"items": [], "next": "a\0b"})) as url:
        connection = feeds.connect("http", {"url": url, "entries": "items", "cursor": CURSOR})
        told = feeds.poll(connection)

    assert "holds a NUL" in told["error"]


def test_the_schedule_starts_it_now_and_half_a_minute_later(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "parts", lambda: feeds.context)

    for _ in range(2):
        schedules.HANDLERS["poll_all_connections"](event("poll_all_connections", at=feeds.clock()), None)

    with feeds.db("worker").transaction() as tx:
        rows = tx.execute(
            "SELECT not_before - created_at FROM tasks WHERE name = 'poll_all_connections' ORDER BY id"
        ).fetchall()
    assert [row[0] for row in rows] == [None, timedelta(seconds=30)]


def test_what_one_poll_may_not_do_comes_behind_others(
    feeds: Feeds, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.polling.MOST_ENTRIES", 10)
    connection = feeds.connect("http", numbers.configuration)

    told = [feeds.poll(connection, after=timedelta()) for _ in range(3)]

    assert [(one["entries"], one["more"]) for one in told] == [(10, True), (10, True), (5, False)]
    assert feeds.messages() == numbers.expected
    with feeds.db("worker").transaction() as tx:
        [[waiting]] = tx.execute(
            "SELECT count(*) FROM tasks WHERE name = 'poll_cloud_logs' AND project_id = %s", [feeds.project]
        ).fetchall()
    assert waiting == 1  # however often it was asked for


def test_a_feed_that_has_always_more_is_polled_half_of_the_time_and_others_come_in_between(
    feeds: Feeds, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.polling.MOST_ENTRIES", 1)

    def endless(_: Asked) -> Answer:
        feeds.clock.move(timedelta(seconds=20))
        return json_answer({"items": [{"message": f"at {feeds.clock()}"}], "next": str(feeds.clock())})

    with answering(endless) as url:
        greedy = feeds.connect("http", {"url": url, "entries": "items", "cursor": CURSOR})
        modest = feeds.connect("http", numbers.configuration)
        first = feeds.poll(greedy)
        too_soon = feeds.poll(greedy, after=timedelta(seconds=19))
        between = feeds.poll(modest, after=timedelta())
        second = feeds.poll(greedy, after=timedelta(seconds=1))

    with feeds.db("worker").transaction() as tx:
        waits = tx.execute(
            "SELECT extract(epoch FROM not_before - created_at)::int FROM tasks WHERE name = 'poll_cloud_logs'"
            " AND payload->>'connection' = %s ORDER BY id",
            [str(greedy.id)],
        ).fetchall()
    assert (first["more"], second["more"]) == (True, True)
    assert too_soon == {"polled": False}
    assert between["entries"] > 0
    assert waits == [(20,)]  # one task, with its time, however often it was asked for
