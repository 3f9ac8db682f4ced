"""Analytics of a window on demand: what its entries come to, by reading every one of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import polars as pl
import pytest
from pydantic import ValidationError
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, Archive, random_frame

from oddline.analytics import OfWindow, calculate_analytics, calculate_log_patterns, detect_anomalies, folding, reading
from oddline.analytics.folding import Narrow
from oddline.chunks import Part, Reader, Wanted, list_parts
from oddline.database import Transaction
from oddline.patterns import Masker
from oddline.settings import Settings
from oddline.submissions import rfc3339
from oddline.tasks import Catalogue, Publisher, TaskContext

HOUR = timedelta(hours=1)
Run = Callable[[OfWindow, TaskContext], dict[str, Any]]


@pytest.fixture
def context(archive: Archive) -> TaskContext:
    return TaskContext(
        db=archive.worker,
        objects=archive.objects,
        publisher=Publisher(""),
        settings=Settings(_env_file=None),  # type: ignore[call-arg]
        catalogue=Catalogue([]),
        worker="test",
        clock=lambda: TOMORROW,
    )


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """An hour of logins, with refusals that come more and more often towards its end; partly merged."""
    texts = {1: "login of user 17 from 10.0.0.1 took 12 ms", 2: "login refused after 3 tries"}
    with archive.worker.transaction() as tx:
        for number, text in texts.items():
            tx.execute(
                "INSERT INTO patterns (project_id, id, mask_version, hash, pattern, first_seen)"
                " VALUES (%s, %s, 1, %s, %s, %s)",
                [archive.project, number, text.encode()[:16], Masker().mask(text), NOON],
            )
    archive.store(
        scored_frame(
            1_200,
            timestamp=[NOON + timedelta(seconds=3 * one) for one in range(1_200)],
            message=[f"login of user {one} from 10.0.0.{one % 2} took 12 ms" for one in range(1_200)],
        )
    )
    archive.compact()
    minutes = [minute for minute in range(60) for _ in range(minute // 20 * 2)]
    archive.store(
        scored_frame(
            len(minutes),
            timestamp=[NOON + timedelta(minutes=minute) for minute in minutes],
            message=[f"login refused after {minute % 4} tries" for minute in minutes],
            pattern_id=2,
            severity_number=17,
            is_anomaly=True,
            score=[0.9 + minute / 1_000 for minute in minutes],
        )
    )
    return archive


def asked(archive: Archive, *, begin: datetime = NOON, end: datetime = NOON + HOUR, **more: Any) -> OfWindow:
    return OfWindow(project=archive.project, time_from=begin, time_to=end, **more)


def test_all_of_a_window_is_counted_and_nothing_beside_it(filled: Archive, context: TaskContext) -> None:
    whole = calculate_analytics(asked(filled), context)
    half = calculate_analytics(asked(filled, end=NOON + HOUR / 2), context)
    nothing = calculate_analytics(asked(filled, begin=NOON - HOUR, end=NOON), context)

    assert (whole["entries"], whole["anomalies"]) == (1_320, 120)
    assert whole["severities"] == {"info": 1_200, "error": 120}
    assert whole["hours"] == [{"time": rfc3339(NOON), "entries": 1_320, "anomalies": 120}]
    assert [one["entries"] for one in whole["patterns"]] == [1_200, 120]
    assert half["entries"] == 620
    assert (nothing["entries"], nothing["error_rate"], nothing["patterns"]) == (0, None, [])


def test_a_window_is_read_for_one_source_where_it_is_named(filled: Archive, context: TaskContext) -> None:
    found = calculate_analytics(asked(filled, source="source-1"), context)
    other = calculate_analytics(asked(filled, source="source-2"), context)

    assert (found["entries"], other["entries"]) == (1_320, 0)


@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_a_window_is_the_same_in_each_time_zone(archive: Archive, context: TaskContext, hours: int) -> None:
    for arrival in (NOON - timedelta(hours=23), NOON + timedelta(hours=23)):
        archive.store(scored_frame(3, timestamp=NOON, received_at=arrival))
    zone = timezone(timedelta(hours=hours))

    found = calculate_analytics(
        asked(archive, begin=NOON.astimezone(zone), end=(NOON + HOUR).astimezone(zone)), context
    )

    assert found["entries"] == 6


def test_anomalies_are_told_once_a_pattern_with_the_oddest_of_them(filled: Archive, context: TaskContext) -> None:
    found = detect_anomalies(asked(filled), context)

    [oddest] = found["oddest"]
    assert (found["anomalies"], oddest["count"]) == (120, 120)
    assert oddest["highest_score"] == pytest.approx(0.959, abs=1e-3)
    assert oddest["message"] == "login refused after 3 tries"


def test_recurring_patterns_are_told_with_their_parameters_and_where_they_go_to(
    filled: Archive, context: TaskContext
) -> None:
    found = calculate_log_patterns(asked(filled), context)

    logins, refusals = found["patterns"]
    user, address, *_ = logins["parameters"]
    assert (logins["entries"], logins["trend"]["direction"]) == (1_200, "steady")
    assert (user["distinct"], address["distinct"]) == (200, 2)
    assert (refusals["entries"], refusals["trend"]["direction"]) == (120, "growing")
    assert {one["value"] for one in refusals["parameters"][0]["commonest"]} == {"0", "1", "2", "3"}


class Opened(Reader):
    """Notes which parts were opened."""

    parts: ClassVar[list[Part]] = []

    def read(self, parts: Sequence[Part], narrow: Narrow = lambda entries: entries) -> list[pl.DataFrame]:
        self.parts.extend(parts)
        return super().read(parts, narrow)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    monkeypatch.setattr(reading, "Reader", Opened)
    monkeypatch.setattr(Opened, "parts", [])
    return Opened.parts


def test_a_long_window_is_listed_by_days_and_no_further_than_anything_can_be(
    filled: Archive, context: TaskContext, opened: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.store(scored_frame(10, timestamp=NOON - timedelta(days=300)))
    listings: list[Wanted] = []

    def listed(tx: Transaction, **asked_for: Any) -> list[Part]:
        listings.append(asked_for["wanted"])
        return list_parts(tx, **asked_for)

    monkeypatch.setattr(reading, "list_parts", listed)
    begin, end = NOON - timedelta(days=350), NOON + timedelta(days=50)

    found = calculate_analytics(asked(filled, begin=begin, end=end), context)

    assert found["entries"] == 1_330
    assert len(opened) == 3
    assert max(one.time_to for one in listings) == TOMORROW + timedelta(days=1)
    assert max(one.time_to - one.time_from for one in listings if not one.late) == timedelta(days=1)


def test_what_came_late_is_opened_once_over_however_many_days_it_reaches(
    archive: Archive, context: TaskContext, opened: list[Part]
) -> None:
    times = [NOON - timedelta(days=10_000), *(NOON - timedelta(days=days) for days in range(2, 30))]
    archive.store(scored_frame(len(times), timestamp=times))
    archive.store(scored_frame(5))
    progress: list[float] = []

    found = calculate_analytics(
        asked(archive, begin=NOON - timedelta(days=20)), replace(context, report=progress.append)
    )

    assert found["entries"] == 19 + 5
    assert [one["entries"] for one in found["hours"]] == [*[1] * 19, 5]
    assert len(opened) == 2
    assert (progress, progress[-1]) == (sorted(progress), 1.0)


@pytest.mark.parametrize("held", [1, folding.HELD_BYTES])
def test_windows_come_to_what_a_recount_says_however_little_is_held(
    archive: Archive, context: TaskContext, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(folding, "HELD_BYTES", held)
    for number in range(8):
        archive.store(random_frame(number, count=100))
        if number == 4:
            archive.compact()
    window = asked(archive, begin=NOON - timedelta(days=1, hours=3), end=NOON + timedelta(hours=2, minutes=7))
    inside = pl.concat(archive.frames).filter(pl.col("timestamp").is_between(window.time_from, window.time_to, "left"))
    pairs = inside["source_id", "pattern_id"].unique().height
    odd = inside.filter("is_anomaly")

    counts, found = calculate_analytics(window, context), detect_anomalies(window, context)
    recurring = calculate_log_patterns(window, context)

    assert (counts["entries"], counts["anomalies"]) == (inside.height, odd.height)
    assert sum(one["entries"] for one in counts["hours"]) == inside.height
    assert sum(one["entries"] for one in counts["sources"]) == inside.height
    assert sum(one["entries"] for one in counts["patterns"]) == inside.height
    assert len(counts["patterns"]) == pairs
    assert (found["anomalies"], found["patterns"]) == (odd.height, odd["source_id", "pattern_id"].unique().height)
    assert sum(one["entries"] for one in recurring["patterns"]) >= inside.height - pairs


def test_of_long_messages_fewer_are_held_as_examples(archive: Archive, context: TaskContext) -> None:
    messages = [f"{number} {'x' * 100_000}" for number in range(30)]
    archive.store(scored_frame(30, message=messages))
    with archive.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO patterns (project_id, id, mask_version, hash, pattern, first_seen)"
            " VALUES (%s, 1, 1, 'x', %s, %s)",
            [archive.project, Masker().mask(messages[0]), NOON],
        )

    [found] = calculate_log_patterns(asked(archive), context)["patterns"]

    assert {one["of_messages"] for one in found["parameters"]} == {3}


def test_a_window_is_not_longer_than_there_is_anything_of(archive: Archive) -> None:
    with pytest.raises(ValidationError, match="at most 400 days"):
        asked(archive, end=datetime(9990, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("run", [calculate_analytics, detect_anomalies, calculate_log_patterns])
def test_a_window_in_which_nothing_came_has_an_answer_too(archive: Archive, context: TaskContext, run: Run) -> None:
    found = run(asked(archive, begin=NOON - timedelta(days=40)), context)

    assert found["from"] < found["to"]
