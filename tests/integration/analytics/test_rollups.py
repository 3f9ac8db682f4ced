"""Rollups: however entries came, they are what a recount of all of them gives."""

import random
import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from scored_frames import NOON, scored_frame
from stored_entries import Archive, random_frame

from oddline.analytics import rollups
from oddline.analytics.model import SEVERITIES, PatternStep, Step, floor
from oddline.analytics.rollups import forget_old, roll_up
from oddline.chunks import NewChunk, read_new
from oddline.database import Transaction
from oddline.errors import CorruptBody

Key = tuple[int, datetime, int]


def recount(archive: Archive) -> dict[Key, Counter[str]]:
    """{(step, slot, source): counts} by looking at every entry."""
    counts: dict[Key, Counter[str]] = {}
    for row in (row for frame in archive.frames for row in frame.iter_rows(named=True)):
        for step in Step:
            slot = counts.setdefault((step, floor(row["timestamp"], step), row["source_id"]), Counter())
            slot[SEVERITIES[(row["severity_number"] + 3) // 4]] += 1
            slot["entries"] += 1
            slot["anomalies"] += row["is_anomaly"]
    return {key: +slot for key, slot in counts.items()}


def recount_patterns(archive: Archive) -> Counter[tuple[int, datetime, int, int]]:
    """{(step, slot, source, pattern): entries} by looking at every entry."""
    return Counter(
        (int(step), floor(row["timestamp"], step), row["source_id"], row["pattern_id"])
        for frame in archive.frames
        for row in frame.iter_rows(named=True)
        for step in PatternStep
    )


def stored(archive: Archive) -> tuple[dict[Key, Counter[str]], Counter[Any]]:
    """The same two as the database has them."""
    names = ["entries", "anomalies", *SEVERITIES]
    with archive.worker.transaction() as tx:
        rows = tx.execute(f"SELECT step, slot, source_id, {', '.join(names)} FROM rollups").fetchall()
        patterns = tx.execute(
            "SELECT step, slot, source_id, u.p, u.n FROM pattern_rollups, unnest(pattern_ids, entries) AS u (p, n)"
        ).fetchall()
    return (
        {(step, slot, source): +Counter(dict(zip(names, row, strict=True))) for step, slot, source, *row in rows},
        Counter({tuple(key): count for *key, count in patterns}),
    )


@pytest.mark.both_postgres
@pytest.mark.parametrize("seed", range(2))
def test_rollups_are_those_of_a_recount_however_the_entries_came(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(rollups, "CHUNKS_AT_ONCE", 3)
    chance = random.Random(seed)

    for number in range(12):
        archive.store(random_frame(seed * 100 + number, count=chance.randint(1, 200)))
        if chance.random() < 0.3:
            roll_up(db=archive.worker, objects=archive.objects)
        if chance.random() < 0.2:
            archive.compact()
    roll_up(db=archive.worker, objects=archive.objects)

    assert stored(archive) == (recount(archive), recount_patterns(archive))


def test_counting_again_or_side_by_side_counts_nothing_twice(archive: Archive) -> None:
    for number in range(8):
        archive.store(random_frame(number, count=100))

    runs = [threading.Thread(target=roll_up, kwargs={"db": archive.worker, "objects": archive.objects}) for _ in "abc"]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    roll_up(db=archive.worker, objects=archive.objects)

    assert stored(archive) == (recount(archive), recount_patterns(archive))


def test_a_project_that_never_comes_to_its_end_holds_up_no_other(
    archive: Archive, other_project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = replace(archive, project=other_project, frames=[])
    for one in (archive, others):
        for _ in range(3):
            one.store(scored_frame(1))
    monkeypatch.setattr(rollups, "CHUNKS_AT_ONCE", 1)
    turns: list[UUID] = []

    def read(tx: Transaction, *, project: UUID, **more: Any) -> list[NewChunk]:
        turns.append(project)
        return read_new(tx, project=project, **more)

    monkeypatch.setattr(rollups, "read_new", read)
    roll_up(db=archive.worker, objects=archive.objects)

    assert [set(turns[at : at + 2]) for at in (0, 2, 4)] == [{archive.project, other_project}] * 3


def test_a_chunk_that_cannot_be_read_is_told_and_nothing_of_it_is_counted(archive: Archive) -> None:
    [chunk] = archive.store(scored_frame(200))
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET blob = 'no chunk' WHERE id = %s", [chunk])

    with pytest.raises(CorruptBody):
        roll_up(db=archive.worker, objects=archive.objects)

    assert stored(archive) == ({}, Counter())


def test_rollups_go_with_their_entries_and_fine_ones_before(archive: Archive) -> None:
    archive.store(scored_frame(3))
    roll_up(db=archive.worker, objects=archive.objects)
    arrived = NOON.date()

    def steps_left() -> set[int]:
        with archive.worker.transaction() as tx:
            rows = tx.execute("SELECT step FROM rollups UNION SELECT step FROM pattern_rollups").fetchall()
        return {row[0] for row in rows}

    left = {}
    for days in (3, 4, 7, 8, 30, 31):
        forget_old(db=archive.worker, project=archive.project, today=arrived + timedelta(days=days))
        left[days] = steps_left()

    assert left == {
        3: {60, 300, 3_600, 86_400},
        4: {60, 3_600, 86_400},
        7: {60, 3_600, 86_400},
        8: {3_600, 86_400},
        30: {3_600, 86_400},
        31: set(),
    }
