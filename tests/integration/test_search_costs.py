"""A search opens only what may hold what is asked for, counts all of it where asked to, and tells what it cost."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, Archive

from oddline.chunks.retention import drop_pattern_days
from oddline.database import Database
from oddline.entries import EntryQuery
from oddline.errors import InvalidParameter
from oddline.settings import Side

DAY = timedelta(days=1)
CHUNKS = 6


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


@pytest.fixture
def small_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has each chunk that is merged be an object of its own row groups, with its filter in it."""
    monkeypatch.setattr("oddline.chunks.codec.ROW_GROUP_ROWS", 50)
    monkeypatch.setattr("oddline.chunks.merging.LARGEST_ROW_FILTER", 0)


def fill(archive: Archive) -> None:
    for number in range(CHUNKS):
        archive.store(
            scored_frame(
                50,
                timestamp=NOON + timedelta(minutes=number),
                message=[f"took order-{number}-{line} from 10.0.{number}.{line}" for line in range(50)],
                trace_id=f"{number:032x}",
                attributes=f'{{"customer":"c-{number}","ip":"10.1.{number}.7"}}',
            )
        )


ASKED = {
    "word": EntryQuery(words=("order-3-7",)),
    "address": EntryQuery(words=("10.0.3.7",)),
    "within a text": EntryQuery(text="took order-3-7 from"),
    "trace": EntryQuery(trace_id=f"{3:032x}"),
    "attribute": EntryQuery(attributes=(("customer", "c-3"),)),
    "address as an attribute": EntryQuery(attributes=(("ip", "10.1.3.7"),)),
}


@pytest.mark.parametrize("state", ["born", "merged"])
def test_of_chunks_without_a_word_none_is_opened(archive: Archive, small_objects: None, state: str) -> None:
    fill(archive)
    if state == "merged":
        archive.compact(now=TOMORROW + DAY)

    pages = {name: archive.page(query) for name, query in ASKED.items()}

    assert {name: page.cost["chunks_opened"] for name, page in pages.items()} == dict.fromkeys(ASKED, 1)
    assert {page.cost["chunks_skipped"]["words"] for page in pages.values()} == {CHUNKS - 1}
    assert {name: len(page.entries) for name, page in pages.items()} == {
        "word": 1, "address": 1, "within a text": 1, "trace": 50, "attribute": 50,
        "address as an attribute": 50,
    }  # fmt: skip


def test_an_object_with_its_filter_is_parquet_that_anything_reads(archive: Archive, small_objects: None) -> None:
    fill(archive)
    archive.compact(now=TOMORROW + DAY)
    (info,) = archive.objects.list("chunks/")

    read = pl.read_parquet(io.BytesIO(archive.objects.get(info.key)))

    assert read.height == CHUNKS * 50
    with archive.worker.transaction() as tx:
        ((filter_bytes,),) = tx.execute(
            "SELECT length(token_filter) FROM compacted_chunks WHERE replaced_by IS NULL"
        ).fetchall()
    assert filter_bytes == 8


def test_chunks_that_bear_no_filter_yet_are_opened(archive: Archive) -> None:
    fill(archive)
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET token_filter = NULL")
        tx.execute("UPDATE hot_chunks SET token_filter = '\\x02' || substring(blob FOR 99) WHERE ctid = '(0,1)'")

    page = archive.page(ASKED["word"])

    assert (len(page.entries), page.cost["chunks_opened"]) == (1, CHUNKS)


def test_each_answer_tells_why_chunks_were_left_alone(archive: Archive) -> None:
    fill(archive)
    archive.store(scored_frame(5, source_id=2, source="source-2", pattern_id=2, severity_number=17, score=0.5))
    asked = {
        "source": EntryQuery(sources=("source-2",)),
        "severity": EntryQuery(severity_minimum=17),
        "score": EntryQuery(score_minimum=0.4),
        "pattern": EntryQuery(pattern_id=2),
    }

    costs = {why: archive.page(query).cost for why, query in asked.items()}

    assert {why: cost["chunks_skipped"] for why, cost in costs.items()} == {why: {why: CHUNKS} for why in asked}
    assert {cost["metadata_rows"] for cost in costs.values()} == {CHUNKS + 1}
    assert {cost["entries_scanned"] for cost in costs.values()} == {5}


def test_a_rare_pattern_is_found_by_its_index_and_another_by_the_rows_of_chunks(archive: Archive) -> None:
    for number in range(40):
        frame = scored_frame(2, pattern_id=[1, 2 + number], source_id=1 + number % 5, timestamp=NOON)
        archive.store(frame)
        if number % 20 == 19:
            archive.compact(now=NOON + timedelta(hours=1))
    patterns = {"rare": 7, "common": 1, "unheard of": 99}

    pages = {name: archive.page(EntryQuery(pattern_id=pattern)) for name, pattern in patterns.items()}

    assert {name: len(page.entries) for name, page in pages.items()} == {"rare": 1, "common": 40, "unheard of": 0}
    assert {name: page.cost["metadata_rows"] for name, page in pages.items()} == {
        "rare": 1,
        "common": 2,
        "unheard of": 0,
    }


def test_the_index_of_a_day_goes_when_no_project_keeps_entries_of_it(archive: Archive) -> None:
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE projects SET retention_days = 30 WHERE id = %s", [archive.project])

    kept = drop_pattern_days(archive.worker, now=NOON + timedelta(days=28))
    dropped = drop_pattern_days(archive.worker, now=NOON + timedelta(days=31))

    assert (kept, dropped) == (0, 3)


@pytest.mark.parametrize("compacted", [False, True])
def test_facets_count_everything_that_is_asked_for_whatever_the_page_holds(archive: Archive, compacted: bool) -> None:
    archive.store(scored_frame(30, severity_number=17))
    archive.store(scored_frame(20, timestamp=NOON - timedelta(hours=30), source_id=2, source="source-2"))
    if compacted:
        archive.compact(now=TOMORROW + DAY)

    facets = archive.page(EntryQuery(text="request"), limit=3, facets=True).facets

    assert facets is not None
    assert {name: told(facets[name]) for name in ("severity", "source", "hour")} == {
        "severity": {"ERROR": 30, "INFO": 20},
        "source": {"checkout": 30, "source-2": 20},
        "hour": {hour(NOON): 30, hour(NOON - timedelta(hours=30)): 20},
    }
    assert (facets["entries"], facets["complete"], facets["counted_until"]) == (50, True, None)


def test_facets_out_of_time_say_how_far_they_go(archive: Archive) -> None:
    for hours in range(12):
        archive.store(scored_frame(10, timestamp=NOON - timedelta(hours=hours)))
    now = iter(range(0, 10**6, 2))

    facets = archive.page(EntryQuery(), limit=1, facets=True, stopwatch=lambda: float(next(now))).facets

    assert facets is not None
    assert not facets["complete"]
    until = datetime.fromisoformat(facets["counted_until"])
    younger = sum(frame.filter(pl.col("timestamp") >= until).height for frame in archive.frames)
    assert 0 < younger <= facets["entries"] < 120


@pytest.mark.parametrize("regex", ["(", "(?<=a)b", "(a{1000}){1000}", "[[:nope:]]"])
def test_an_expression_that_is_none_is_refused_by_name(archive: Archive, regex: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        archive.page(EntryQuery(regex=regex))

    assert refused.value.extra == {"field": "regex"}


def told(pairs: list[dict[str, Any]]) -> dict[str, int]:
    return {pair["value"]: pair["entries"] for pair in pairs}


def hour(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:00:00.000000Z"))
