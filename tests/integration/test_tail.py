"""A client that polls the tail sees every entry once, whatever commits late and whatever is merged meanwhile."""

import base64
import random
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, Archive, ids

from oddline.chunks import HOT_DAYS, build, insert_born
from oddline.database import Database
from oddline.entries import EntryQuery, Tail, entry_view, read_tail
from oddline.errors import Gone, InvalidParameter
from oddline.settings import Side
from oddline.submissions import new_id

EVERYTHING = EntryQuery()


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def poll(archive: Archive, after: str | None, query: EntryQuery = EVERYTHING, **options: Any) -> Tail:
    return read_tail(
        query,
        db=archive.search,
        objects=archive.objects,
        project=archive.project,
        **{"now": NOON, "after": after, "limit": 7} | options,
    )


def rest(archive: Archive, after: str, query: EntryQuery = EVERYTHING) -> Iterator[Tail]:
    caught_up = False
    while not caught_up:
        tail = poll(archive, after, query)
        yield tail
        after, caught_up = tail.next, tail.caught_up


def read(tails: Iterator[Tail]) -> list[str]:
    return [entry for tail in tails for entry in ids(tail.entries)]


def of(*frames: pl.DataFrame) -> list[str]:
    return ids(entry_view(row) for frame in frames for row in frame.iter_rows(named=True))


def test_it_begins_at_the_end_and_gives_what_comes_then_in_its_order(archive: Archive) -> None:
    archive.store(scored_frame(3))
    begun = poll(archive, None)

    new = [scored_frame(count) for count in (1, 20, 130)]
    for frame in new:
        archive.store(frame)

    assert (list(begun.entries), begun.caught_up) == ([], True)
    assert read(rest(archive, begun.next)) == of(*new)


def test_a_chunk_that_commits_after_a_later_one_is_neither_missed_nor_are_others_seen_twice(archive: Archive) -> None:
    after = poll(archive, None).next
    slow, quick, last = (scored_frame(5) for _ in range(3))
    wrote, may_commit = threading.Event(), threading.Event()

    def commit_late() -> None:
        with archive.worker.transaction() as tx:
            insert_born(tx, build(slow, project=archive.project, now=NOON, new_id=new_id))
            wrote.set()
            may_commit.wait(timeout=60)

    thread = threading.Thread(target=commit_late)
    thread.start()
    wrote.wait(timeout=60)
    archive.store(quick)
    while_open = list(rest(archive, after))
    may_commit.set()
    thread.join()
    archive.store(last)
    behind = read(rest(archive, while_open[-1].next))

    assert sorted(read(iter(while_open)) + behind) == sorted(of(slow, quick, last))


def test_merges_between_two_polls_change_nothing(archive: Archive) -> None:
    after = poll(archive, None).next
    frames = [scored_frame(30) for _ in range(4)]
    for frame in frames:
        archive.store(frame)
    first = poll(archive, after)

    merged = archive.compact(now=TOMORROW)
    seen = ids(first.entries) + read(rest(archive, first.next))

    assert merged.chunks_replaced >= 4
    assert seen == of(*frames)


@pytest.mark.parametrize("limit", [1, 2, 1_000])
def test_what_is_not_asked_for_is_passed_over_once(archive: Archive, limit: int) -> None:
    after = poll(archive, None).next
    frame = scored_frame(
        6,
        source_id=[1, 2, 1, 2, 1, 1],
        source=[f"source-{number}" for number in (1, 2, 1, 2, 1, 1)],
        score=[0.1, 0.9, 0.9, 0.1, 0.9, 0.9],
        severity_number=[9, 9, 17, 9, 17, 9],
        message=["a", "b", "Lost it", "d", "e", "lost it"],
    )
    archive.store(frame)
    asked = {
        EntryQuery(sources=("source-2",)): [1, 3],
        EntryQuery(score_minimum=0.9): [1, 2, 4, 5],
        EntryQuery(severity_minimum=17): [2, 4],
        EntryQuery(text="lost"): [2, 5],
        EntryQuery(sources=("unheard-of",)): [],
    }

    for query, places in asked.items():
        seen, cursor, caught_up = [], after, False
        while not caught_up:
            tail = poll(archive, cursor, query, limit=limit)
            cursor, caught_up = tail.next, tail.caught_up
            seen += ids(tail.entries)
        assert seen == [of(frame)[place] for place in places]


def test_an_answer_that_is_cut_goes_on_behind_its_last_entry(archive: Archive) -> None:
    after = poll(archive, None).next
    frames = [scored_frame(3), scored_frame(4)]
    for frame in frames:
        archive.store(frame)
    whole = poll(archive, after)

    parts = [whole.cut(count) for count in (2, 3, 5, 7)]

    for part in parts:
        assert ids(part.entries) + read(rest(archive, part.next)) == of(*frames)
    assert [part.caught_up for part in parts] == [False, False, False, whole.caught_up]


def test_seconds_back_is_from_what_was_scored_since(archive: Archive) -> None:
    archive.store(scored_frame(3))

    tails = {after: len(poll(archive, after, now=NOON + timedelta(minutes=1)).entries) for after in ("30", "90", "0")}

    assert tails == {"30": 0, "90": 3, "0": 0}


def test_a_cursor_older_than_the_hot_days_is_gone(archive: Archive) -> None:
    after = poll(archive, None).next

    kept = poll(archive, after, now=NOON + timedelta(days=HOT_DAYS))
    with pytest.raises(Gone):
        poll(archive, after, now=NOON + timedelta(days=HOT_DAYS + 1))

    assert list(kept.entries) == []


def test_a_cursor_lives_as_long_as_what_comes_next_not_as_long_as_it_is_used(archive: Archive) -> None:
    begun = poll(archive, None).next
    frame = scored_frame(30)
    archive.store(frame)
    last_day = NOON + timedelta(days=HOT_DAYS)

    cursors = [poll(archive, begun, now=last_day).next]
    cursors.append(poll(archive, cursors[0], now=last_day).cut(2).next)

    assert ids(poll(archive, cursors[1], now=last_day).entries) == of(frame)[9:16]
    for cursor in cursors:
        with pytest.raises(Gone):
            poll(archive, cursor, now=last_day + timedelta(days=1))


def test_who_has_caught_up_with_old_entries_may_ask_again_days_later(archive: Archive) -> None:
    begun = poll(archive, None).next
    archive.store(scored_frame(3))
    last_day = NOON + timedelta(days=HOT_DAYS)

    caught_up = poll(archive, begun, now=last_day)
    later = poll(archive, caught_up.next, now=last_day + timedelta(days=HOT_DAYS))

    assert (len(caught_up.entries), caught_up.caught_up, list(later.entries)) == (3, True, [])


def test_what_was_scored_days_late_is_read_on_from_page_to_page(archive: Archive) -> None:
    begun = poll(archive, None).next
    scored_at = NOON + timedelta(days=HOT_DAYS + 2)
    frame = scored_frame(20, analyzed_at=scored_at)
    archive.store(frame)

    first = poll(archive, begun, now=NOON + timedelta(days=HOT_DAYS))
    second = poll(archive, first.next, now=scored_at)

    assert ids(first.entries) + ids(second.entries) == of(frame)[:14]


def test_whatever_a_forged_cursor_holds_it_is_read_or_refused(archive: Archive) -> None:
    archive.store(scored_frame(3))
    chance = random.Random(4)
    at_now = [struct.pack(">I", int(NOON.timestamp())), b"\0\0\0\0" * 7, b"\0\0\0\0", b"\0\0\0\1"]
    forged = [b"".join([at_now[0], at_now[1], row]) for row in at_now[2:]]
    for _ in range(300):
        words = [chance.choice([bytes(4), b"\xff" * 4, b"\x7f" + b"\xff" * 3, chance.randbytes(4)]) for _ in range(8)]
        forged.append(b"".join([at_now[0], *words]))

    refused = 0
    for one in forged:
        try:
            poll(archive, base64.urlsafe_b64encode(one).decode())
        except InvalidParameter:
            refused += 1

    assert 2 <= refused < len(forged)


@pytest.mark.parametrize("after", ["x", "é", "AAAA", "_" * 52, "99999999", "²"])
def test_a_cursor_that_was_not_given_is_refused(archive: Archive, after: str) -> None:
    with pytest.raises(InvalidParameter):
        poll(archive, after)


def test_nothing_of_another_project_is_told(archive: Archive, other_project: UUID) -> None:
    after = poll(archive, None).next
    with archive.worker.transaction() as tx:
        insert_born(tx, build(scored_frame(5), project=other_project, now=NOON, new_id=new_id))

    assert read(rest(archive, after)) == []
