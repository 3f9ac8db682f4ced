"""Keep what calibration needs up to date: fold incidents into days, and find thresholds again as hours go by."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.chunks import NewChunk
from oddline.database import Database, Transaction
from oddline.feedback import count_in_force, verdicts_of
from oddline.scoring.calibration import store
from oddline.scoring.calibration.drift import find_drift
from oddline.scoring.calibration.incidents import Day, History, Incidents
from oddline.scoring.calibration.model import FLOOR, HOURS_A_DAY, Asked, hour_begins, hour_of
from oddline.scoring.calibration.store import Calibrated, DayKey, Due
from oddline.scoring.calibration.threshold import WINDOW_DAYS, calibrate, settled

SOURCES_AT_ONCE: Final = 500  # a second or so of work


@dataclass(slots=True)
class _Found:
    """What chunks say of one source, model and day."""

    active: int = 0
    hours: list[int] = field(default_factory=list)
    patterns: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    alarmed: list[bool] = field(default_factory=list)

    def incidents(self) -> Incidents:
        return Incidents.of(self.hours, self.patterns, self.scores, self.alarmed)


def fold_incidents(tx: Transaction, project: UUID, chunks: Sequence[NewChunk]) -> None:
    """Add the incidents of a project's new chunks to their sources' days.

    An incident stands in the hour in which its entries were scored, which is seconds after they arrived: that is when
    the alarm was given, it is the hour that the warm-up's cap counts by, and an old file falls into no past day.
    """
    found = _found(chunks)
    if not found:
        return
    before = store.read_days(tx, project, keys=found.keys())
    days = {
        key: before.get(key, Day.nothing(key[2])).with_more(one.active, one.incidents()) for key, one in found.items()
    }
    changed = {key: day for key, day in days.items() if key not in before or _differ(day, before[key])}
    store.write_days(tx, project, days=changed)
    last: dict[tuple[int, str], int] = {}
    for source, model, day in sorted(changed):
        last[source, model] = day * HOURS_A_DAY + changed[source, model, day].active.bit_length() - 1
    store.note_arrivals(tx, project, hours=last)


def recalibrate(db: Database, *, now: datetime) -> int:
    """Find again the thresholds of all sources that are due; returns how many there were.

    Safe side by side: of two runs that find a threshold for the same hour one is heard.
    """
    with db.transaction() as tx:
        due = store.list_due(tx, now=now, limit=SOURCES_AT_ONCE)
    oldest = hour_of(now) // HOURS_A_DAY - WINDOW_DAYS
    for one in due:
        with db.transaction() as tx:
            days = store.list_days(tx, one, first=oldest)
            judged = _judged(tx, one, days)
        found = _calibrated(one, History.of(days, without=judged), now=now)
        with db.transaction() as tx:
            store.write_calibrated(tx, found, hour=hour_of(now), oldest=oldest)
    return len(due)


def _found(chunks: Sequence[NewChunk]) -> dict[DayKey, _Found]:
    found: dict[DayKey, _Found] = defaultdict(_Found)
    for chunk in chunks:
        if chunk.analyzed_at is None:
            continue
        hour = hour_of(chunk.analyzed_at)
        day, hour_of_day = divmod(hour, HOURS_A_DAY)
        for source in chunk.source_ids:
            found[source, chunk.model_version, day].active |= 1 << hour_of_day
        pairs = (chunk.pattern_ids, chunk.pattern_sources, chunk.pattern_scores, chunk.pattern_anomalies)
        for pattern, source, score, anomalies in zip(*pairs, strict=True):
            if score >= FLOOR or anomalies:
                one = found[source, chunk.model_version, day]
                one.hours.append(hour)
                one.patterns.append(pattern)
                one.scores.append(score)
                one.alarmed.append(anomalies > 0)
    return found


def _differ(one: Day, other: Day) -> bool:
    return one.active != other.active or not one.incidents.same_as(other.incidents)


def _judged(tx: Transaction, due: Due, days: Sequence[Day]) -> set[int]:
    """The source's patterns of which a person has said what they are."""
    if not count_in_force(tx, due.project_id):
        return set()
    patterns = {pattern for day in days for pattern in day.incidents.patterns.tolist()}
    verdicts = verdicts_of(tx, due.project_id, pairs=[(due.source_id, pattern) for pattern in patterns])
    return {pattern for _, pattern in verdicts}


def _calibrated(due: Due, history: History, *, now: datetime) -> Calibrated:
    hour, started = hour_of(now), hour_of(due.started_at)
    # Only alarms that were given under this very promise can have kept or broken it.
    is_new = due.asked_changed or due.fixed is not None or due.counted_hour is None
    counted = hour if is_new or due.counted_hour is None else due.counted_hour
    asked = Asked.of(due.alarms_per_day, by_a_person=due.is_asked, default_threshold=due.default_threshold)
    threshold = calibrate(history, asked=asked, started=started, counted=counted, now=hour)
    drift = find_drift(history, started=started, now=hour)
    since = hour_begins(hour) - timedelta(days=1)
    return Calibrated(
        due=due,
        threshold=settled(threshold, before=None if is_new else due.threshold),
        counted_hour=counted,
        drift=drift,
        drift_since=None if drift is None else due.drift_since or since,
    )
