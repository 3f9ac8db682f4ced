"""What a source knows, and from when on: the rules by which something is new."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inbox import SNAPSHOT_OLD, Databases, Inbox, WatchedEncoder

from oddline.objects import FolderObjects
from oddline.scoring import Scorer, fold_counts

HARMLESS, SEVERE = 1.0, 0.0
"""Thresholds with which every pattern is the one or the other, whatever the model says of it."""

LINE = "kernel panic: out of memory, killed process 4711"


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


def score_line(inbox: Inbox, project: UUID, scorer: Scorer, *, source: str = "cart") -> dict[str, Any]:
    """Score one more line; its entry as it is stored."""
    submission = inbox.submit(project, {"message": LINE, "source": source})
    inbox.score(scorer)
    [entry] = [row for row in inbox.entries(project).to_dicts() if row["submission"] == submission.bytes]
    return entry


def seen_on_days(inbox: Inbox, days: int) -> None:
    """Have every source have had all that it has on so many days."""
    with inbox.db("worker").transaction() as tx:
        tx.execute("UPDATE source_patterns SET days_seen = %s", [days])


def test_where_nothing_is_known_everything_is_new(inbox: Inbox, project: UUID) -> None:
    inbox.set_threshold(project, "cart", SEVERE)

    entry = score_line(inbox, project, inbox.scorer())

    assert (entry["novelty"], entry["nearest_pattern"], entry["is_anomaly"]) == (1.0, None, True)
    assert entry["score"] == entry["severity"] > 0


def test_a_harmless_pattern_is_known_from_the_first_snapshot_after_its_folding(inbox: Inbox, project: UUID) -> None:
    inbox.set_threshold(project, "cart", HARMLESS)
    scorer = inbox.scorer()
    score_line(inbox, project, scorer)

    inbox.clock.move(SNAPSHOT_OLD)
    unfolded = score_line(inbox, project, scorer)
    fold_counts(inbox.db("worker"))
    inbox.clock.move(SNAPSHOT_OLD)
    known = score_line(inbox, project, scorer)

    assert (unfolded["novelty"], unfolded["score"]) == (1.0, unfolded["severity"])
    assert (known["novelty"], known["score"], known["is_anomaly"]) == (0.0, 0.0, False)
    assert known["nearest_pattern"] == known["pattern_id"]


def test_a_snapshot_is_used_for_a_minute(inbox: Inbox, project: UUID) -> None:
    inbox.set_threshold(project, "cart", HARMLESS)
    scorer = inbox.scorer()
    score_line(inbox, project, scorer)
    fold_counts(inbox.db("worker"))

    inbox.clock.move(timedelta(seconds=59))
    within = score_line(inbox, project, scorer)
    inbox.clock.move(timedelta(seconds=2))
    after = score_line(inbox, project, scorer)

    assert (within["novelty"], after["novelty"]) == (1.0, 0.0)


@pytest.mark.parametrize(("days_seen", "novelty"), [(13, 1.0), (14, 0.0)])
def test_a_severe_pattern_stays_odd_until_it_was_seen_on_14_days(
    inbox: Inbox, project: UUID, days_seen: int, novelty: float
) -> None:
    inbox.set_threshold(project, "cart", SEVERE)
    score_line(inbox, project, inbox.scorer())
    fold_counts(inbox.db("worker"))
    seen_on_days(inbox, days_seen)

    again = score_line(inbox, project, inbox.scorer())

    assert again["novelty"] == novelty


def test_what_one_source_knows_is_new_to_another(inbox: Inbox, project: UUID) -> None:
    for source in ("cart", "checkout"):
        inbox.set_threshold(project, source, HARMLESS)
    score_line(inbox, project, inbox.scorer(), source="cart")
    fold_counts(inbox.db("worker"))

    entry = score_line(inbox, project, inbox.scorer(), source="checkout")

    assert entry["novelty"] == 1.0


def test_a_new_pattern_is_measured_by_the_nearest_known_one(inbox: Inbox, project: UUID) -> None:
    inbox.set_threshold(project, "unknown", HARMLESS)
    inbox.submit(project, "user 1 logged in from host 7", LINE)
    inbox.score()
    fold_counts(inbox.db("worker"))

    submission = inbox.submit(project, "user 1 logged out from host 7")
    inbox.score()

    [entry] = [row for row in inbox.entries(project).to_dicts() if row["submission"] == submission.bytes]
    [(nearest,)] = inbox.rows("SELECT pattern FROM patterns WHERE id = %s", entry["nearest_pattern"])
    assert nearest == "user <num> logged in from host <num>"
    assert 0 < entry["novelty"] < 1


def test_what_another_model_made_known_stays_known(inbox: Inbox, project: UUID) -> None:
    inbox.set_threshold(project, "cart", SEVERE)
    score_line(inbox, project, inbox.scorer(WatchedEncoder(version="one")))
    fold_counts(inbox.db("worker"))
    seen_on_days(inbox, 14)
    scorer = inbox.scorer(WatchedEncoder(version="two"))
    inbox.submit(project, {"message": "the first line that the new model sees", "source": "cart"})
    inbox.score(scorer)

    entry = score_line(inbox, project, scorer)

    assert (entry["novelty"], entry["model_version"]) == (0.0, "two")


def test_the_order_within_a_claim_does_not_matter(inbox: Inbox, project: UUID, other_project: UUID) -> None:
    lines = [LINE, "user 1 logged in", LINE, "disk failure on /dev/sda1", "user 2 logged in"]
    inbox.submit(project, *lines[:2])
    inbox.submit(project, *lines[2:])
    inbox.submit(other_project, *lines[:1:-1])
    inbox.submit(other_project, *lines[1::-1])

    inbox.score()

    found = [
        sorted(inbox.entries(one).select("message", "score", "novelty", "is_anomaly").rows())
        for one in (project, other_project)
    ]
    assert found[0] == found[1]


def test_a_threshold_takes_effect_within_a_minute(inbox: Inbox, project: UUID) -> None:
    inbox.set_threshold(project, "cart", HARMLESS)
    scorer = inbox.scorer()
    before = score_line(inbox, project, scorer)

    inbox.set_threshold(project, "cart", SEVERE)
    inbox.clock.move(SNAPSHOT_OLD)
    after = score_line(inbox, project, scorer)

    assert (before["threshold"], before["is_anomaly"]) == (HARMLESS, False)
    assert (after["threshold"], after["is_anomaly"]) == (SEVERE, True)


def test_without_a_threshold_of_its_own_a_source_has_the_models(inbox: Inbox, project: UUID) -> None:
    scorer = inbox.scorer()

    entry = score_line(inbox, project, scorer)

    assert entry["threshold"] == pytest.approx(scorer.encoder.default_threshold)
