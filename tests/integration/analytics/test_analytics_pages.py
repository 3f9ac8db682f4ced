"""What pages show of rollups: a time by its slots, summed up, and beside another time."""

from datetime import timedelta
from typing import Any

import pytest
from scored_frames import NOON, scored_frame
from stored_entries import Archive

from oddline.analytics import Step, Window, compare_windows, summary, timeline
from oddline.analytics.rollups import roll_up
from oddline.errors import InvalidParameter

HOUR = timedelta(hours=1)
DEPLOY = NOON
NOW = NOON + 2 * HOUR


@pytest.fixture
def counted(archive: Archive) -> Archive:
    """Two hours of a request a second; from NOON on also errors, and no more of what came before each minute."""
    _patterns(archive, {1: "request <num>", 2: "cache warmed", 3: "pool exhausted after <num> tries"})
    for start in (NOON - HOUR, NOON):
        archive.store(scored_frame(3_600, timestamp=[start + timedelta(seconds=one) for one in range(3_600)]))
    archive.store(scored_frame(60, timestamp=[NOON - HOUR + timedelta(minutes=one) for one in range(60)], pattern_id=2))
    archive.store(
        scored_frame(
            30,
            timestamp=[NOON + timedelta(minutes=2 * one) for one in range(30)],
            pattern_id=3,
            source_id=2,
            severity_number=17,
            is_anomaly=True,
            score=0.95,
        )
    )
    roll_up(db=archive.worker, objects=archive.objects)
    return archive


def _patterns(archive: Archive, texts: dict[int, str]) -> None:
    with archive.worker.transaction() as tx:
        for number, text in texts.items():
            tx.execute(
                "INSERT INTO patterns (project_id, id, mask_version, hash, pattern, first_seen)"
                " VALUES (%s, %s, 1, %s, %s, %s)",
                [archive.project, number, text.encode()[:16], text, NOON],
            )


def test_a_timeline_has_the_counts_of_each_slot(counted: Archive) -> None:
    window = Window(NOON - HOUR, NOON + HOUR)
    with counted.worker.transaction() as tx:
        shown = timeline(tx, counted.project, window=window, step=Step.HOUR, now=NOW)

    assert [(slot["entries"], slot["anomalies"], slot["severities"]) for slot in shown["slots"]] == [
        (3_660, 0, {"info": 3_660}),
        (3_630, 30, {"info": 3_600, "error": 30}),
    ]


def test_a_timeline_of_too_many_slots_is_refused(counted: Archive) -> None:
    window = Window(NOON - timedelta(days=2), NOON)
    with counted.worker.transaction() as tx, pytest.raises(InvalidParameter) as refused:
        timeline(tx, counted.project, window=window, step=Step.MINUTE, now=NOW)

    assert refused.value.extra["field"] == "step"


def test_a_summary_tells_sources_patterns_and_the_share_of_errors(counted: Archive) -> None:
    with counted.worker.transaction() as tx:
        shown = summary(tx, counted.project, window=Window(NOON, NOW), now=NOW)

    assert (shown["entries"], shown["anomalies"], shown["error_rate"]) == (3_630, 30, round(30 / 3_630, 6))
    assert [(one["source"], one["entries"]) for one in shown["sources"]] == [("source-1", 3_600), ("source-2", 30)]
    assert [(one["pattern"], one["entries"]) for one in shown["patterns"]["top"]] == [
        ("request <num>", 3_600),
        ("pool exhausted after <num> tries", 30),
    ]


def differences(archive: Archive, **options: Any) -> dict[str, str]:
    windows = {"before": Window(DEPLOY - HOUR, DEPLOY), "after": Window(DEPLOY, DEPLOY + HOUR)}
    with archive.worker.transaction() as tx:
        shown = compare_windows(tx, archive.project, **windows, now=NOW, **options)
    return {one["pattern"]: one["change"] for one in shown["differences"]}


def test_what_is_different_since_a_deploy_is_what_is_new_and_what_is_gone(counted: Archive) -> None:
    found = differences(counted)

    assert found == {"cache warmed": "gone", "pool exhausted after <num> tries": "new"}


def test_only_the_sources_that_are_asked_for_are_compared(counted: Archive) -> None:
    assert differences(counted, sources=["source-1"]) == {"cache warmed": "gone"}


def test_minutes_that_are_no_longer_kept_are_refused_and_not_shown_as_empty(counted: Archive) -> None:
    window = Window(NOON - timedelta(days=8), NOON - timedelta(days=8) + HOUR)
    with counted.worker.transaction() as tx, pytest.raises(InvalidParameter) as refused:
        timeline(tx, counted.project, window=window, step=Step.MINUTE, now=NOW)

    assert refused.value.extra["field"] == "step"


def test_a_deploy_need_not_lie_at_the_edge_of_a_slot(counted: Archive) -> None:
    deploy = DEPLOY - timedelta(minutes=2)
    with counted.worker.transaction() as tx:
        shown = compare_windows(
            tx, counted.project, before=Window(deploy - HOUR, deploy), after=Window(deploy, deploy + HOUR), now=NOW
        )

    assert shown["before"]["to"] == shown["after"]["from"]
    assert "pool exhausted after <num> tries" in {one["pattern"] for one in shown["differences"]}


def test_windows_that_overlap_are_refused(counted: Archive) -> None:
    with counted.worker.transaction() as tx, pytest.raises(InvalidParameter) as refused:
        compare_windows(tx, counted.project, before=Window(NOON - HOUR, NOON), after=Window(NOON - HOUR, NOW), now=NOW)

    assert refused.value.extra["field"] == "after_from"
