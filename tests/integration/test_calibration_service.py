"""Thresholds on their way through the service: incidents are folded, promises kept, warm-ups capped."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inbox import LEASE, SNAPSHOT_OLD, Databases, Inbox, WatchedEncoder
from scored_frames import NOON, scored_frame
from stored_entries import Archive

from oddline.entries import set_source_alarms, set_source_threshold, source_view
from oddline.identity import update_alarms
from oddline.objects import FolderObjects
from oddline.scoring import fold_counts, folding
from oddline.submissions import new_id

SOURCE = "cart"
DAY = timedelta(days=1)
SEVERE = [
    "kernel panic: out of memory, killed process",
    "disk failure: input/output error, data lost",
    "database corrupted: checksum mismatch, aborting",
    "segmentation fault: core dumped, service crashed",
    "authentication failed: permission denied, access refused",
    "fatal error: connection lost, giving up",
    "filesystem error: read only, cannot write",
]


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


@pytest.fixture
def archive(db: Databases, project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


class LowThreshold(WatchedEncoder):
    """With a default threshold that every new severe line reaches, and another one if asked for."""

    def __init__(self, *, default_threshold: float = 0.11, **options: Any) -> None:
        super().__init__(**options)
        self.default_threshold = default_threshold


def ask_for(inbox: Inbox, project: UUID, alarms_per_day: float | None) -> None:
    """A number of alarms that a person asks for, for the whole project."""
    with inbox.db("worker").transaction() as tx:
        update_alarms(tx, project, alarms_per_day=alarms_per_day)


def send(inbox: Inbox, project: UUID, *messages: str) -> UUID:
    return inbox.submit(project, *({"message": message, "source": SOURCE} for message in messages))


def fold(inbox: Inbox) -> None:
    fold_counts(inbox.db("worker"), now=inbox.clock)


def alarms(inbox: Inbox, project: UUID) -> set[str]:
    odd = inbox.entries(project).filter("is_anomaly")
    return set(odd["message"].to_list())


def view(inbox: Inbox, project: UUID, *, source: str = SOURCE) -> dict[str, Any]:
    with inbox.db("worker").transaction() as tx:
        return source_view(tx, project=project, name=source, today=inbox.clock().date())


def kept(archive: Archive, *, source: int = 1) -> list[tuple[int, int, float, bool]]:
    """(hour of the day, pattern, score, alarm) of the incidents that are remembered of a source."""
    with archive.worker.transaction() as tx:
        rows = tx.execute(
            "SELECT hours, patterns, scores, alarmed FROM incident_days WHERE source_id = %s ORDER BY day", [source]
        ).fetchall()
    incidents = [one for row in rows for one in zip(*row, strict=True)]
    return sorted((hour, pattern, round(score, 4), alarmed) for hour, pattern, score, alarmed in incidents)


def calibrations(inbox: Inbox) -> list[tuple[Any, ...]]:
    """(model, threshold, version) of what was calibrated."""
    return inbox.rows("SELECT model_version, threshold, version FROM source_calibration ORDER BY started_at")


def weeks(inbox: Inbox, project: UUID, *, source_id: int, model: str, scores: Sequence[float], days: int = 14) -> None:
    """As if a source had had a new incident with each of these scores, one an hour, on each of the days before now."""
    last = inbox.clock().date()
    with inbox.db("worker").transaction() as tx:
        for back in range(1, days + 1):
            tx.execute(
                "INSERT INTO incident_days (project_id, source_id, day, model_version, active_hours, hours, patterns,"
                " scores, alarmed) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    project,
                    source_id,
                    last - back * DAY,
                    model,
                    (1 << 24) - 1,
                    [place % 24 for place in range(len(scores))],
                    [1_000 * back + place for place in range(len(scores))],
                    list(scores),
                    [False] * len(scores),
                ],
            )
        tx.execute(
            "UPDATE source_calibration SET started_at = %s, last_hour = 0 WHERE source_id = %s AND model_version = %s",
            [inbox.clock() - days * DAY, source_id, model],
        )


def test_of_each_pattern_and_hour_the_highest_score_is_remembered(archive: Archive) -> None:
    later = NOON + timedelta(hours=1)
    archive.store(scored_frame(3, pattern_id=[1, 1, 2], score=[0.3, 0.6, 0.05]))
    archive.store(scored_frame(2, pattern_id=1, score=[0.7, 0.2], is_anomaly=[True, False]))
    archive.store(scored_frame(1, pattern_id=1, score=0.4, analyzed_at=later))

    fold_counts(archive.worker)

    assert kept(archive) == [(12, 1, 0.7, True), (13, 1, 0.4, False)]


@pytest.mark.both_postgres
def test_two_that_fold_side_by_side_remember_everything_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "CHUNKS_AT_ONCE", 2)
    for number in range(20):
        archive.store(scored_frame(1, pattern_id=number % 10, score=0.2 + number / 40))
    start = threading.Barrier(2)

    def fold_too() -> None:
        start.wait(10)
        fold_counts(archive.worker)

    threads = [threading.Thread(target=fold_too) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept(archive) == [(12, number, round(0.45 + number / 40, 4), False) for number in range(10)]


def test_an_old_file_falls_into_the_hour_in_which_it_came(archive: Archive) -> None:
    archive.store(scored_frame(1, timestamp=NOON - 200 * DAY, score=0.9))

    fold_counts(archive.worker)

    with archive.worker.transaction() as tx:
        assert tx.execute("SELECT day FROM incident_days").fetchall() == [(NOON.date(),)]


def test_what_no_threshold_could_make_an_anomaly_is_not_remembered(archive: Archive) -> None:
    archive.store(scored_frame(5, pattern_id=list(range(5)), score=0.09))

    fold_counts(archive.worker)

    assert kept(archive) == []


def test_models_are_remembered_apart(archive: Archive) -> None:
    for model in ("one", "two"):
        archive.store(scored_frame(1, score=0.5, model_version=model))

    fold_counts(archive.worker)

    with archive.worker.transaction() as tx:
        rows = tx.execute("SELECT model_version, scores FROM incident_days ORDER BY 1").fetchall()
    assert rows == [("one", [0.5]), ("two", [0.5])]


def test_in_its_warm_up_a_source_gives_no_more_alarms_than_were_asked_for(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 3)
    scorer = inbox.scorer(LowThreshold())

    for message in SEVERE:
        send(inbox, project, message)
        inbox.score(scorer)

    assert alarms(inbox, project) == set(SEVERE[:3])
    refused = inbox.entries(project).filter(~inbox.entries(project)["is_anomaly"])
    assert refused.height == len(SEVERE) - 3
    assert (refused["score"] >= refused["threshold"]).all()


def test_within_a_claim_the_highest_scores_become_alarms(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 2)
    send(inbox, project, *SEVERE)

    inbox.score(inbox.scorer(LowThreshold()))

    ranked = inbox.entries(project).sort("score", descending=True)["message"].to_list()
    assert alarms(inbox, project) == set(ranked[:2])


def test_what_was_refused_is_no_anomaly_anywhere(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 1)
    scorer = inbox.scorer(LowThreshold())
    inbox.clock.now = inbox.clock.now.replace(minute=50)
    send(inbox, project, SEVERE[0])
    inbox.score(scorer)
    inbox.clock.move(timedelta(minutes=20))

    submission = send(inbox, project, SEVERE[0])
    inbox.score(scorer)

    assert inbox.task(submission).result["is_anomaly"] is False
    odd = inbox.rows("SELECT kind, is_anomaly FROM odd_entries ORDER BY received_at, kind")
    assert odd == [("anomaly", True), ("peak", True), ("peak", False)]


def test_an_alarm_repeats_within_its_hour_without_using_the_cap_up(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 2)
    scorer = inbox.scorer(LowThreshold())
    inbox.clock.now = inbox.clock.now.replace(minute=10)

    for message in (SEVERE[0], SEVERE[0], SEVERE[1], SEVERE[0], SEVERE[2]):
        send(inbox, project, message)
        inbox.score(scorer)

    assert alarms(inbox, project) == set(SEVERE[:2])
    assert inbox.entries(project)["is_anomaly"].to_list() == [True, True, True, True, False]


@pytest.mark.both_postgres
def test_several_workers_at_once_stay_below_the_cap_together(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 3)
    scorers = [inbox.scorer(LowThreshold()) for _ in range(4)]
    for message in SEVERE * 2:
        send(inbox, project, message)
    start = threading.Barrier(len(scorers))

    def work(number: int) -> None:
        scorer = scorers[number]
        scorer.lines_per_second = 0.0
        start.wait(10)
        inbox.score(scorer, worker=f"w{number}")

    threads = [threading.Thread(target=work, args=[number]) for number in range(len(scorers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert inbox.entries(project).height == 2 * len(SEVERE)
    assert len(alarms(inbox, project)) == 3


def test_a_claim_that_is_lost_uses_nothing_of_the_cap_up(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 2)
    inbox.clock.now = inbox.clock.now.replace(minute=10)
    send(inbox, project, SEVERE[0])

    def let_another_take_it(patterns: Sequence[str]) -> None:
        inbox.clock.move(LEASE + timedelta(seconds=1))
        inbox.score(inbox.scorer(LowThreshold()), worker="new holder")

    inbox.score(inbox.scorer(LowThreshold(before=let_another_take_it)), worker="old holder")
    send(inbox, project, SEVERE[1])
    inbox.score(inbox.scorer(LowThreshold()))

    assert alarms(inbox, project) == set(SEVERE[:2])
    assert inbox.entries(project).height == 2


def test_sources_have_caps_of_their_own(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 1)
    inbox.submit(project, *({"message": message, "source": name} for name in ("a", "b") for message in SEVERE[:3]))

    inbox.score(inbox.scorer(LowThreshold()))

    odd = inbox.entries(project).filter("is_anomaly")
    assert sorted(odd["source"].to_list()) == ["a", "b"]


def test_a_fixed_threshold_knows_no_cap(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 1)
    inbox.set_threshold(project, SOURCE, 0.11)
    send(inbox, project, *SEVERE)

    inbox.score()

    assert alarms(inbox, project) == set(SEVERE)
    assert view(inbox, project)["in_force"] == {"threshold": 0.11, "from": "fixed", "alarms_per_day": None}


def test_after_a_day_the_threshold_is_calibrated(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 2)
    scorer = inbox.scorer(LowThreshold())
    before = view_after_scoring(inbox, project, scorer)

    inbox.clock.move(DAY - timedelta(hours=1))
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    inbox.clock.move(timedelta(hours=1))
    fold(inbox)

    scores = inbox.entries(project)["score"].sort(descending=True).to_list()
    after = view(inbox, project)["in_force"]
    assert (before["from"], after["from"], after["alarms_per_day"]) == ("warm-up", "calibrated", 2.0)
    assert scores[2] <= after["threshold"] <= scores[0]
    [(_, threshold, version)] = calibrations(inbox)
    assert (after["threshold"], version) == (pytest.approx(threshold, abs=1e-5), 1)


def test_a_source_that_hardly_ever_speaks_stays_under_the_cap(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 1)
    scorer = inbox.scorer(LowThreshold())
    view_after_scoring(inbox, project, scorer)

    inbox.clock.move(2 * DAY)
    fold(inbox)
    send(inbox, project, *SEVERE)
    inbox.score(scorer)

    assert view(inbox, project)["in_force"]["from"] == "warm-up"
    assert inbox.entries(project)["is_anomaly"].sum() == 1 + 1


def view_after_scoring(inbox: Inbox, project: UUID, scorer: Any) -> dict[str, Any]:
    send(inbox, project, *SEVERE)
    inbox.score(scorer)
    fold(inbox)
    found: dict[str, Any] = view(inbox, project)["in_force"]
    return found


def test_a_calibrated_threshold_reaches_the_workers_with_its_version(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 5)
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    inbox.clock.move(SNAPSHOT_OLD)

    fold(inbox)
    submission = send(inbox, project, SEVERE[0])
    inbox.score(scorer)

    [entry] = [row for row in inbox.entries(project).to_dicts() if row["submission"] == submission.bytes]
    assert entry["calibration_version"] == 1
    assert 0.4 <= entry["threshold"] <= 0.6


def test_the_version_counts_up_with_each_change_and_only_then(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 5)
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])

    fold(inbox)
    fold(inbox)
    first = calibrations(inbox)
    ask_for(inbox, project, 1)
    fold(inbox)
    second = calibrations(inbox)

    assert (first[0][2], second[0][2]) == (1, 2)
    assert second[0][1] > first[0][1]


def test_another_model_begins_with_its_own_threshold_under_the_cap_again(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 2)
    scorer = inbox.scorer(LowThreshold(version="one"))
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model="one", scores=[0.2, 0.3, 0.9])
    fold(inbox)

    send(inbox, project, *SEVERE)
    inbox.score(inbox.scorer(LowThreshold(version="two", default_threshold=0.12)))
    fold(inbox)

    newest = inbox.entries(project).filter(inbox.entries(project)["model_version"] == "two")
    assert newest["is_anomaly"].sum() == 2
    assert newest["threshold"].to_list() == pytest.approx([0.12] * len(SEVERE))
    assert view(inbox, project)["in_force"] == {"threshold": 0.12, "from": "warm-up", "alarms_per_day": 2.0}
    assert [version for _, _, version in calibrations(inbox)] == [1, 0]


def test_a_model_that_is_only_tried_begins_no_warm_up(inbox: Inbox, project: UUID) -> None:
    memory = inbox.scorer(LowThreshold(version="tried")).memories.of(project)

    memory.sources(inbox.db("worker"), [SOURCE], now=inbox.clock())

    assert calibrations(inbox) == []


def test_where_nobody_asks_the_model_s_threshold_holds_while_it_gives_few_alarms(inbox: Inbox, project: UUID) -> None:
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2, 0.3, 0.9])

    fold(inbox)

    assert view(inbox, project)["in_force"] == {
        "threshold": pytest.approx(scorer.encoder.default_threshold, abs=1e-5),
        "from": "default",
        "alarms_per_day": 30.0,
    }


def test_where_nobody_asks_more_than_thirty_a_day_raise_the_threshold(inbox: Inbox, project: UUID) -> None:
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    scores = [0.55 + number / 200 for number in range(60)]
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=scores)

    fold(inbox)

    found = view(inbox, project)["in_force"]
    assert (found["from"], 0.65 < found["threshold"] < 0.75) == ("calibrated", True)


def test_a_source_s_own_number_goes_before_the_project_s(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 20)
    send(inbox, project, "user 1 logged in")
    inbox.score()

    with inbox.db("worker").transaction() as tx:
        set_source_alarms(tx, project=project, name=SOURCE, alarms_per_day=5)
    own = view(inbox, project)
    with inbox.db("worker").transaction() as tx:
        set_source_alarms(tx, project=project, name=SOURCE, alarms_per_day=None)
    given_back = view(inbox, project)

    assert (own["alarms_per_day"], own["in_force"]["alarms_per_day"]) == (5.0, 5.0)
    assert (given_back["alarms_per_day"], given_back["in_force"]["alarms_per_day"]) == (None, 20.0)


def test_alarms_under_a_fixed_threshold_are_held_against_no_promise(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 5)
    scorer = inbox.scorer()
    inbox.set_threshold(project, SOURCE, 0.2)
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2 + number / 50 for number in range(20)])
    with inbox.db("worker").transaction() as tx:
        tx.execute(
            "UPDATE incident_days SET alarmed = array_fill(true, ARRAY[20]) WHERE day < %s", [inbox.clock().date()]
        )
    fold(inbox)

    with inbox.db("worker").transaction() as tx:
        set_source_threshold(tx, project=project, name=SOURCE, threshold=None)
    fold(inbox)

    assert 0.4 < view(inbox, project)["in_force"]["threshold"] < 0.55


def test_what_was_confirmed_does_not_raise_the_threshold(inbox: Inbox, project: UUID) -> None:
    ask_for(inbox, project, 2)
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2, 0.3, 0.7, 0.8, 0.9])
    with inbox.db("worker").transaction() as tx:
        tx.execute("UPDATE incident_days SET patterns = ARRAY[0, 1, 1, 1, 1] WHERE patterns[3] > 1")
        confirm(tx, project, pattern=1, key=new_id(), now=inbox.clock())

    fold(inbox)

    assert view(inbox, project)["in_force"]["threshold"] < 0.2


def confirm(tx: Any, project: UUID, *, pattern: int, key: UUID, now: datetime) -> None:
    verdict = new_id()
    tx.execute(
        "INSERT INTO feedback (project_id, id, pattern_id, verdict, note, key_id, since)"
        " VALUES (%s, %s, %s, 'confirmed', '', %s, %s)",
        [project, verdict, pattern, key, now],
    )
    tx.execute(
        "INSERT INTO feedback_patterns (project_id, pattern_id, feedback_id, distance) VALUES (%s, %s, %s, 0)",
        [project, pattern, verdict],
    )


def test_drift_is_said_with_its_beginning(inbox: Inbox, project: UUID) -> None:
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    inbox.clock.now = inbox.clock.now.replace(hour=0, minute=5)
    weeks(
        inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2 + number / 500 for number in range(40)]
    )
    with inbox.db("worker").transaction() as tx:
        tx.execute(
            "UPDATE incident_days SET scores = array_fill(0.9::real, ARRAY[40]) WHERE day = %s",
            [inbox.clock().date() - DAY],
        )

    fold(inbox)

    since = (inbox.clock() - DAY).strftime("%Y-%m-%dT00:00:00.000000Z")
    assert view(inbox, project)["drift"] == {"of": "scores", "since": since}


def test_alarms_of_today_are_counted_by_pattern_and_hour(inbox: Inbox, project: UUID) -> None:
    scorer = inbox.scorer(LowThreshold())
    inbox.clock.now = inbox.clock.now.replace(hour=10, minute=10)
    for messages in (SEVERE[:2], SEVERE[:1]):
        send(inbox, project, *messages)
        inbox.score(scorer)

    fold(inbox)

    assert view(inbox, project)["alarms_today"] == 2


def test_days_that_no_threshold_looks_at_any_more_are_forgotten(inbox: Inbox, project: UUID) -> None:
    scorer = inbox.scorer()
    send(inbox, project, "user 1 logged in")
    inbox.score(scorer)
    weeks(inbox, project, source_id=1, model=scorer.encoder.version, scores=[0.2], days=20)

    fold(inbox)

    [(days,)] = inbox.rows("SELECT count(*) FROM incident_days")
    assert days == 15  # with today


def test_one_project_sees_nothing_of_another_s(db: Databases, inbox: Inbox, project: UUID, other_project: UUID) -> None:
    send(inbox, project, *SEVERE[:2])
    inbox.score(inbox.scorer(LowThreshold()))
    fold(inbox)

    with db("console").transaction(project=other_project) as tx:
        seen = [tx.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES]

    assert seen == [(0,)] * len(TABLES)


TABLES = ("incident_days", "source_calibration", "source_thresholds")
