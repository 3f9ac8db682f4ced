"""What each source has had, by folding chunks: always what a recount of all entries gives."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from inbox import LEASE, Databases, Inbox, WatchedEncoder
from scored_frames import scored_frame
from stored_entries import Archive, random_frame

from oddline.chunks import HISTOGRAM_BINS
from oddline.database import Database
from oddline.objects import FolderObjects
from oddline.scoring import fold_counts, folding
from oddline.submissions import made_at

Counts = dict[tuple[int, int], int]
Histograms = dict[int, tuple[int, list[int]]]


@pytest.fixture
def archive(db: Databases, project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def recount(frames: Sequence[pl.DataFrame]) -> tuple[Counts, Histograms]:
    """(entries per source and pattern, entries and scores per source) by looking at every entry."""
    counts: Counter[tuple[int, int]] = Counter()
    bins: dict[int, list[int]] = {}
    for source, pattern, score in pl.concat(frames).select("source_id", "pattern_id", "score").iter_rows():
        counts[source, pattern] += 1
        # The scores are single precision: 0.9 is 0.89999998 there.
        place = min(int(score * HISTOGRAM_BINS + 1e-5), HISTOGRAM_BINS - 1)
        bins.setdefault(source, [0] * HISTOGRAM_BINS)[place] += 1
    return dict(counts), {source: (sum(found), found) for source, found in bins.items()}


def folded(db: Database, project: UUID) -> tuple[Counts, Histograms]:
    """The same as the database has it."""
    with db.transaction() as tx:
        counts = tx.execute(
            "SELECT source_id, pattern_id, entries FROM source_patterns WHERE project_id = %s", [project]
        ).fetchall()
        sources = tx.execute(
            "SELECT id, entries, histogram FROM sources WHERE project_id = %s AND entries > 0", [project]
        ).fetchall()
    return (
        {(source, pattern): entries for source, pattern, entries in counts},
        {source: (entries, histogram) for source, entries, histogram in sources},
    )


@pytest.mark.both_postgres
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_a_recount_however_the_entries_came(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(folding, "CHUNKS_AT_ONCE", 3)
    chance = random.Random(seed)

    for number in range(12):
        archive.store(random_frame(seed * 100 + number, count=chance.randint(1, 200)))
        if chance.random() < 0.3:
            fold_counts(archive.worker)
    fold_counts(archive.worker)

    assert folded(archive.worker, archive.project) == recount(archive.frames)


def test_folding_again_counts_nothing_again(archive: Archive) -> None:
    archive.store(random_frame(1, count=50))

    first, second = fold_counts(archive.worker), fold_counts(archive.worker)

    assert (first["chunks"] > 0, second) == (True, {"chunks": 0})
    assert folded(archive.worker, archive.project) == recount(archive.frames)


@pytest.mark.both_postgres
def test_two_that_fold_side_by_side_count_everything_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "CHUNKS_AT_ONCE", 2)
    for number in range(20):
        archive.store(random_frame(number, count=20))
    start, sums = threading.Barrier(2), []

    def fold() -> None:
        start.wait(10)
        sums.append(fold_counts(archive.worker)["chunks"])

    threads = [threading.Thread(target=fold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with archive.worker.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM hot_chunks").fetchall() == [(sum(sums),)]
    assert folded(archive.worker, archive.project) == recount(archive.frames)


def test_projects_are_counted_apart(db: Databases, archive: Archive, other_project: UUID, tmp_path: Path) -> None:
    other = Archive.make(worker=db("worker"), search=db("search"), project=other_project, folder=tmp_path)
    archive.store(random_frame(1, count=30))
    other.store(random_frame(2, count=40))

    fold_counts(archive.worker)

    for one in (archive, other):
        assert folded(one.worker, one.project) == recount(one.frames)


def test_compacted_chunks_are_counted_as_they_were_born(archive: Archive) -> None:
    for number in range(20):
        archive.store(scored_frame(5, score=number / 20))
    archive.compact()

    fold_counts(archive.worker)

    assert folded(archive.worker, archive.project) == recount(archive.frames)


def test_a_pattern_is_first_seen_when_its_first_chunk_was_born_and_last_with_its_last(archive: Archive) -> None:
    born = [chunk for _ in range(3) for chunk in archive.store(scored_frame(2))]

    fold_counts(archive.worker)

    with archive.worker.transaction() as tx:
        [seen] = tx.execute("SELECT first_seen, last_seen FROM source_patterns").fetchall()
    assert seen == (made_at(born[0]), made_at(born[-1]))


def test_a_claim_that_was_lost_counts_nothing(db: Databases, project: UUID, tmp_path: Path) -> None:
    inbox = Inbox(db=db, objects=FolderObjects(tmp_path))
    inbox.submit(project, "alpha happened", "alpha happened", "beta happened")

    def let_another_take_it(patterns: Sequence[str]) -> None:
        inbox.clock.move(LEASE + timedelta(seconds=1))
        inbox.score(worker="new holder")

    inbox.score(inbox.scorer(WatchedEncoder(before=let_another_take_it)), worker="old holder")
    fold_counts(db("worker"))

    counts, histograms = folded(db("worker"), project)
    assert sorted(counts.values()) == [1, 2]
    assert [entries for entries, _ in histograms.values()] == [3]
