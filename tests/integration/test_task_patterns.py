"""Unusual numbers of tasks, of failures and of cancels: told to operators; a usual day's are not."""

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, open_reading_parts

from functions.schedules.app import IN_FUNCTION
from oddline.catalogue import CATALOGUE
from oddline.ids import new_id
from oddline.maintenance import check_task_patterns
from oddline.maintenance.task_pattern_store import LOOKED_BACK, TaskPattern
from oddline.streams import POLLS
from oddline.tasks import Publisher, raised_alerts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    publisher = Publisher(redis_url)
    yield publisher
    publisher.close()


def happened(
    db: Databases, count: int, *, hours_ago: float, project: UUID | None = None, name: str = "send_email", **how: Any
) -> None:
    """So many tasks within that hour, that ended so."""
    row = {"state": "SUCCESS", "finished": False, "cancelled": False} | how
    with db("worker").transaction() as tx:
        for number in range(count):
            at = NOW - HOUR * (hours_ago + 0.9 * number / count)
            moment_ns = int(at.timestamp() * 1e9)
            tx.execute(
                "INSERT INTO tasks (id, project_id, name, queue, payload, state, created_at, finished_at, cancelled_at)"
                " VALUES (%s, %s, %s, 'default', '{}', %s, %s, %s, %s)",
                [
                    new_id(clock_ns=lambda moment_ns=moment_ns: moment_ns),  # type: ignore[misc]
                    project,
                    name,
                    row["state"],
                    at - timedelta(days=7) * bool(row["finished"]),
                    at,
                    at if row["cancelled"] else None,
                ],
            )


def alerts(db: Databases) -> list[tuple[str, str, UUID | None, int]]:
    with db("worker").transaction() as tx:
        return sorted((one.kind, one.subject, one.project, one.count) for one in raised_alerts(tx))


def test_a_burst_of_one_kind_is_told_once(db: Databases, publisher: Publisher, project: UUID) -> None:
    for hours_ago in range(25):
        happened(db, 5, hours_ago=hours_ago)
        happened(db, 5, hours_ago=hours_ago, project=project)
    quiet = check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW)

    happened(db, 40, hours_ago=0, project=project)
    noticed = check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW)
    again = check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW + timedelta(minutes=5))

    assert (quiet, noticed, again) == ({"unusual": 0}, {"unusual": 1}, {"unusual": 1})
    assert alerts(db) == [("unusual_starts", "send_email", project, 2)]
    with db("worker").transaction() as tx:
        [alert] = raised_alerts(tx)
        assert tx.execute("SELECT count(*) FROM tasks WHERE name = 'send_system_alert'").fetchone() == (1,)
    assert alert.text == (
        f"45 starts of send_email of project {project} within an hour;"
        " in the busiest hour of the day before there were 5"
    )


def test_what_comes_each_day_at_this_hour_is_usual(db: Databases, publisher: Publisher) -> None:
    happened(db, 100, hours_ago=24)
    happened(db, 110, hours_ago=0)

    assert check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW) == {"unusual": 0}


def test_polls_come_as_connections_are_made_and_are_not_counted(db: Databases, publisher: Publisher) -> None:
    happened(db, 120, hours_ago=0, name="poll_cloud_logs")

    assert check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW) == {"unusual": 0}


def test_a_folder_of_files_is_nothing_unusual_and_ten_thousand_are(
    db: Databases, publisher: Publisher, project: UUID
) -> None:
    steps = ("extract_log_metadata", "process_log_file", "compress_log_file")
    for name in steps:
        happened(db, 200, hours_ago=0, name=name, project=project)
    folder = check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW)

    happened(db, 10_000, hours_ago=0, name="extract_log_metadata", project=project)
    flood = check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW)

    assert (folder, flood) == ({"unusual": 0}, {"unusual": 1})


def test_files_that_fail_in_numbers_are_told_of_as_all_tasks_are(db: Databases, publisher: Publisher) -> None:
    happened(db, 20, hours_ago=0, name="process_log_file", state="FAILURE", finished=True)

    check_task_patterns(db("worker"), publisher, catalogue=CATALOGUE, now=NOW)

    assert alerts(db) == [("unusual_failures", "process_log_file", None, 1)]


def test_the_schedule_tells_of_failures_and_cancels_but_not_of_dropped_dead_letters(
    db: Databases, redis_url: str, tmp_path: Path
) -> None:
    happened(db, 20, hours_ago=0, state="FAILURE", finished=True)
    happened(db, 20, hours_ago=0, state="REVOKED", finished=True, cancelled=True, name="replay")
    happened(db, 20, hours_ago=0, state="REVOKED", finished=True, name="compact_chunks")

    with open_reading_parts(db("worker"), redis_url=redis_url, folder=tmp_path) as parts:
        IN_FUNCTION["check_task_patterns"](replace(parts, clock=lambda: NOW))

    assert alerts(db) == [("unusual_cancels", "replay", None, 1), ("unusual_failures", "send_email", None, 1)]


def test_the_ledger_keeps_what_the_check_looks_back_at() -> None:
    uncounted = {spec.name for spec in POLLS}

    kept = [spec.result_kept for name, spec in CATALOGUE.items() if spec.ledger and name not in uncounted]

    assert min(kept) > LOOKED_BACK


@pytest.mark.parametrize(
    ("count", "usual", "unusual"),
    [(13, 0, False), (14, 0, True), (30, 10, False), (31, 10, True), (1_999, 1_000, False), (2_000, 1_000, True)],
)
def test_how_many_are_too_many(count: int, usual: int, unusual: bool) -> None:
    assert TaskPattern("starts", None, "a", count, usual).is_unusual is unusual


def poisson(mean: float, chance: random.Random) -> int:
    """Knuth's method."""
    limit, product, number = math.exp(-mean), chance.random(), 0
    while product > limit:
        product, number = product * chance.random(), number + 1
    return number


def test_what_comes_at_a_steady_rate_is_never_unusual_in_a_year_and_ten_times_as_much_is() -> None:
    chance = random.Random(5)
    for mean in (0.5, 5.0, 50.0):
        hours = [poisson(mean, chance) for _ in range(24 * 365)]
        usual = [max(hours[at - 24 : at]) for at in range(24, len(hours))]

        alarms = [TaskPattern("starts", None, "a", count, most) for count, most in zip(hours[24:], usual, strict=True)]
        bursts = [TaskPattern("starts", None, "a", poisson(10 * mean, chance), most) for most in usual[:500]]

        assert sum(alarm.is_unusual for alarm in alarms) == 0
        if mean >= 5:
            assert sum(burst.is_unusual for burst in bursts) >= 495
