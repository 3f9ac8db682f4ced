"""CloudWatch Logs (moto's server): every event once, also late ones, also of two polls at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from feeds import Databases, Feeds, fresh_project, milliseconds, open_feeds

from oddline.ids import new_id
from oddline.settings import Side

KEYS = {"access_key_id": "AKIATEST", "secret_access_key": "test-secret"}
REGION = "us-east-1"


class Group:
    """A log group with streams that are made when they are first written to."""

    def __init__(self, url: str) -> None:
        self.name = f"/app/{new_id()}"
        self.client: Any = boto3.client(
            "logs", endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.client.create_log_group(logGroupName=self.name)
        self.streams: set[str] = set()

    @property
    def configuration(self) -> dict[str, Any]:
        return {"region": REGION, "log_group": self.name}

    def put(self, *messages: str, at: datetime, stream: str = "one") -> None:
        if stream not in self.streams:
            self.client.create_log_stream(logGroupName=self.name, logStreamName=stream)
            self.streams.add(stream)
        events = [{"timestamp": milliseconds(at), "message": message} for message in messages]
        self.client.put_log_events(logGroupName=self.name, logStreamName=stream, logEvents=events)


@pytest.fixture
def group(aws_url: str) -> Group:
    return Group(aws_url)


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture
def project(db: Databases) -> UUID:
    """A project of the case's own, in a database that they share."""
    return fresh_project(db)


@pytest.fixture
def feeds(db: Databases, project: UUID, redis_url: str, tmp_path: Path, aws_url: str) -> Iterator[Feeds]:
    with open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path, aws_endpoint_url=aws_url) as feeds:
        yield feeds


def test_events_of_all_streams_come_in_once_with_what_they_are_known_by(feeds: Feeds, group: Group) -> None:
    connection = feeds.connect("cloudwatch", group.configuration, credentials=KEYS)
    group.put("first", "second", at=feeds.clock() - timedelta(minutes=5))
    group.put("third", at=feeds.clock() - timedelta(minutes=4), stream="two")

    told = [feeds.poll(connection), feeds.poll(connection)]
    group.put("fourth", at=feeds.clock())
    told.append(feeds.poll(connection))

    assert [one["entries"] for one in told] == [3, 0, 1]
    assert feeds.messages() == ["first", "second", "third", "fourth"]
    attributes = feeds.stored()[2]["attributes"]
    assert (attributes["log_stream"], attributes["log_group"]) == ("two", group.name)
    row = feeds.row(connection)
    assert (row.state, row.entries, row.failures, row.last_error) == ("on", 4, 0, None)


def test_what_comes_late_is_found_within_the_look_back_and_nothing_twice(feeds: Feeds, group: Group) -> None:
    connection = feeds.connect("cloudwatch", group.configuration | {"look_back_s": 600}, credentials=KEYS)
    group.put("in time", at=feeds.clock())
    feeds.poll(connection)
    late = feeds.clock()
    group.put("newer", at=late + timedelta(minutes=8))
    for _ in range(8):
        feeds.poll(connection, after=timedelta(minutes=1))

    group.put("eight minutes late", at=late)
    for _ in range(3):
        feeds.poll(connection, after=timedelta(minutes=1))

    assert sorted(feeds.messages()) == ["eight minutes late", "in time", "newer"]


def test_what_comes_hours_late_in_a_quiet_feed_is_found_within_a_look_back_of_hours(feeds: Feeds, group: Group) -> None:
    configuration = group.configuration | {"look_back_s": 6 * 3_600}
    since = feeds.clock() - timedelta(hours=8)
    connection = feeds.connect("cloudwatch", configuration, credentials=KEYS, since=since)
    group.put("in time", at=feeds.clock())
    for _ in range(3):
        feeds.poll(connection, after=timedelta(hours=1))

    group.put("five hours late", at=feeds.clock() - timedelta(hours=5))
    for _ in range(4):
        feeds.poll(connection, after=timedelta(minutes=30))

    assert feeds.messages() == ["in time", "five hours late"]


def test_a_long_history_comes_in_whole_and_what_is_older_than_asked_for_does_not(feeds: Feeds, group: Group) -> None:
    start = feeds.clock() - timedelta(days=3)
    for number in range(60):
        group.put(f"hour {number}", at=start + timedelta(hours=number))
    connection = feeds.connect(
        "cloudwatch", group.configuration, credentials=KEYS, since=start + timedelta(hours=9, minutes=30)
    )

    while feeds.poll(connection)["more"]:
        pass

    assert feeds.messages() == [f"hour {number}" for number in range(10, 60)]
    with feeds.db("worker").transaction() as tx:
        [[kept]] = tx.execute(
            "SELECT coalesce(sum(length(hashes)), 0) FROM connection_memories WHERE project_id = %s", [feeds.project]
        ).fetchall()
    assert kept <= 8 * 3  # of the last hour or two, not of all days
