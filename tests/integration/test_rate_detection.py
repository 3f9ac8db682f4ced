"""How many entries of a pattern come is counted exactly once, judged as its bins are over, and shown as odd rates."""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from reading import Databases, client_with_key, key_of
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_entries import Archive

from functions.console.app import router
from oddline.errors import CorruptBody
from oddline.identity import Scope
from oddline.scoring.rates import Rules, detect_rates, reporting, service
from oddline.scoring.rates.packing import unpack

RULES = Rules(alarms_per_day=2.0, warm_up=timedelta(minutes=10))
USUAL = {1: 20, 2: 5}  # entries of each pattern in ten seconds
TEN = timedelta(seconds=10)
HISTORY = timedelta(minutes=20)
LATER = timedelta(minutes=1)  # in which nothing more of a bin comes in


class Rates(Archive):
    """Stores entries of patterns, and lets their rates be judged."""

    def put(self, per_bin: Mapping[int, int], *, begin: datetime, span: timedelta = TEN, source: int = 1) -> None:
        """Store so many entries of each pattern in each ten seconds from `begin` on."""
        rows = [
            (begin + TEN * number + TEN * place / count, pattern)
            for number in range(span // TEN)
            for pattern, count in per_bin.items()
            for place in range(count)
        ]
        times = [at for at, _ in rows]
        self.store(
            scored_frame(
                len(rows),
                timestamp=times,
                received_at=times,
                pattern_id=[pattern for _, pattern in rows],
                message=[f"line of pattern {pattern}" for _, pattern in rows],
                source_id=source,
                source=f"source-{source}",
            )
        )

    def detect(self, now: datetime) -> dict[str, int]:
        return detect_rates(db=self.worker, objects=self.objects, now=lambda: now, rules=RULES)

    def learn(self, *sources: int) -> None:
        for source in sources or (1,):
            self.put(USUAL, begin=NOON, span=HISTORY, source=source)
        self.detect(NOON + HISTORY)

    def counted(self, source: int = 1) -> float:
        """Entries of the source in this hour, as far as bins are over, and those that wait to be."""
        with self.worker.transaction() as tx:
            [(recent, season)] = tx.execute(
                "SELECT recent, season FROM rate_sources WHERE project_id = %s AND source_id = %s",
                [self.project, source],
            ).fetchall()
        known = unpack(recent, season)
        assert known is not None
        return float(known.series.open[0, -1]) + float(known.pending.counts.sum())


def begun(db: Databases, project: UUID, folder: Path) -> Rates:
    """Rates of a project for which the reader has its cursor already: what was before it is not read."""
    made = Rates.make(worker=db("worker"), search=db("search"), project=project, folder=folder)
    assert isinstance(made, Rates)
    made.store(scored_frame(1))
    made.detect(NOON)
    return made


@pytest.fixture
def rates(db: Databases, project: UUID, tmp_path: Path) -> Rates:
    made = begun(db, project, tmp_path)
    with made.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO patterns SELECT %s, n, 1, n::text::bytea, 'pattern ' || n, now() FROM generate_series(1, 9) n",
            [project],
        )
    return made


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.READ]
    ) as client:
        yield client


def shown(client: TestClient, **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/anomalies", params={"kind": "rate", **asked})
    assert answer.status_code == 200, answer.text
    anomalies: list[dict[str, Any]] = answer.json()["anomalies"]
    return anomalies


@pytest.mark.both_postgres
def test_a_surge_is_shown_with_what_was_expected_and_what_came(rates: Rates, client: TestClient) -> None:
    rates.learn()
    rates.put(USUAL | {2: 100}, begin=NOON + HISTORY)

    counts = rates.detect(NOON + HISTORY + LATER)

    assert counts["told"] >= 1
    [odd] = [one for one in shown(client) if one["explanation"]["scope"] == "pattern"]
    explanation = odd["explanation"]
    assert (odd["kind"], odd["is_anomaly"], odd["message"], odd["source"]) == (
        "rate",
        True,
        "line of pattern 2",
        "source-1",
    )
    assert (explanation["pattern"], explanation["direction"]) == ("pattern 2", "up")
    assert (explanation["count"], odd["count"]) == (100, 100)
    assert explanation["expected_low"] <= 5 <= explanation["expected_high"] < 100
    assert explanation["source_count"] == 120
    assert datetime.fromisoformat(explanation["window_from"]) == NOON + HISTORY
    assert odd["anomaly_score"] >= odd["threshold"] == 0.5


def test_a_pattern_that_stops_is_shown_with_its_last_entry(rates: Rates, client: TestClient) -> None:
    rates.learn()
    rates.put({1: 20}, begin=NOON + HISTORY, span=timedelta(minutes=10))

    rates.detect(NOON + HISTORY + timedelta(minutes=10))

    [odd] = shown(client)
    assert (odd["explanation"]["direction"], odd["explanation"]["pattern"]) == ("down", "pattern 2")
    assert datetime.fromisoformat(odd["timestamp"]) == NOON + HISTORY - TEN + TEN * 4 / 5
    entry = client.get("/api/v1/anomalies", params={"kind": "rate"}).json()["anomalies"][0]["explanation"]["entry_id"]
    assert UUID(entry).version == 7


def test_a_source_that_falls_silent_is_told_once_and_not_by_each_pattern(rates: Rates, client: TestClient) -> None:
    rates.learn()

    for minute in range(1, 30):
        rates.detect(NOON + HISTORY + timedelta(minutes=minute))

    assert [(one["explanation"]["scope"], one["explanation"]["direction"]) for one in shown(client)] == [
        ("source", "down")
    ]


def test_what_waits_to_be_scored_is_no_silence(rates: Rates, client: TestClient, other_project: UUID) -> None:
    rates.learn()
    with rates.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO submission_state (id, project_id, body_day, received_at, entries) VALUES (%s, %s, %s, %s, 1)",
            [UUID(int=7), rates.project, NOON.date(), NOON + HISTORY],
        )

    rates.detect(NOON + HISTORY + timedelta(minutes=20))

    assert shown(client) == []


def test_where_everything_doubles_one_alarm_tells_it(rates: Rates, client: TestClient) -> None:
    many = dict.fromkeys(range(1, 10), 10)
    rates.put(many, begin=NOON, span=HISTORY)
    rates.detect(NOON + HISTORY)
    rates.put(dict.fromkeys(many, 60), begin=NOON + HISTORY, span=timedelta(minutes=1))

    rates.detect(NOON + HISTORY + 2 * LATER)

    assert {one["explanation"]["scope"] for one in shown(client)} == {"source"}


def test_nothing_is_said_of_a_new_source(rates: Rates, client: TestClient) -> None:
    rates.put(USUAL, begin=NOON, span=timedelta(minutes=8))
    rates.put(USUAL | {2: 500}, begin=NOON + timedelta(minutes=8))

    rates.detect(NOON + timedelta(minutes=10))

    assert shown(client) == []


def test_old_files_are_no_surge(rates: Rates, client: TestClient) -> None:
    rates.learn()
    rates.store(scored_frame(5_000, timestamp=[NOON - timedelta(hours=8)] * 5_000, pattern_id=2))
    rates.put(USUAL, begin=NOON + HISTORY, span=2 * LATER)

    rates.detect(NOON + HISTORY + 2 * LATER)

    assert shown(client) == []


def test_odd_rates_do_not_stand_among_odd_entries(rates: Rates, client: TestClient) -> None:
    rates.learn()
    rates.put(USUAL | {2: 100}, begin=NOON + HISTORY)

    rates.detect(NOON + HISTORY + LATER)

    assert shown(client)
    assert (shown(client, kind="anomaly"), shown(client, kind="peak"), shown(client, kind="sequence")) == ([], [], [])


@pytest.mark.both_postgres
def test_two_that_read_side_by_side_count_every_entry_once(rates: Rates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHUNKS_AT_ONCE", 2)
    for minute in range(12):
        rates.put(USUAL, begin=NOON + timedelta(minutes=minute), span=timedelta(minutes=1))
    start = threading.Barrier(2)

    def detect() -> None:
        start.wait(10)
        rates.detect(NOON + HISTORY)

    threads = [threading.Thread(target=detect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rates.detect(NOON + HISTORY)

    assert rates.counted() == 12 * 6 * sum(USUAL.values())


def test_what_goes_wrong_in_a_run_leaves_everything_to_the_next(
    rates: Rates, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates.learn()
    rates.put(USUAL | {2: 100}, begin=NOON + HISTORY)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("pulled the plug")

    with monkeypatch.context() as broken:
        broken.setattr(service, "advance", fail)
        with pytest.raises(RuntimeError):
            rates.detect(NOON + HISTORY + LATER)
    assert shown(client) == []
    rates.detect(NOON + HISTORY + LATER)
    told = shown(client)
    rates.detect(NOON + HISTORY + LATER)

    assert told
    assert shown(client) == told


def test_a_run_that_is_overtaken_while_it_judges_leaves_the_rates_to_the_other(
    rates: Rates, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates.learn()
    rates.put(USUAL | {2: 100}, begin=NOON + HISTORY)
    found = []

    def overtaken(*told: Any, **given: Any) -> Any:
        monkeypatch.setattr(service, "report", reporting.report)
        found.append(rates.detect(NOON + HISTORY + LATER))
        return reporting.report(*told, **given)

    monkeypatch.setattr(service, "report", overtaken)
    found.append(rates.detect(NOON + HISTORY + LATER))

    assert found[0]["told"] >= 1
    assert found[1]["told"] == 0
    assert len(shown(client)) == found[0]["rows"]


def test_what_cannot_be_read_of_one_project_holds_up_no_other(
    db: Databases, rates: Rates, other_project: UUID, tmp_path: Path
) -> None:
    first, second = sorted([rates, begun(db, other_project, tmp_path)], key=lambda one: one.project)
    for one in (first, second):
        one.put(USUAL, begin=NOON)
    with first.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET blob = 'nonsense' WHERE project_id = %s", [first.project])

    with pytest.raises(CorruptBody):
        first.detect(NOON + LATER)

    assert second.counted() == sum(USUAL.values())


def test_an_entry_that_is_gone_is_told_by_its_pattern(rates: Rates, client: TestClient) -> None:
    rates.learn()
    rates.put({1: 20}, begin=NOON + HISTORY, span=timedelta(minutes=10))
    with rates.worker.transaction() as tx:
        first = tx.execute(
            "SELECT id FROM hot_chunks WHERE project_id = %s ORDER BY xid OFFSET 1 LIMIT 1", [rates.project]
        ).fetchone()
        assert first is not None
        tx.execute("UPDATE hot_chunks SET replaced_by = %s WHERE id = %s", [UUID(int=9), first[0]])

    rates.detect(NOON + HISTORY + timedelta(minutes=10))

    [odd] = shown(client)
    assert (odd["message"], odd["source"], odd["pattern_id"]) == ("pattern 2", "source-1", 2)


def test_what_is_known_of_rates_is_the_worker_s_alone(db: Databases, rates: Rates) -> None:
    rates.learn()

    for role in ("console", "search", "ingest"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db(role).transaction(project=rates.project) as tx:
            tx.execute("SELECT count(*) FROM rate_sources")


def test_another_project_sees_no_odd_rates(
    db: Databases, rates: Rates, client: TestClient, other_project: UUID
) -> None:
    rates.learn()
    rates.put(USUAL | {2: 100}, begin=NOON + HISTORY)
    rates.detect(NOON + HISTORY + LATER)

    client.headers.update(key_of(db, other_project))

    assert shown(client) == []
