"""Pages of entries are what a sort of everything would give, hot and compacted alike."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, WEEKEND, Archive, ids, random_frame

from oddline.chunks import build, insert_born
from oddline.chunks.codec import ROW_GROUP_ROWS
from oddline.chunks.compaction import clear_replaced
from oddline.database import Database
from oddline.entries import EntryQuery, list_entries
from oddline.entries.scan import BUDGET_S
from oddline.errors import ChunkMissing, CorruptBody, InvalidParameter
from oddline.objects import FolderObjects
from oddline.settings import Side
from oddline.submissions import new_id

pytestmark = pytest.mark.both_postgres
EVERYTHING = EntryQuery()
DAY = timedelta(days=1)


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


@pytest.fixture
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives merged chunks many row groups, and their objects their filters, as large ones have."""
    monkeypatch.setattr("oddline.chunks.codec.ROW_GROUP_ROWS", 10)
    monkeypatch.setattr("oddline.chunks.merging.LARGEST_ROW_FILTER", 100)


times = st.one_of(st.none(), st.integers(-900, 900).map(lambda minutes: NOON + timedelta(minutes=minutes)))
nothing = st.just(None)
ages = st.sampled_from([0, 0, 0, 1, 20])  # in years
WORDS = (
    "full",
    "sda1",
    "sda",
    "/dev/sda2",
    "10.0.3.4",
    "0.7",
    "BLK_-16012",
    "1605",
    "in",
    "sky",
    "ÉTÉ",
    "3→4",
    "%",
    "unheard-of",
)
PAIRS = (
    ("host", "web-3"),
    ("host", "WEB-3"),
    ("user.id", "7"),
    ("ok", "true"),
    ("a.b", 'x"y 2'),
    ("size", "2.5"),
    ("x", "y"),
)
queries = st.builds(
    lambda moments, **others: (
        EntryQuery(time_from=min(moments), time_to=max(moments), **others)
        if None not in moments
        else EntryQuery(time_from=moments[0], time_to=moments[1], **others)
    ),
    moments=st.tuples(times, times),
    sources=st.lists(st.sampled_from(["source-1", "source-2", "source-3", "unheard-of"]), max_size=2).map(tuple),
    severity_minimum=st.one_of(st.none(), st.sampled_from([0, 9, 14, 24])),
    severities=st.lists(st.sampled_from([0, 9, 13, 17]), max_size=2).map(tuple),
    score_minimum=st.one_of(st.none(), st.sampled_from([0.0, 0.5, 0.9, 1.0])),
    is_anomaly=st.one_of(st.none(), st.booleans()),
    pattern_id=st.one_of(st.none(), st.integers(1, 5)),
    text=st.one_of(nothing, st.sampled_from(["full", "LOGGED", "été (", "%", ".", "k 10.0", "of BLK_-1601", "a sky"])),
    words=st.lists(st.sampled_from(WORDS), max_size=1).map(tuple),
    regex=st.one_of(nothing, st.sampled_from([r"\d{2}\.0\.[12]", "^user", "(sda|blk)"])),
    attributes=st.lists(st.sampled_from(PAIRS), max_size=1).map(tuple),
    trace_id=st.one_of(nothing, st.sampled_from(["0a" * 16, "0f" * 16])),
    span_id=st.one_of(nothing, nothing, st.just("0c" * 8)),
    session=st.one_of(nothing, st.sampled_from(["s-1", "s 2/é"])),
)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
    database=None,
)
@given(
    seeds=st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from([1, 1, 3, 40, 150]), ages), min_size=1, max_size=8),
    compacted=st.integers(1, 8),
    asked=st.lists(st.tuples(queries, st.integers(3, 60)), min_size=3, max_size=5),
)
def test_pages_equal_a_sort_of_everything(
    archive: Archive,
    small_row_groups: None,
    seeds: list[tuple[int, int, int]],
    compacted: int,
    asked: list[tuple[EntryQuery, int]],
) -> None:
    with archive.worker.transaction() as tx:
        tx.execute("DELETE FROM hot_chunks")
        tx.execute("DELETE FROM compacted_chunks")
    archive.frames.clear()
    for number, (seed, count, years) in enumerate(seeds):
        frame = random_frame(seed, count=count)
        archive.store(frame.with_columns(pl.col("timestamp") - timedelta(days=365 * years)))
        if number + 1 == compacted:
            archive.compact()

    for query, limit in [(EVERYTHING, 40), *asked]:
        assert archive.read(query, limit=limit) == archive.expected(query)
    with archive.while_merging(lambda: [archive.read(query, limit=limit) for query, limit in asked]) as answers:
        archive.compact()

    expected = [archive.expected(query) for query, _ in asked]
    assert all(answer == expected for answer in answers)
    assert [archive.read(query, limit=limit) for query, limit in asked] == expected


@pytest.mark.parametrize("compacted", [False, True])
def test_equal_timestamps_are_ordered_by_id_across_chunks(archive: Archive, compacted: bool) -> None:
    for _ in range(6):
        archive.store(scored_frame(5, timestamp=NOON))
    if compacted:
        archive.compact()

    read = archive.read(EVERYTHING, limit=4)

    assert read == archive.expected(EVERYTHING) == sorted(read, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        EVERYTHING,
        EntryQuery(sources=("source-2",)),
        EntryQuery(sources=("source-3",)),
        EntryQuery(time_to=NOON - timedelta(hours=1)),
        EntryQuery(time_from=NOON - timedelta(hours=7), time_to=NOON - timedelta(hours=1)),
    ],
)
def test_no_entry_of_a_merged_chunk_is_lost_below_a_gap_in_its_times(
    archive: Archive, small_row_groups: None, query: EntryQuery
) -> None:
    for hours, number in [(0, 1), (5, 2), (5, 3), (10, 2)]:
        moment = NOON - timedelta(hours=hours)
        archive.store(scored_frame(30, timestamp=moment, source_id=number, source=f"source-{number}"))
    archive.compact(now=TOMORROW + DAY)

    read = archive.read(query, limit=20)

    assert read == archive.expected(query)


def test_real_row_groups_with_a_gap_between_them_are_read_to_their_end(archive: Archive) -> None:
    for base, number in [(NOON, 1), (NOON - timedelta(hours=6), 1), (NOON - timedelta(hours=6), 2)]:
        times = [base + timedelta(milliseconds=line) for line in range(ROW_GROUP_ROWS)]
        for half in (times[: ROW_GROUP_ROWS // 2], times[ROW_GROUP_ROWS // 2 :]):
            columns = {"source_id": number, "source": f"source-{number}", "message": ""}
            archive.store(scored_frame(len(half), timestamp=half, **columns))
    archive.compact(now=TOMORROW + DAY)
    query = EntryQuery(sources=("source-2",))

    pages = archive.pages(query, limit=1_000)

    assert sum(len(page.entries) for page in pages) == ROW_GROUP_ROWS


def test_the_first_page_opens_only_the_chunks_that_it_needs(archive: Archive) -> None:
    for hour in range(10):
        archive.store(scored_frame(50, timestamp=NOON + timedelta(minutes=hour)))

    page = archive.page(EVERYTHING, limit=20)

    assert len(page.entries) == 20
    assert page.cost["chunks_opened"] == 1
    assert page.cost["chunks_considered"] == 10


def test_chunks_that_cannot_hold_what_is_asked_are_not_opened(archive: Archive) -> None:
    archive.store(scored_frame(3, source_id=1, pattern_id=1, score=0.1, severity_number=9))
    archive.store(scored_frame(3, source_id=2, source="source-2", pattern_id=2, score=0.9, severity_number=17))

    asked = [
        EntryQuery(sources=("source-2",)),
        EntryQuery(pattern_id=2),
        EntryQuery(score_minimum=0.9),
        EntryQuery(severity_minimum=13),
        EntryQuery(severities=(17, 18)),
    ]

    pages = [archive.page(query) for query in asked]
    assert [page.cost["chunks_opened"] for page in pages] == [1] * len(asked)
    assert all(len(page.entries) == 3 for page in pages)


def test_the_last_page_has_no_next(archive: Archive) -> None:
    archive.store(scored_frame(5))

    pages = archive.pages(EVERYTHING, limit=5)

    assert sum(len(page.entries) for page in pages) == 5
    assert archive.page(EVERYTHING, limit=6).next is None


def test_a_merge_between_two_pages_changes_nothing(archive: Archive) -> None:
    for _ in range(4):
        archive.store(scored_frame(30))
    first = archive.page(EVERYTHING, limit=50)

    archive.compact()
    second = archive.page(EVERYTHING, after=first.next, limit=100)

    assert ids(first.entries) + ids(second.entries) == archive.expected(EVERYTHING)


def test_what_is_older_than_the_position_is_found_though_it_came_later(archive: Archive) -> None:
    archive.store(scored_frame(10))
    first = archive.page(EVERYTHING, limit=5)

    archive.store(scored_frame(1, timestamp=NOON - timedelta(days=3)))
    second = archive.page(EVERYTHING, after=first.next, limit=100)

    assert len(second.entries) == 6


def test_entries_of_another_age_are_found(archive: Archive) -> None:
    archive.store(scored_frame(3, timestamp=NOON - 20 * WEEKEND))

    assert len(archive.read(EVERYTHING)) == 3


def test_no_entry_of_another_project_is_shown(archive: Archive, other_project: UUID) -> None:
    with archive.worker.transaction() as tx:
        insert_born(tx, build(scored_frame(5), project=other_project, now=NOON, new_id=new_id))

    assert archive.read(EVERYTHING) == []


def test_an_unheard_of_source_has_no_entries(archive: Archive) -> None:
    archive.store(scored_frame(5))

    page = archive.page(EntryQuery(sources=("nobody",)))

    assert (list(page.entries), page.next) == ([], None)


def test_what_is_past_its_retention_is_hidden_before_it_is_deleted(archive: Archive) -> None:
    archive.store(scored_frame(5))
    archive.store(scored_frame(4, timestamp=NOON + timedelta(days=1), received_at=NOON + timedelta(days=1)))
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE projects SET retention_days = 1")

    shown = [
        len(
            list_entries(
                EVERYTHING,
                db=archive.search,
                objects=archive.objects,
                project=archive.project,
                now=NOON + timedelta(days=days),
            ).entries
        )
        for days in (1, 2, 3)
    ]

    assert shown == [9, 4, 0]


def test_a_search_out_of_time_says_how_far_it_came_and_goes_on_from_there(archive: Archive) -> None:
    for hour in range(12):
        archive.store(scored_frame(20, timestamp=NOON - timedelta(hours=hour)))
    now = iter(range(0, 10**6, 6))
    query = EntryQuery(text="request 19 ")

    pages = archive.pages(query, limit=1_000, stopwatch=lambda: float(next(now)))

    assert BUDGET_S < 12
    assert len(pages) > 3
    assert all(len(page.entries) < 1_000 for page in pages)
    assert all(page.searched_until is not None for page in pages[:-1])
    assert ids(entry for page in pages for entry in page.entries) == archive.expected(query)


def test_chunks_of_one_timestamp_are_searched_to_their_end_whatever_the_time(archive: Archive) -> None:
    for _ in range(40):
        archive.store(scored_frame(120, timestamp=NOON))
    now = iter(range(0, 10**6, 60))

    read = archive.read(EVERYTHING, limit=1_000, stopwatch=lambda: float(next(now)))

    assert read == archive.expected(EVERYTHING)


def test_text_is_found_whatever_its_case_and_signs(archive: Archive) -> None:
    archive.store(scored_frame(3, message=["a.b (c)", "axb (c)", "ÀÉ Straße"]))

    found = {
        text: len(archive.page(EntryQuery(text=text)).entries) for text in ["A.B (", "àé sTRASSE", "àé sTRAßE", "("]
    }

    assert found == {"A.B (": 1, "àé sTRASSE": 0, "àé sTRAßE": 1, "(": 2}


NAMES = (
    "C:\\dir",
    "ends in \\",
    "\\",
    "it's",
    "''",
    "a','b",
    '"',
    "['a']",
    "$",
    "*",
    "a[0]",
    "\n\x1b",
    "é\U0001f600",
    "x" * 900,
)


@pytest.mark.parametrize("count", [3, 150])
def test_an_attribute_is_found_whatever_its_name_holds(archive: Archive, count: int) -> None:
    attributes = [{name: "y"} for name in NAMES] + [{"a": {name: 7}} for name in NAMES] + [{"a": {"b": "y"}, "b": "y"}]
    for one in attributes:
        archive.store(scored_frame(count, attributes=orjson.dumps(one).decode()))

    for query in [
        EntryQuery(attributes=(asked,)) for name in NAMES for asked in ((name, "y"), (f"a.{name}", "7"), (name, "z"))
    ]:
        assert archive.read(query, limit=1_000) == archive.expected(query), query


def test_a_missing_object_is_an_error_and_never_a_shorter_page(archive: Archive) -> None:
    archive.store(scored_frame(500))
    archive.compact(now=TOMORROW + timedelta(days=1))
    for info in list(archive.objects.list("")):
        archive.objects.delete(info.key)

    with pytest.raises(ChunkMissing):
        archive.page(EVERYTHING)


def test_what_is_merged_and_deleted_while_a_page_is_read_is_read_from_where_it_went(archive: Archive) -> None:
    for _ in range(2):
        archive.store(scored_frame(6_000, message=[f"{uuid4()} {uuid4()}" for _ in range(6_000)]))
    archive.compact(now=NOON + timedelta(hours=1))
    late = NOON + timedelta(days=2)
    moves = iter([lambda: (archive.compact(now=late), clear_replaced(archive.worker, archive.objects, now=late + DAY))])

    class Moving(FolderObjects):
        def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
            next(moves, lambda: None)()
            return super().get(key, start=start, end=end)

    archive.objects = Moving(archive.objects._root)

    page = archive.page(EVERYTHING, limit=1_000)

    assert ids(page.entries) == archive.expected(EVERYTHING)[:1_000]


def test_an_object_of_another_project_is_refused(archive: Archive) -> None:
    archive.store(scored_frame(500))
    archive.compact(now=TOMORROW + timedelta(days=1))
    (info,) = archive.objects.list("")
    archive.objects.put(info.key, archive.objects.get(info.key), metadata={"project": str(uuid4())})

    with pytest.raises(CorruptBody):
        archive.page(EVERYTHING)


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "_" * 32, "f" * 400])
def test_a_cursor_that_was_not_given_is_refused_by_name(archive: Archive, cursor: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        archive.page(EVERYTHING, after=cursor)

    assert refused.value.extra == {"field": "after"}


def test_an_entry_is_shown_in_full(archive: Archive) -> None:
    frame = scored_frame(1, attributes='{"user": {"id": 7}}', trace_id="ab" * 16, session="s-1", nearest_pattern=4)
    archive.store(frame)

    (entry,) = archive.page(EVERYTHING).entries

    assert entry["timestamp"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert entry["attributes"] == {"user": {"id": 7}}
    assert (entry["trace_id"], entry["span_id"], entry["session"]) == ("ab" * 16, None, "s-1")
    assert (entry["anomaly_score"], entry["threshold"], entry["status"]) == (0.25, 0.9, "analyzed")
