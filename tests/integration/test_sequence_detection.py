"""Sessions of entries are put together, judged once when they are over, and shown as odd entries of their own kind."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_with_key
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_sessions import GAP, LATER, NORMAL, WITHOUT_3, Sessions, begun, shown

from functions.console.app import router
from oddline.errors import CorruptBody
from oddline.identity import Scope
from oddline.scoring.sequences import reporting, service
from oddline.scoring.sequences.grouping import SESSION
from oddline.scoring.sequences.training import Training


@pytest.fixture
def sessions(db: Databases, project: UUID, tmp_path: Path) -> Sessions:
    return begun(db, project, tmp_path)


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.READ]
    ) as client:
        yield client


@pytest.mark.both_postgres
def test_a_session_without_a_usual_step_is_shown_with_what_is_missing(sessions: Sessions, client: TestClient) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3, *NORMAL], name="new")

    sessions.detect()
    counts = sessions.detect(LATER)

    assert (counts["sessions"], counts["odd"]) == (4, 1)
    [odd] = shown(client)
    explanation = odd["explanation"]
    assert (odd["kind"], odd["is_anomaly"], odd["message"]) == ("sequence", True, "step 4 of new-0")
    assert [step["pattern"] for step in explanation["missing"]] == ["step 3"]
    assert (explanation["session"], explanation["entries"]) == ("new-0", 4)
    assert [line["message"] for line in explanation["lines"]] == [f"step {step} of new-0" for step in WITHOUT_3]
    assert [line["id"] for line in explanation["lines"]] == explanation["entry_ids"]
    assert odd["id"] == explanation["entry_ids"][2]


def test_odd_sessions_do_not_stand_among_odd_entries(sessions: Sessions, client: TestClient) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3])

    sessions.detect()
    sessions.detect(LATER)

    assert (len(shown(client)), shown(client, kind="anomaly"), shown(client, kind="peak")) == (1, [], [])


def test_nothing_is_said_while_little_is_known(sessions: Sessions, client: TestClient) -> None:
    sessions.learn(sessions=100)
    sessions.put([WITHOUT_3])

    sessions.detect()
    counts = sessions.detect(LATER)

    assert (counts["sessions"], counts["odd"], counts["fitted"], shown(client)) == (1, 0, 0, [])


def test_a_session_that_comes_in_over_many_runs_is_judged_once_as_a_whole(sessions: Sessions) -> None:
    sessions.learn()
    found = []
    for number, step in enumerate([1, 2, 3, 4, 5]):
        sessions.put([[step]], timestamp=[NOON + timedelta(seconds=number)])
        found.append(sessions.detect(NOON + timedelta(minutes=9 * number)))

    found += [sessions.detect(NOON + timedelta(minutes=9 * 4) + GAP) for _ in range(2)]

    assert [counts.get("sessions", 0) for counts in found] == [0, 0, 0, 0, 0, 1, 0]
    assert sum(counts.get("odd", 0) for counts in found) == 0


def test_entries_without_a_session_leave_nothing_behind(sessions: Sessions) -> None:
    sessions.store(scored_frame(200))

    sessions.detect()

    with sessions.worker.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM open_sequences").fetchall() == [(0,)]


def test_of_many_odd_sessions_alike_few_are_shown_and_all_are_counted(sessions: Sessions, client: TestClient) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3] * 50)

    sessions.detect()
    sessions.detect(LATER)

    anomalies = shown(client)
    assert (len(anomalies), sum(one["count"] for one in anomalies)) == (10, 50)


@pytest.mark.both_postgres
def test_two_that_read_side_by_side_take_up_every_session_once(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNKS_AT_ONCE", 2)
    sessions.learn()
    for number in range(12):
        sessions.put([WITHOUT_3, *NORMAL], name=f"run-{number}")
    start, found = threading.Barrier(2), []

    def detect() -> None:
        start.wait(10)
        found.append(sessions.detect())

    threads = [threading.Thread(target=detect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.append(sessions.detect(LATER))

    assert sum(counts.get("sessions", 0) for counts in found) == 48
    assert sum(counts.get("odd", 0) for counts in found) == 12


def test_what_goes_wrong_in_a_run_leaves_everything_to_the_next(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3])

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("pulled the plug")

    with monkeypatch.context() as broken:
        broken.setattr(service, "advance", fail)
        with pytest.raises(RuntimeError):
            sessions.detect()
    sessions.detect()

    assert sessions.detect(LATER)["odd"] == 1


def test_a_run_that_is_overtaken_while_it_judges_leaves_the_sessions_to_the_other(
    sessions: Sessions, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3])
    sessions.detect()
    found = []

    def overtaken(*told: Any, **given: Any) -> Any:
        monkeypatch.setattr(service, "report", reporting.report)
        found.append(sessions.detect(LATER))
        return reporting.report(*told, **given)

    monkeypatch.setattr(service, "report", overtaken)
    found.append(sessions.detect(LATER))

    assert [counts["odd"] for counts in found] == [1, 0]
    assert len(shown(client)) == 1


def test_what_cannot_be_read_of_one_project_holds_up_no_other(
    db: Databases, sessions: Sessions, other_project: UUID, tmp_path: Path
) -> None:
    first, second = sorted([sessions, begun(db, other_project, tmp_path)], key=lambda one: one.project)
    for one in (first, second):
        one.put([WITHOUT_3])
    first.spoil(keep=0)

    with pytest.raises(CorruptBody):
        first.detect()

    with first.worker.transaction() as tx:
        assert tx.execute("SELECT project_id FROM open_sequences").fetchall() == [(second.project,)]


def test_a_chunk_that_cannot_be_read_is_stepped_over_after_some_runs(
    sessions: Sessions, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_FAILED_RUNS", 2)
    sessions.learn()
    sessions.put([WITHOUT_3], name="lost")
    sessions.spoil(keep=0)
    sessions.put([WITHOUT_3], name="kept")

    for _ in range(2):
        with pytest.raises(CorruptBody):
            sessions.detect()
    counts = sessions.detect()
    sessions.detect(LATER)

    assert counts["unreadable"] == 1
    assert [odd["explanation"]["session"] for odd in shown(client)] == ["kept-0"]


def test_an_odd_session_whose_lines_cannot_be_read_holds_up_the_others_for_some_runs_only(
    sessions: Sessions, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_FAILED_RUNS", 1)
    sessions.learn()
    sessions.put([WITHOUT_3], name="lost")
    sessions.detect()
    sessions.spoil(keep=0)
    sessions.put([WITHOUT_3], name="kept")

    with pytest.raises(CorruptBody):
        sessions.detect(LATER)
    counts = sessions.detect(LATER)
    sessions.detect(LATER + GAP)

    assert (counts["unreadable"], counts["odd"], counts["rows"]) == (1, 1, 0)
    assert [odd["explanation"]["session"] for odd in shown(client)] == ["kept-0"]
    with sessions.worker.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM sequence_stalls").fetchall() == [(0,)]


def test_days_are_those_of_arrival_whatever_the_timestamps_say(sessions: Sessions) -> None:
    sessions.learn()
    found = []
    for days in range(4):
        moments = [NOON - timedelta(days=days, seconds=step) for step in range(len(WITHOUT_3))]
        sessions.put([WITHOUT_3], name=f"of-day-{days}", timestamp=moments[::-1])
        sessions.detect(NOON + days * GAP)
        found.append(sessions.detect(NOON + (days + 1) * GAP)["odd"])

    with sessions.worker.transaction() as tx:
        [(blob,)] = tx.execute("SELECT training FROM sequence_sources").fetchall()
    _, suspects = Training.unpack(blob, grouping=SESSION).samples()
    assert (found, suspects.sequences) == ([1] * 4, (tuple(WITHOUT_3),))


def test_of_a_source_s_chunks_only_those_with_the_session_s_lines_are_read(
    sessions: Sessions, client: TestClient
) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3])
    sessions.detect()
    sessions.spoil(keep=1)

    sessions.detect(LATER)

    assert len(shown(client)) == 1


def test_of_long_lines_the_beginning_is_copied(sessions: Sessions, client: TestClient) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3], message=["x" * 5_000] * len(WITHOUT_3))

    sessions.detect()
    sessions.detect(LATER)

    [odd] = shown(client)
    assert [len(line["message"]) for line in odd["explanation"]["lines"]] == [2_000] * len(WITHOUT_3)


def test_projects_are_learned_from_apart(
    db: Databases, sessions: Sessions, other_project: UUID, tmp_path: Path
) -> None:
    other = begun(db, other_project, tmp_path)
    sessions.learn()
    other.put([[7, 8, 9]] * 250)
    other.detect()
    other.detect(LATER)

    other.put([WITHOUT_3, [7, 8, 9]], name="new")
    sessions.put([[7, 8, 9], NORMAL[0]], name="new")
    sessions.detect()
    counts = sessions.detect(LATER)

    assert (counts["sessions"], counts["odd"]) == (4, 2)


def test_compacted_lines_are_copied_all_the_same(sessions: Sessions, client: TestClient) -> None:
    sessions.learn()
    sessions.put([WITHOUT_3])
    sessions.detect()
    sessions.compact()

    sessions.detect(LATER)

    [odd] = shown(client)
    assert len(odd["explanation"]["lines"]) == len(WITHOUT_3)


def test_a_fault_that_lasts_a_day_does_not_become_normal(sessions: Sessions) -> None:
    sessions.learn()
    found = []
    for number in range(4):
        sessions.put([WITHOUT_3] * 300, name=f"fault-{number}")
        moment = NOON + timedelta(hours=number + 1)
        sessions.detect(moment)
        found.append(sessions.detect(moment + GAP)["odd"])

    assert found == [300] * 4
