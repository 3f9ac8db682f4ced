"""Sessions of entries are put together, judged once when they are over, and shown as odd entries of their own kind."""

import random
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_of, key_of, open_reading_parts
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_entries import Archive

from functions.console.app import router
from oddline.errors import CorruptBody
from oddline.scoring.sequences import detect_sequences, reporting, service

GAP = timedelta(minutes=10)
LATER = NOON + GAP + timedelta(seconds=1)
NORMAL = [[1, 2, 3, 4, 5], [1, 2, 2, 3, 4, 5], [1, 2, 4, 3, 5]]
WITHOUT_3 = [1, 2, 4, 5]


class Sessions(Archive):
    """Stores sessions of entries, and lets them be judged."""

    def put(self, sequences: Sequence[Sequence[int]], *, name: str = "s", **columns: Any) -> None:
        """Store one session for each of these sequences of pattern ids."""
        steps = [(f"{name}-{number}", step) for number, one in enumerate(sequences) for step in one]
        told = {"message": [f"step {step} of {session}" for session, step in steps]} | columns
        self.store(
            scored_frame(
                len(steps),
                spacing=timedelta(milliseconds=1),
                session=[session for session, _ in steps],
                pattern_id=[step for _, step in steps],
                **told,
            )
        )

    def spoil(self, *, keep: int) -> None:
        """Put nonsense into the project's chunks but the newest."""
        with self.worker.transaction() as tx:
            tx.execute(
                "UPDATE hot_chunks SET blob = 'nonsense' WHERE project_id = %(project)s AND id NOT IN (SELECT id"
                " FROM hot_chunks WHERE project_id = %(project)s ORDER BY xid DESC LIMIT %(keep)s)",
                {"project": self.project, "keep": keep},
            )

    def detect(self, now: datetime = NOON) -> dict[str, int]:
        return detect_sequences(db=self.worker, objects=self.objects, now=lambda: now, gap=GAP)

    def learn(self, sessions: int = 300) -> None:
        """Let the normal sequences become what is usual."""
        self.put(random.Random(1).choices(NORMAL, k=sessions), name="learned")
        self.detect()
        self.detect(LATER)


@pytest.fixture
def sessions(db: Databases, project: UUID, tmp_path: Path) -> Sessions:
    made = begun(db, project, tmp_path)
    with made.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO patterns SELECT %s, n, 1, n::text::bytea, 'step ' || n, now() FROM generate_series(1, 9) n",
            [project],
        )
    return made


def begun(db: Databases, project: UUID, folder: Path) -> Sessions:
    """Sessions of a project for which the reader has its cursor already: what was before it is not read."""
    made = Sessions.make(worker=db("worker"), search=db("search"), project=project, folder=folder)
    assert isinstance(made, Sessions)
    made.store(scored_frame(1))
    made.detect()
    return made


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with (
        open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts,
        client_of(router, parts) as client,
    ):
        client.headers.update(key_of(db, project))
        yield client


def shown(client: TestClient, **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/anomalies", params={"kind": "sequence", **asked})
    assert answer.status_code == 200, answer.text
    anomalies: list[dict[str, Any]] = answer.json()["anomalies"]
    return anomalies


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
