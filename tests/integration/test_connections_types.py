"""S3 (moto's server), HTTP, Redis (a real Valkey), and Google and Azure as they document themselves.

The servers that stand in for Google Cloud Logging and Azure Monitor are real HTTP servers, written from the public
documentation of "Method: entries.list", "OAuth 2.0 for Server to Server Applications", "Azure Monitor Log Analytics
API" and "OAuth 2.0 client credentials flow"; the services themselves were not asked.
"""

import gzip
import json
import re
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import randbytes
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import boto3
import jwt
import pytest
import redis
import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from feeds import Answer, Asked, Databases, Feeds, answering, fresh_project, json_answer, open_feeds

from oddline.ids import new_id
from oddline.limits import write_limits
from oddline.settings import Side
from oddline.streams import try_connection
from oddline.streams.model import FoundObject
from oddline.streams.reading import Link
from oddline.streams.types import TYPES
from oddline.submissions import rfc3339
from oddline.tasks import raised_alerts

KEYS = {"access_key_id": "AKIATEST", "secret_access_key": "test-secret"}
REGION = "us-east-1"


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


# S3


@dataclass
class Bucket:
    """A bucket of somebody's."""

    client: Any
    name: str = field(default_factory=lambda: f"logs-{new_id()}")

    @property
    def configuration(self) -> dict[str, Any]:
        return {"region": REGION, "bucket": self.name, "prefix": "app/"}

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)


@pytest.fixture
def bucket(aws_url: str) -> Bucket:
    bucket = Bucket(
        boto3.client("s3", endpoint_url=aws_url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    )
    bucket.client.create_bucket(Bucket=bucket.name)
    return bucket


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


@pytest.mark.parametrize("order", ["time", "key"])
def test_objects_under_a_prefix_are_read_line_by_line_once(feeds: Feeds, bucket: Bucket, order: str) -> None:
    connection = feeds.connect("s3", bucket.configuration | {"order": order}, credentials=KEYS)
    bucket.put("app/1.log", lines("one", "", "two"))
    bucket.put("app/2.log.gz", gzip.compress(lines("three")))
    bucket.put("other/3.log", lines("not asked for"))

    told = [feeds.poll(connection), feeds.process(connection), feeds.poll(connection), feeds.process(connection)]
    bucket.put("app/4.log", lines("four"))
    feeds.poll(connection)
    feeds.process(connection)

    assert [told[0]["objects"], told[1], told[2]["objects"]] == [2, {"objects": 2, "entries": 3}, 0]
    assert feeds.messages() == ["one", "two", "three", "four"]
    assert feeds.stored()[1]["attributes"] == {"object": "app/1.log", "timestamp_guessed": True}
    assert feeds.row(connection).entries == 4


def test_objects_are_read_in_the_format_that_they_are_in(feeds: Feeds, bucket: Bucket) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    told = {"time": "2026-10-11T08:15:30Z", "level": "error", "msg": "disk full", "object": "cart", "free": 0}
    bucket.put("app/1.json.zst", zstandard.compress(lines(json.dumps(told))))
    journal = {"__REALTIME_TIMESTAMP": "1791706530000000", "_SYSTEMD_UNIT": "cart.service", "MESSAGE": "stopped"}
    bucket.put("app/2", lines(*(f"{name}={value}" for name, value in journal.items()), ""))
    trace = ["Traceback (most recent call last):", '  File "cart.py", line 3, in add', "KeyError: 'sku'"]
    bucket.put("app/3.log.gz", gzip.compress(lines("2026-10-11 08:15:30,123 ERROR [main] shop.Cart: failed", *trace)))
    feeds.poll(connection)

    feeds.process(connection)

    [from_json, from_journal, traced] = feeds.stored()
    assert (from_json["message"], from_json["severity"], from_json["source"]) == ("disk full", "ERROR", "feed")
    assert from_json["attributes"] == {"object": "cart", "free": 0}  # what the entry says of itself counts for more
    assert (from_journal["message"], from_journal["source"]) == ("stopped", "cart.service")
    assert (traced["message"], traced["attributes"]["object"]) == ("\n".join(["failed", *trace]), "app/3.log.gz")
    assert traced["timestamp"] == 1_791_706_530_123_000  # its own and not the object's


@pytest.mark.parametrize("order", ["time", "key"])
def test_more_objects_than_one_list_tells_are_all_found(
    feeds: Feeds, bucket: Bucket, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.types.s3.AT_ONCE", 3)
    connection = feeds.connect("s3", bucket.configuration | {"order": order}, credentials=KEYS)
    for number in range(10):
        bucket.put(f"app/{number:05}", b"x")

    told = feeds.poll(connection)

    assert (told["objects"], told["more"], told["error"]) == (10, False, None)
    assert feeds.poll(connection, after=timedelta(hours=2))["objects"] == 0


def test_an_object_is_read_on_where_a_reader_left_it_to_the_same_entries(
    feeds: Feeds, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    texts = [f"line {number}" + "\n\tgoes on" * (number % 3) for number in range(25)]
    last_year = f"{feeds.clock() + timedelta(days=3):%b %d %H:%M:%S}"  # for the object; for a later reader, this year
    bucket.put("app/large.log.gz", gzip.compress(lines(*(f"{last_year} web cart[7]: {text}" for text in texts))))
    feeds.poll(connection)
    monkeypatch.setattr("oddline.streams.processing.MOST_PART_ENTRIES", 10)
    monkeypatch.setattr("oddline.streams.processing._Reader.is_over", property(lambda self: self.entries > 0))

    told = []
    for _ in range(4):
        told.append(feeds.process(connection)["entries"])
        feeds.clock.move(timedelta(days=3))

    assert told == [10, 10, 5, 0]
    assert feeds.messages() == texts
    assert len({entry["timestamp"] for entry in feeds.stored()}) == 1


@dataclass
class Download:
    """What was fetched of an object: from which byte on, and how many."""

    start: int
    fetched: int = 0


@pytest.fixture
def downloads(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> list[Download]:
    """What is fetched of objects, in small pieces, each of which takes ten seconds."""
    made: list[Download] = []
    real = TYPES["s3"].read_object
    assert real is not None

    def slow(link: Link, found: FoundObject, start: int) -> Generator[bytes, None, None]:
        made.append(download := Download(start))
        for piece in real(link, found, start):
            feeds.clock.move(timedelta(seconds=10))
            download.fetched += len(piece)
            yield piece

    monkeypatch.setattr("oddline.streams.types.s3.PIECE_BYTES", 64 * 1024)
    monkeypatch.setattr("oddline.streams.processing.MOST_PART_ENTRIES", 1_000)
    monkeypatch.setitem(TYPES, "s3", replace(TYPES["s3"], read_object=slow))
    return made


def test_a_plain_object_is_fetched_from_the_place_that_was_reached(
    feeds: Feeds, bucket: Bucket, downloads: list[Download]
) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    texts = [f"line {number} {'x' * 90}" for number in range(12_000)]
    bucket.put("app/large.log", lines(*texts))
    feeds.poll(connection)

    while feeds.process(connection)["objects"]:
        pass

    first, *later = downloads
    assert (first.start, len([one for one in later if one.start])) == (0, 2)
    assert all(one.fetched <= 256 * 1024 for one in later if not one.start)  # to see what it is
    assert sum(one.fetched for one in later if one.start) < 2 * len(lines(*texts))
    assert feeds.messages() == texts


def test_an_object_that_is_stored_to_its_end_and_was_not_let_go_of_is_let_go_of(
    feeds: Feeds, bucket: Bucket, downloads: list[Download]
) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    body = lines(*(f"line {number} {'x' * 90}" for number in range(5_000)))
    bucket.put("app/large.log", body)
    feeds.poll(connection)
    with feeds.db("worker").transaction() as tx:
        tx.execute("UPDATE connection_objects SET position = %s WHERE project_id = %s", [len(body), feeds.project])

    told = feeds.process(connection)

    with feeds.db("worker").transaction() as tx:
        [[left]] = tx.execute(
            "SELECT count(*) FROM connection_objects WHERE project_id = %s", [feeds.project]
        ).fetchall()
    assert (told, left) == ({"objects": 1, "entries": 0}, 0)


def test_an_object_in_which_the_place_is_long_to_find_is_read_for_as_long_as_that_took(
    feeds: Feeds, bucket: Bucket, downloads: list[Download]
) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    texts = [f"{number} {randbytes(60).hex()}" for number in range(20_000)]
    bucket.put("app/large.log.gz", gzip.compress(lines(*texts), 1))
    feeds.poll(connection)

    while feeds.process(connection)["objects"]:
        pass

    assert feeds.messages() == texts
    assert len(downloads) <= 6  # and not as many as there are blocks


def test_nobody_else_takes_an_object_while_the_place_in_it_is_being_found(
    feeds: Feeds, bucket: Bucket, downloads: list[Download], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    texts = [f"{number} {randbytes(60).hex()}" for number in range(20_000)]
    bucket.put("app/large.log.gz", gzip.compress(lines(*texts), 1))
    feeds.poll(connection)
    stored = feeds.process(connection)["entries"]
    slow, others = TYPES["s3"].read_object, []
    assert slow is not None

    def slower(link: Link, found: FoundObject, start: int) -> Generator[bytes, None, None]:
        feeds.clock.move(timedelta(minutes=9))
        if not others:
            others.append({})
            others[0] = feeds.process(connection)
        yield from slow(link, found, start)

    monkeypatch.setitem(TYPES, "s3", replace(TYPES["s3"], read_object=slower))
    told = feeds.process(connection)

    assert (others, told["entries"] > 0) == ([{"objects": 0, "entries": 0}], True)
    assert feeds.messages() == texts[: stored + told["entries"]]


def test_readers_side_by_side_read_each_object_once(
    feeds: Feeds, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.processing.MOST_PART_ENTRIES", 7)
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    texts = [[f"object {number} line {line}" for line in range(50)] for number in range(4)]
    for number, some in enumerate(texts):
        bucket.put(f"app/{number}", lines(*some))
    feeds.poll(connection)

    def process(_: int) -> None:
        feeds.clock.move(timedelta(minutes=11))  # so that claims run out on the way
        feeds.process(connection)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(process, range(8)))
    while feeds.process(connection)["objects"]:
        feeds.clock.move(timedelta(minutes=11))

    assert sorted(feeds.messages()) == sorted(text for some in texts for text in some)


def test_an_object_that_is_no_text_is_given_up_and_told_and_holds_up_no_other(feeds: Feeds, bucket: Bucket) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    bucket.put("app/1", b"\x00\x01\x02")
    bucket.put("app/2", gzip.compress(lines("whole", *(f"entry {number:x}" for number in range(9_999))))[:-10])
    bucket.put("app/3", lines("fine"))
    feeds.poll(connection)

    feeds.process(connection)

    assert (feeds.messages()[0], feeds.messages()[-1]) == ("whole", "fine")
    with feeds.db("worker").transaction() as tx:
        texts = [alert.text for alert in raised_alerts(tx, kind="object_unreadable") if alert.project == feeds.project]
    assert len(texts) == 1  # both, counted


def test_objects_wait_for_the_quota_of_the_next_day(feeds: Feeds, bucket: Bucket) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    bucket.put("app/1", lines("one", "two", "three"))
    with feeds.db("owner").transaction() as tx:
        write_limits(tx, feeds.project, changed={"entries_a_day": 2})
    feeds.poll(connection)

    told = [feeds.process(connection), feeds.process(connection)]
    with feeds.db("owner").transaction() as tx:
        rows = tx.execute(
            "SELECT not_before, last_error FROM connection_objects WHERE project_id = %s", [feeds.project]
        ).fetchall()
        write_limits(tx, feeds.project, changed={"entries_a_day": 3})
    feeds.clock.move(rows[0][0] - feeds.clock())
    told.append(feeds.process(connection))

    assert [one["entries"] for one in told] == [0, 0, 3]
    assert (rows[0][0] > feeds.clock() - timedelta(seconds=1), "for tomorrow" in rows[0][1]) == (True, True)


# AWS: as whom


def test_connections_may_not_read_with_the_rights_of_the_worker(feeds: Feeds, bucket: Bucket) -> None:
    connection = feeds.connect("s3", bucket.configuration | {"as_worker": True})

    assert "may not read with the worker's own rights" in feeds.poll(connection)["error"]

    assert feeds.row(connection).state == "failing"


@pytest.mark.parametrize("what", ["the operator's", "another project", "Oddline's own bucket"])
def test_the_operators_project_may_where_the_operator_says_so_and_never_oddlines_own_bucket(
    what: str, db: Databases, project: UUID, redis_url: str, tmp_path: Path, aws_url: str, bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the worker's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    bucket.put("app/1", lines("one"))
    with db("worker").transaction() as tx:
        [[name]] = tx.execute("SELECT name FROM projects WHERE id = %s", [project]).fetchall()
    options: dict[str, Any] = {
        "aws_endpoint_url": aws_url,
        "connections_as_worker": True,
        "operator_project": "another" if what == "another project" else name,
        "objects_url": f"s3://{bucket.name}/oddline" if what == "Oddline's own bucket" else "",
    }

    with open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path, **options) as feeds:
        told = feeds.poll(feeds.connect("s3", bucket.configuration | {"as_worker": True}))

    reasons = {
        "another project": "may not read with the worker's own rights",
        "Oddline's own bucket": "is Oddline's own",
    }
    assert (told["objects"], reasons.get(what, "None") in str(told["error"])) == (int(what == "the operator's"), True)


@pytest.mark.parametrize("trusts_all", [False, True])
def test_a_role_is_taken_with_the_external_id_of_the_project_unless_it_trusts_whoever_asks(
    *, trusts_all: bool, db: Databases, project: UUID, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the worker's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    asked: list[tuple[dict[str, list[str]], str]] = []
    role = f"arn:aws:iam::123456789012:role/oddline-{trusts_all}"
    refusal = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"

    def aws(request: Asked) -> Answer:
        if request.method == "POST":
            asked.append((form := parse_qs(request.body.decode()), request.headers["authorization"]))
            if not trusts_all and form["ExternalId"] != [f"oddline-{project}"]:
                return 403, {"Content-Type": "text/xml"}, refusal
            taken = "".join(
                f"<{name}>{value}</{name}>"
                for name, value in {
                    "AccessKeyId": "ASIATAKEN", "SecretAccessKey": "s", "SessionToken": "t",
                    "Expiration": "2099-01-01T00:00:00Z",
                }.items()
            )  # fmt: skip
            body = f"<AssumeRoleResponse><AssumeRoleResult><Credentials>{taken}</Credentials></AssumeRoleResult>"
            return 200, {"Content-Type": "text/xml"}, f"{body}</AssumeRoleResponse>".encode()
        asked.append(({}, request.headers["authorization"]))
        return 200, {}, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

    with (
        answering(aws) as url,
        open_feeds(db, project=project, redis_url=redis_url, folder=tmp_path, aws_endpoint_url=url) as feeds,
    ):
        told = feeds.poll(feeds.connect("s3", {"region": REGION, "bucket": "theirs", "role_arn": role}))

    assert asked[0][0]["ExternalId"][0].startswith("oddline-check-")
    if trusts_all:
        assert "trusts whoever asks" in told["error"]
        assert len(asked) == 1
        return
    assert told["error"] is None
    [(form, _), (_, signature)] = asked[1:]
    assert (form["RoleArn"], form["ExternalId"]) == ([role], [f"oddline-{project}"])
    assert "Credential=ASIATAKEN/" in signature


# HTTP


Page = dict[str, Any]


def test_a_next_link_is_followed_on_the_same_server_alone(feeds: Feeds) -> None:
    def linked(asked: Asked) -> Answer:
        assert asked.headers["authorization"] == "Bearer abc"
        if asked.path == "/2":
            return json_answer([{"message": "two"}], headers={"Link": '<https://elsewhere.example/3>; rel="next"'})
        return json_answer([{"message": "one"}], headers={"Link": '</0>; rel="prev", </2>; rel="next"'})

    with answering(linked) as url:
        cursor = {"send": "link", "take": "header", "at": "Link"}
        connection = feeds.connect(
            "http", {"url": f"{url}/1", "cursor": cursor}, credentials={"headers": {"Authorization": "Bearer abc"}}
        )
        told = feeds.poll(connection)

    assert "another server" in told["error"]
    assert feeds.messages() == ["one"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Link": '</page?fields=a,b&page=2>; rel="next"'},
        {"Link": '</page?fields=a,b;c&page=2>;rel=next, </page?page=9>; rel="last"'},
        {"Link": '</0>; rel="prev"; title="<x>, or; rel=next", </page?fields=a,b&page=2>; title="2"; Rel="last Next"'},
        {"Link": '</page?fields=a,b&page=2>; rel="next"', "link": '</page?page=9>; rel="last"'},
        {"Link": '</page?page=9>; rel="last"', "link": '</page?fields=a,b&page=2>; rel="next"'},
    ],
    ids=["comma", "semicolon", "quoted", "first of two", "second of two"],
)
def test_a_next_link_is_found_whatever_its_address_holds_and_stands_among(
    feeds: Feeds, headers: dict[str, str]
) -> None:
    def linked(asked: Asked) -> Answer:
        if "page=2" in asked.path:
            return json_answer([{"message": asked.path.partition("fields=")[2]}])
        return json_answer([{"message": "one"}], headers=headers)

    with answering(linked) as url:
        cursor = {"send": "link", "take": "header", "at": "Link"}
        told = feeds.poll(feeds.connect("http", {"url": f"{url}/page", "cursor": cursor}))

    assert told["error"] is None
    assert feeds.messages() in (["one", "a,b&page=2"], ["one", "a,b;c&page=2"])


def test_numbers_that_are_no_time_lose_no_entry(feeds: Feeds) -> None:
    written = ["20261011081530", "20261011", 12_345, 86_400.5, "2999-01-01T00:00:00Z"]
    records = [{"message": f"line {number}", "timestamp": value} for number, value in enumerate(written)]

    with answering(lambda _: json_answer(records)) as url:
        told = feeds.poll(feeds.connect("http", {"url": url}))

    assert (told["entries"], told["refused"]) == (5, 0)
    entries = feeds.stored()
    assert [entry["attributes"].get("timestamp") for entry in entries] == [None, None, *written[2:]]
    assert entries[0]["timestamp"] == 1_791_706_530_000_000


def test_a_cursor_from_the_last_entry_goes_out_in_a_header_and_ndjson_is_read(feeds: Feeds) -> None:
    everything = [{"message": f"line {number}", "id": number, "level": "x", "severity": "WARN"} for number in range(5)]

    def newer(asked: Asked) -> Answer:
        after = int(asked.headers.get("x-after", "-1"))
        found = [one for one in everything if int(str(one["id"])) >= after][:2]  # its cursor includes the last one
        return 200, {}, b"\n".join(json.dumps(one).encode() for one in found)

    with answering(newer) as url:
        cursor = {"send": "header", "name": "X-After", "take": "last_entry", "at": "id"}
        configuration = {"url": url, "format": "ndjson", "identity": "id", "cursor": cursor}
        connection = feeds.connect("http", configuration)
        told = [feeds.poll(connection) for _ in range(2)]

    assert [one["entries"] for one in told] == [5, 0]
    assert feeds.messages() == [f"line {number}" for number in range(5)]
    assert feeds.stored()[0]["severity"] == "WARN"
    assert feeds.stored()[0]["attributes"] == {"id": 0, "level": "x"}


def test_without_a_cursor_what_stands_in_the_last_answer_is_not_taken_again(feeds: Feeds) -> None:
    shown = ["a", "b", "b"]

    with answering(lambda _: json_answer(shown)) as url:
        connection = feeds.connect("http", {"url": url})
        feeds.poll(connection)
        shown[:] = ["b", "b", "b", "c"]
        feeds.poll(connection)

    assert feeds.messages() == ["a", "b", "b", "b", "c"]


def _nested(levels: int) -> bytes:
    return b'{"message": "deep", "a": ' + b"[" * levels + b"]" * levels + b"}"


HOSTILE = {
    "half a character": (b'{"message": "half \\ud800"}', "half \ufffd"),
    "half a character in no message": (b'{"m": "half \\ud800"}', '{"m":"half \ufffd"}'),
    "no UTF-8": (b'{"message": "\xff"}', "\ufffd"),
    "a time before all times": (b'{"message": "old", "timestamp": "0001-01-01T00:00:00+23:59"}', "old"),
    "nested 300 deep": (_nested(300), None),
    "nested 1,000 deep": (_nested(1_000), "deep"),
    "nested 1,000 deep, without a message": (_nested(1_000).replace(b"message", b"m"), None),
}


@pytest.mark.parametrize("form", ["json", "ndjson"])
@pytest.mark.parametrize("which", HOSTILE)
def test_one_hostile_record_stops_no_connection(feeds: Feeds, which: str, form: str) -> None:
    record, message = HOSTILE[which]
    records = [b'{"message": "before"}', record, b'{"message": "behind"}']
    body = b"\n".join(records) if form == "ndjson" else b"[" + b",".join(records) + b"]"

    with answering(lambda _: (200, {}, body)) as url:
        connection = feeds.connect("http", {"url": url, "format": form})
        told = [feeds.poll(connection) for _ in range(2)]

    assert [one["error"] for one in told] == [None, None]
    assert [one for one in feeds.messages() if one in {"before", "behind", message}] == [
        one for one in ("before", message, "behind") if one is not None
    ]


def test_a_line_that_is_no_json_is_taken_as_it_stands_and_an_answer_without_any_is_refused(feeds: Feeds) -> None:
    body = [b'{"message": "one"}\nbroken {\n']

    with answering(lambda _: (200, {}, body[0])) as url:
        connection = feeds.connect("http", {"url": url, "format": "ndjson"})
        told = feeds.poll(connection)
        body[0] = b"<html>\n</html>"
        refused = feeds.poll(connection)

    assert (told["error"], feeds.messages()) == (None, ["one", "broken {"])
    assert "cannot be read" in refused["error"]


@pytest.mark.parametrize(
    ("form", "body"),
    [("json", b"[" + b"[]," * 4_000_000 + b"1]"), ("ndjson", b"1\n" * 30_000), ("ndjson", b"[" + b"[]," * 4_000_000)],
)
def test_an_answer_of_more_values_than_memory_has_room_for_is_refused_unread(
    feeds: Feeds, form: str, body: bytes
) -> None:
    with answering(lambda _: (200, {}, body)) as url:
        told = feeds.poll(feeds.connect("http", {"url": url, "format": form}))

    assert "at most" in told["error"]


def test_what_a_server_says_is_told_to_who_tries_it_and_stands_nowhere_else(feeds: Feeds) -> None:
    def echo(asked: Asked) -> Answer:
        return 401, {}, f"you are {asked.headers['authorization']}".encode()

    with answering(echo) as url:
        secret = {"headers": {"Authorization": "Bearer abc"}}
        connection = feeds.connect("http", {"url": url}, credentials=secret)
        told = feeds.poll(connection)
        tried = try_connection(feeds.of(connection), feeds.context)

    assert (told["error"], feeds.row(connection).last_error) == (f"{url}: 401", f"{url}: 401")
    assert "you are Bearer abc" in tried["reason"]


# Redis


def test_a_stream_is_read_from_an_id_on_and_gone_on_with(feeds: Feeds, redis_url: str) -> None:
    address = urlsplit(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        for number in range(2_500):
            client.xadd("app", {"message": f"line {number}", "severity": "ERROR", "pod": "a"})
        connection = feeds.connect(
            "redis",
            {"host": address.hostname, "port": address.port, "tls": False, "stream": "app"},
            credentials={"password": address.password},
        )
        first = feeds.poll(connection)
        client.xadd("app", {"text": "no message"})
        second = feeds.poll(connection)

    assert (first["entries"], first["error"], second["entries"]) == (2_500, None, 1)
    assert feeds.messages() == [*(f"line {number}" for number in range(2_500)), '{"text":"no message"}']
    entry = feeds.stored()[0]
    assert (entry["severity"], entry["attributes"]["pod"], entry["attributes"]["stream"]) == ("ERROR", "a", "app")


def test_an_id_that_is_no_time_loses_no_entry(feeds: Feeds, redis_url: str) -> None:
    address = urlsplit(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.xadd("counted", {"message": "first"}, id="99999999999999-1")  # of the year 5138
        connection = feeds.connect(
            "redis",
            {"host": address.hostname, "port": address.port, "tls": False, "stream": "counted"},
            credentials={"password": address.password},
        )
        told = feeds.poll(connection)

    assert (told["entries"], told["refused"], feeds.messages()) == (1, 0, ["first"])


def test_large_entries_are_read_fewer_at_once_and_one_that_memory_has_no_room_for_is_refused(
    feeds: Feeds, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.streams.types.redis.MOST_ANSWER_BYTES", 200_000)
    address, stream = urlsplit(redis_url), f"large {new_id()}"
    with redis.Redis.from_url(redis_url) as client:
        for number in range(20):
            client.xadd(stream, {"message": f"{number} {'x' * 60_000}"})
        connection = feeds.connect(
            "redis",
            {"host": address.hostname, "port": address.port, "tls": False, "stream": stream},
            credentials={"password": address.password},
        )
        first = feeds.poll(connection)
        client.xadd(stream, {"message": "y" * 300_000})
        second = feeds.poll(connection)
        client.delete(stream)

    assert (first["entries"], first["error"]) == (20, None)
    assert "one answer has more than 200,000 bytes" in second["error"]
    assert feeds.row(connection).state == "failing"


def test_a_wrong_password_is_told_and_not_quoted(feeds: Feeds, redis_url: str) -> None:
    address = urlsplit(redis_url)
    connection = feeds.connect(
        "redis",
        {"host": address.hostname, "port": address.port, "tls": False, "stream": "app"},
        credentials={"password": "not this one"},
    )

    told = feeds.poll(connection)
    tried = try_connection(feeds.of(connection), feeds.context)

    assert told["error"].endswith("who we are is refused")
    assert "invalid username-password" in tried["reason"].lower()
    assert "not this one" not in tried["reason"]
    assert feeds.row(connection).state == "failing"


# Google Cloud Logging


@dataclass
class GoogleServer:
    """Token endpoint and entries.list as Google documents them."""

    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    entries: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            form = parse_qs(asked.body.decode())
            assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            jwt.decode(form["assertion"][0], self.key.public_key(), algorithms=["RS256"], audience=f"{self.url}/token",
                       options={"verify_iat": False, "verify_exp": False})  # fmt: skip
            return json_answer({"access_token": "ya29.test", "expires_in": 3599, "token_type": "Bearer"})
        if asked.headers.get("authorization") != "Bearer ya29.test":
            return json_answer({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, status=401)
        assert (asked.method, asked.path) == ("POST", "/v2/entries:list")
        body = json.loads(asked.body)
        self.asked.append(body)
        bounds = dict(re.findall(r'timestamp (>=|<=) "([^"]+)"', body["filter"]))
        found = [
            one
            for one in sorted(self.entries, key=lambda one: str(one["timestamp"]))
            if one["timestamp"] >= bounds[">="] and one["timestamp"] <= bounds.get("<=", "9")
        ]
        begin = int(body.get("pageToken", 0))
        end = begin + min(body["pageSize"], 2)  # fewer than asked for is allowed
        more = {"nextPageToken": str(end)} if end < len(found) else {}
        return json_answer({"entries": found[begin:end]} | more if found[begin:end] else more)

    def credentials(self) -> dict[str, Any]:
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "shop",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": "reader@shop.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }


def test_google_entries_are_listed_page_by_page_as_a_service_account(feeds: Feeds) -> None:
    now = feeds.clock()

    def entry(number: int, *, at: datetime, **payload: Any) -> dict[str, Any]:
        name = "projects/shop/logs/app"
        return {"insertId": f"i{number}", "logName": name, "timestamp": rfc3339(at), "severity": "ERROR"} | payload

    google = GoogleServer()
    google.entries += [entry(number, at=now, textPayload=f"line {number}") for number in range(5)]
    with answering(google) as google.url:
        configuration = {"resource": "projects/shop", "filter": "severity>=ERROR", "endpoint": google.url}
        connection = feeds.connect("google", configuration, credentials=google.credentials())
        told = [feeds.poll(connection), feeds.poll(connection)]
        google.entries.append(entry(7, at=feeds.clock(), jsonPayload={"message": "in JSON", "code": 7}))
        google.entries.append(entry(8, at=now - timedelta(minutes=9), textPayload="late"))
        told.append(feeds.poll(connection, after=timedelta(minutes=5)))

    assert [(one["entries"], one["error"]) for one in told] == [(5, None), (0, None), (2, None)]
    assert sorted(feeds.messages()) == ["in JSON", "late", *(f"line {number}" for number in range(5))]
    assert {one["severity"] for one in feeds.stored()} == {"ERROR"}
    assert google.asked[0]["resourceNames"] == ["projects/shop"]
    assert google.asked[0]["filter"].endswith("AND (severity>=ERROR)")


def test_a_key_that_is_none_is_told_without_a_word_of_it(feeds: Feeds) -> None:
    credentials = GoogleServer(url="http://127.0.0.1:9").credentials() | {"private_key": "-----BEGIN what?"}
    connection = feeds.connect("google", {"resource": "projects/shop"}, credentials=credentials)

    told = feeds.poll(connection)

    assert told["error"] == "the service account's private_key is no RSA key in PEM"


# Azure Monitor


@dataclass
class AzureServer:
    """Token endpoint and Log Analytics query API as Microsoft documents them; it knows the queries that we make."""

    rows: list[tuple[str, str, str, int]] = field(default_factory=list)  # time, id, message, severity level
    secret: str = "the secret"
    queries: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        if asked.path.endswith("/oauth2/v2.0/token"):
            form = parse_qs(asked.body.decode())
            if form["client_secret"] != [self.secret]:
                return json_answer({"error": "invalid_client", "error_description": "AADSTS7000215"}, status=401)
            assert form["grant_type"] == ["client_credentials"]
            return json_answer({"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ.test"})
        assert asked.headers["authorization"] == "Bearer eyJ.test"
        query = json.loads(asked.body)["query"]
        self.queries.append(query)
        [start] = re.findall(r"where TimeGenerated >= datetime\(([^)]+)\)", query)
        until = re.findall(r"where TimeGenerated <= datetime\(([^)]+)\)", query) or ["9"]
        behind = re.findall(r"TimeGenerated == datetime\(([^)]+)\) and strcmp\(tostring\(_ItemId\), '([^']+)'\)", query)
        found = [
            row for row in sorted(self.rows) if start <= row[0] <= until[0] and row[:2] > (behind or [("", "")])[0]
        ]
        [most] = re.findall(r"take (\d+)", query)
        names = {"TimeGenerated": "datetime", "_ItemId": "string", "Message": "string", "SeverityLevel": "int"}
        columns = [{"name": name, "type": kind} for name, kind in names.items()]
        return json_answer(
            {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": found[: min(int(most), 5_000)]}]}
        )


AZURE = {"workspace_id": str(UUID(int=1)), "query": "AppTraces"}
ENTRA = {"tenant_id": str(UUID(int=2)), "client_id": str(UUID(int=3)), "client_secret": "the secret"}


def test_azure_rows_of_one_moment_are_told_apart_and_paged(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oddline.streams.types.azure.PAGE", 3)
    azure = AzureServer()
    at = rfc3339(feeds.clock())
    azure.rows += [(at, f"item-{number}", f"line {number}", 2) for number in range(7)]

    with answering(azure) as url:
        connection = feeds.connect("azure", AZURE | {"endpoint": url, "login": url}, credentials=ENTRA)
        told = [feeds.poll(connection), feeds.poll(connection)]
        azure.rows.append((rfc3339(feeds.clock() - timedelta(minutes=20)), "item-9", "late", 2))
        told.append(feeds.poll(connection, after=timedelta(minutes=10)))

    assert [(one["entries"], one["error"]) for one in told] == [(7, None), (0, None), (1, None)]
    assert feeds.messages() == [*(f"line {number}" for number in range(7)), "late"]
    assert azure.queries[0].startswith("AppTraces\n| where TimeGenerated >= datetime(")


def test_a_refused_secret_is_told_in_azures_words_to_who_tries_it(feeds: Feeds) -> None:
    with answering(AzureServer(secret="another")) as url:
        connection = feeds.connect("azure", AZURE | {"endpoint": url, "login": url}, credentials=ENTRA)
        told = feeds.poll(connection)
        tried = try_connection(feeds.of(connection), feeds.context)

    assert told["error"] == f"{url}: 401"
    assert "AADSTS7000215" in tried["reason"]
    assert feeds.row(connection).state == "failing"


# A try


def test_a_try_tells_where_it_leads_and_what_comes_first_masked_and_stores_nothing(
    feeds: Feeds, bucket: Bucket
) -> None:
    connection = feeds.connect("s3", bucket.configuration, credentials=KEYS)
    bucket.put("app/1.log", lines("password=hunter2hunter2 for ada", *(f"line {number}" for number in range(9))))

    told = try_connection(feeds.of(connection), feeds.context)

    assert (told["reached"], told["reason"], told["objects"]) == (True, None, ["app/1.log"])
    assert told["place"] == f"s3://{bucket.name}/app/ in us-east-1"
    assert len(told["entries"]) == 5
    assert "hunter2" not in told["entries"][0]["message"]
    assert (feeds.messages(), feeds.row(connection).cursor, feeds.row(connection).polls) == ([], {}, 0)
    assert feeds.poll(connection)["objects"] == 1


def test_a_try_tells_the_exact_reason_why_it_reaches_nothing(feeds: Feeds) -> None:
    connection = feeds.connect("s3", {"region": REGION, "bucket": "there-is-none-such"}, credentials=KEYS)

    told = try_connection(feeds.of(connection), feeds.context)

    assert told["reached"] is False
    assert "NoSuchBucket" in told["reason"]
