"""Entries as a project's callers list them, filtered and page by page."""

import base64
import struct
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from reading import Databases, client_with_key, key_of, refusal
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient

from functions.search.app import router
from oddline.chunks import build, insert_born
from oddline.identity import Scope
from oddline.patterns import ensure_sources
from oddline.submissions import new_id

PATH = "/api/v1/logs"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"limit": "0"}, "limit"),
    ({"limit": "1001"}, "limit"),
    ({"limit": "10001"}, "limit"),
    ({"limit": "-1"}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"from": "yesterday"}, "from"),
    ({"from": "2026-11-05T08:15:30"}, "from"),
    ({"to": ""}, "to"),
    ({"from": "2026-11-05T08:00:00Z", "to": "2026-11-04T08:00:00Z"}, "to"),
    ({"severity": "LOUD"}, "severity"),
    ({"severity": "25"}, "severity"),
    ({"severity": "-1"}, "severity"),
    ({"severity": ["ERROR", ""]}, "severity"),
    ({"minimum_severity": "LOUD"}, "minimum_severity"),
    ({"minimum_score": "1.1"}, "minimum_score"),
    ({"minimum_score": "nan"}, "minimum_score"),
    ({"is_anomaly": "perhaps"}, "is_anomaly"),
    ({"pattern": "-1"}, "pattern"),
    ({"pattern": "2147483648"}, "pattern"),
    ({"pattern": "9" * 4_000}, "pattern"),
    ({"text": ""}, "text"),
    ({"text": "a\0b"}, "text"),
    ({"text": "x" * 1_001}, "text"),
    ({"source": ""}, "source.0"),
    ({"source": ["cart", "a\0b"]}, "source.1"),
    ({"source": "x" * 201}, "source.0"),
    ({"after": "garbage"}, "after"),
    ({"after": "ü"}, "after"),
    ({"after": "x" * 5_000}, "after"),
    ({"after": "_" * 32}, "after"),
]


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may read."""
    with client_with_key(
        "search", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.READ]
    ) as client:
        yield client


def put(db: Databases, project: UUID, entries: pl.DataFrame) -> None:
    with db("worker").transaction() as tx:
        insert_born(tx, build(entries, project=project, now=NOON, new_id=new_id))


def put_messages(db: Databases, project: UUID, messages: list[str], **columns: Any) -> None:
    put(db, project, scored_frame(len(messages), message=messages, **columns))


def messages(client: TestClient, **parameters: Any) -> list[str]:
    """The messages of all pages."""
    listed: list[str] = []
    while True:
        answer = client.get(PATH, params=parameters)
        assert answer.status_code == 200, answer.text
        listed += [entry["message"] for entry in answer.json()["entries"]]
        if "next" not in answer.json():
            return listed
        parameters["after"] = answer.json()["next"]


def test_without_entries_the_page_is_empty_and_the_last(client: TestClient) -> None:
    page = client.get(PATH).json()

    assert page["entries"] == []
    assert "next" not in page
    assert page["cost"]["chunks_opened"] == 0


def test_an_entry_is_told_with_its_score(db: Databases, client: TestClient, project: UUID) -> None:
    put(
        db,
        project,
        scored_frame(1, message="refused", severity_text="ERROR", severity_number=17, score=0.97, is_anomaly=True),
    )

    (entry,) = client.get(PATH).json()["entries"]

    assert (entry["message"], entry["severity"], entry["source"]) == ("refused", "ERROR", "checkout")
    assert (entry["anomaly_score"], entry["is_anomaly"], entry["model_version"]) == (0.97, True, "general-6")
    assert entry["timestamp"].endswith("Z")


def test_pages_go_from_the_newest_to_the_oldest_without_repetition(
    db: Databases, client: TestClient, project: UUID
) -> None:
    numbered = [str(number) for number in range(250)]
    put_messages(db, project, numbered)

    listed = messages(client, limit=60)

    assert listed == numbered[::-1]


def test_a_page_that_lambda_would_not_let_through_is_cut(db: Databases, client: TestClient, project: UUID) -> None:
    large = [f"{number} " + "x" * 200_000 for number in range(60)]
    put_messages(db, project, large)

    first = client.get(PATH, params={"limit": 1_000})

    assert 1 < len(first.json()["entries"]) < 60
    assert len(first.content) < 6_000_000
    assert messages(client, limit=1_000) == large[::-1]


def test_entries_are_filtered_by_time(db: Databases, client: TestClient, project: UUID) -> None:
    put_messages(db, project, ["a", "b", "c", "d"])

    between = messages(
        client, **{"from": (NOON + timedelta(seconds=1)).isoformat(), "to": (NOON + timedelta(seconds=3)).isoformat()}
    )

    assert between == ["c", "b"]


def test_the_ends_of_the_calendar_are_times_like_others(db: Databases, client: TestClient, project: UUID) -> None:
    put_messages(db, project, ["a"])

    for beginning in ("0001-01-01T00:00:00+14:00", "1600-01-01T00:00:00Z"):
        assert messages(client, **{"from": beginning}) == ["a"]
        assert messages(client, to=beginning) == []
    for end in ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00"):
        assert messages(client, **{"from": end}) == []
        assert messages(client, to=end) == ["a"]


def test_entries_are_filtered_by_sources(db: Databases, client: TestClient, project: UUID) -> None:
    with db("worker").transaction() as tx:
        sources = ensure_sources(tx, project, names=["cart", "checkout", "zoo/é"], now=NOON)
    for source in sources:
        put_messages(db, project, [f"of {source.name}"], source=source.name, source_id=source.id)

    assert set(messages(client, source=["cart", "zoo/é"])) == {"of cart", "of zoo/é"}
    assert messages(client, source="nowhere") == []


def test_entries_are_filtered_by_their_severity(db: Databases, client: TestClient, project: UUID) -> None:
    named = {"notice": 10, "warn": 13, "error": 17, "critical": 18, "fatal": 21}
    put_messages(db, project, list(named), severity_number=list(named.values()))

    for severity in ("error", "ERROR", "err"):
        assert messages(client, severity=severity) == ["critical", "error"]
    assert messages(client, severity="17") == ["error"]
    assert messages(client, severity="critical") == ["critical"]
    assert messages(client, severity=["info", "fatal"]) == ["fatal", "notice"]
    for severity in ("WARN", "warning", "13"):
        assert messages(client, minimum_severity=severity) == ["fatal", "critical", "error", "warn"]
    assert messages(client, severity="error", minimum_severity="critical") == ["critical"]


def test_entries_are_filtered_by_score_and_anomaly(db: Databases, client: TestClient, project: UUID) -> None:
    put_messages(db, project, ["low", "high", "odd"], score=[0.1, 0.5, 0.9], is_anomaly=[False, False, True])

    assert messages(client, minimum_score=0.5) == ["odd", "high"]
    assert messages(client, is_anomaly="true") == ["odd"]
    assert messages(client, is_anomaly="false") == ["high", "low"]


def test_a_score_too_small_for_single_precision_is_none(db: Databases, client: TestClient, project: UUID) -> None:
    put_messages(db, project, ["a", "b"], score=[0.0, 0.1])

    assert messages(client, minimum_score=1e-310) == ["b", "a"]


def test_entries_are_filtered_by_pattern_and_text(db: Databases, client: TestClient, project: UUID) -> None:
    put_messages(db, project, ["Disk full (95.0%)", "disk fine", "cart"], pattern_id=[7, 8, 7])

    assert messages(client, pattern=7) == ["cart", "Disk full (95.0%)"]
    assert messages(client, text="disk") == ["disk fine", "Disk full (95.0%)"]
    assert messages(client, text="(95.0%)") == ["Disk full (95.0%)"]
    assert messages(client, text="disk", pattern=7) == ["Disk full (95.0%)"]


def test_another_project_s_entries_are_not_listed(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    put_messages(db, other_project, ["theirs"])
    put_messages(db, project, ["ours"])

    assert messages(client) == ["ours"]


def test_a_wrong_parameter_is_named(client: TestClient) -> None:
    answers = [client.get(PATH, params=parameters) for parameters, _ in WRONG]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", field) for _, field in WRONG]


def test_a_forged_cursor_at_the_ends_of_time_does_no_harm(client: TestClient) -> None:
    ends = [
        struct.pack(">q16s", microseconds, b"\xff" * 16)
        for microseconds in (-(2**63), -62_135_596_800_000_000, 253_402_300_799_999_999, 2**63 - 1)
    ]

    answers = [client.get(PATH, params={"after": base64.urlsafe_b64encode(end).decode()}) for end in ends]

    assert {answer.status_code for answer in answers} <= {200, 422}


def test_an_unknown_parameter_is_named(client: TestClient) -> None:
    answer = client.get(PATH, params={"sverity": "error", "limit": 1, "attr.host": "web-3"})

    assert refusal(answer) == (422, "unknown-parameter", "sverity")


def test_only_a_key_that_may_read_lists(db: Databases, client: TestClient, project: UUID) -> None:
    without = client.get(PATH, headers={"Authorization": ""})
    submitting = client.get(PATH, headers=key_of(db, project, Scope.INGEST))

    assert refusal(without)[:2] == (401, "unauthenticated")
    assert refusal(submitting)[:2] == (403, "forbidden")
