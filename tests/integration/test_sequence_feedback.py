"""What people say of odd sequences: what is told from then on, what is learned from, what the past shows beside it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from acting import TESTER
from reading import Databases, client_of, key_of, open_reading_parts, refusal
from scored_frames import NOON
from starlette.testclient import TestClient
from stored_entries import ids
from stored_sessions import GAP, LATER, NORMAL, WINDOW, WITHOUT_3, Sessions, begun, shown, usual_windows
from typer.testing import CliRunner

from functions.console.app import router as console_router
from functions.search.app import router
from oddline.cli import connecting
from oddline.cli import feedback as command
from oddline.entries import entry_view, get_entry
from oddline.feedback import Verdict
from oddline.identity import Scope
from oddline.scoring.sequences import Profile, Sample
from oddline.scoring.sequences import feedback as service
from oddline.scoring.sequences.training import pack_profile, unpack_profile
from oddline.submissions import new_id

PATH = "/api/v1/feedback"
LONG = [*range(1, 10), *range(1, 10), *range(1, 5)]  # 22 steps
SWAPPED = [2, 1, *LONG[2:]]
SWAPPED_TOO = [*LONG[:2], 4, 3, *LONG[4:]]
SWAPPED_TWICE = [2, 1, 4, 3, *LONG[4:]]


@pytest.fixture
def sessions(db: Databases, project: UUID, tmp_path: Path) -> Sessions:
    return begun(db, project, tmp_path)


@pytest.fixture
def clients(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[tuple[TestClient, TestClient]]:
    """Clients of the search and of the console function with a key that may administer."""
    headers = key_of(db, project, Scope.ADMIN, Scope.READ)
    with ExitStack() as opened:
        made = []
        for side, routes in (("search", router), ("console", console_router)):
            parts = opened.enter_context(open_reading_parts(db(side), redis_url=redis_url, folder=tmp_path))  # type: ignore[arg-type]
            made.append(opened.enter_context(client_of(routes, parts)))
            made[-1].headers.update(headers)
        yield made[0], made[1]


@pytest.fixture
def client(clients: tuple[TestClient, TestClient]) -> TestClient:
    return clients[0]


@pytest.fixture
def console(clients: tuple[TestClient, TestClient]) -> TestClient:
    return clients[1]


def give(client: TestClient, verdict: str, odd: dict[str, Any], **more: Any) -> Any:
    answer = client.post(PATH, json={"kind": "sequence", "verdict": verdict, "entry_id": odd["id"], **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


class Runs:
    """Judges one batch of sessions after the other, each at a later time."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.number = 0

    def judge(self, *sequences: list[int]) -> dict[str, int]:
        self.number += 1
        self.sessions.put(sequences, name=f"run-{self.number}")
        self.sessions.detect(LATER + 2 * self.number * GAP)
        return self.sessions.detect(LATER + (2 * self.number + 1) * GAP)


def told(console: TestClient, **asked: str) -> dict[str, str | None]:
    """What is said of the odd sessions that are listed, by the session."""
    return {one["explanation"]["session"]: one["verdict"] for one in shown(console, **asked)}


@pytest.mark.both_postgres
def test_an_expected_sequence_is_told_no_more_and_the_past_shows_the_verdict(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.learn()
    runs = Runs(sessions)
    runs.judge(WITHOUT_3, [1, 9])
    odd, other = sorted(shown(console), key=lambda one: one["explanation"]["session"])

    given = give(client, "expected", odd, note="planned")
    again = runs.judge(WITHOUT_3)

    assert (given["kind"], given["source"], given["steps"], given["hidden"]) == ("sequence", "source-1", 4, 1)
    assert (given["entry_id"], given["pattern_id"], given["note"]) == (odd["id"], None, "planned")
    assert (again["sessions"], again["odd"], again["expected"]) == (1, 0, 1)
    assert told(console) == {"run-1-0": "expected", "run-1-1": None}
    assert [one["is_anomaly"] for one in shown(console)] == [True, True]
    assert (told(console, verdict="open").keys(), told(console, verdict="expected").keys()) == (
        {"run-1-1"},
        {"run-1-0"},
    )
    assert other["verdict"] is None


def test_what_was_undone_is_told_again(sessions: Sessions, client: TestClient, console: TestClient) -> None:
    sessions.learn()
    runs = Runs(sessions)
    runs.judge(WITHOUT_3)
    given = give(client, "expected", shown(console)[0])
    accepted = runs.judge(WITHOUT_3)

    answers = [client.delete(f"{PATH}/{given['id']}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert (accepted["odd"], runs.judge(WITHOUT_3)["odd"]) == (0, 1)
    assert set(told(console).values()) == {None}


def test_a_confirmed_sequence_is_told_every_time_and_shows_it(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.learn()
    runs = Runs(sessions)
    runs.judge(WITHOUT_3)
    give(client, "confirmed", shown(console)[0])
    usual = pack_profile(Profile.fit(Sample.of([*NORMAL, WITHOUT_3] * 100), seed=1))
    with sessions.worker.transaction() as tx:
        tx.execute("UPDATE sequence_sources SET profile = %b", [usual])

    counts = runs.judge(WITHOUT_3)

    assert counts["odd"] == 1
    assert told(console) == {"run-1-0": "confirmed", "run-2-0": "confirmed"}


def learned(sessions: Sessions) -> set[tuple[int, ...]]:
    """The sequences that the only profile was learned from."""
    with sessions.worker.transaction() as tx, tx.cursor(binary=True) as cursor:
        [(blob,)] = cursor.execute("SELECT profile FROM sequence_sources").fetchall()
    return set(unpack_profile(blob).sample.sequences)


def test_what_is_expected_is_learned_from_at_once_and_no_more_once_undone(
    db: Databases, sessions: Sessions, client: TestClient, console: TestClient, project: UUID
) -> None:
    sessions.learn()
    runs = Runs(sessions)
    runs.judge(WITHOUT_3)
    before = learned(sessions)
    search = db("search")
    minute = LATER + timedelta(minutes=1)
    odd = service.find_sequence(UUID(shown(console)[0]["id"]), db=search, project=project, now=NOON)
    about: dict[str, Any] = {"note": "", "key_id": new_id(), "by": TESTER, "db": search, "project": project}

    kept, hidden = service.give(odd, verdict=Verdict.EXPECTED, now=minute, **about)
    fitted = sessions.detect(LATER + 5 * GAP)["fitted"]
    accepted = learned(sessions)
    client.delete(f"{PATH}/{kept.id}")
    with sessions.worker.transaction() as tx:
        tx.execute("UPDATE sequence_feedback SET undone_at = %s", [LATER + 6 * GAP])
    sessions.detect(LATER + 7 * GAP)

    assert (hidden, fitted) == (1, 1)
    assert tuple(WITHOUT_3) not in before
    assert tuple(WITHOUT_3) in accepted
    assert tuple(WITHOUT_3) not in learned(sessions)


def test_nearly_the_same_steps_follow_and_others_do_not(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.put([LONG] * 300, name="learned")
    sessions.detect()
    sessions.detect(LATER)
    runs = Runs(sessions)
    found = runs.judge(SWAPPED, SWAPPED_TOO, SWAPPED_TWICE, LONG[:-1])
    by_session = {one["explanation"]["session"]: one for one in shown(console)}
    about = by_session["run-1-2"]

    preview = client.get(f"{PATH}/preview", params={"kind": "sequence", "entry_id": about["id"]}).json()
    given = give(client, "expected", about)

    assert found["odd"] == 4
    assert (preview["hidden"], preview["anomalies"], given["hidden"]) == (3, 4, 3)
    assert {one["session"] for one in preview["similar"]} == {"run-1-0", "run-1-1"}
    assert told(console) == {"run-1-0": "expected", "run-1-1": "expected", "run-1-2": "expected", "run-1-3": None}
    assert runs.judge(SWAPPED, SWAPPED_TOO, SWAPPED_TWICE, LONG[:-1])["odd"] == 1


def test_confirming_a_wrong_order_says_nothing_of_the_right_one(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.put([LONG] * 300, name="learned")
    sessions.detect()
    sessions.detect(LATER)
    runs = Runs(sessions)
    runs.judge(SWAPPED)

    give(client, "confirmed", shown(console)[0])

    assert runs.judge(LONG, SWAPPED)["odd"] == 1


def test_windows_with_nearly_the_same_counts_follow(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.set(sequence_window=WINDOW)
    sessions.learn_windows()
    sessions.put_windows([[1, 1, 1, 1, 3, 3, 3], [1, 1, 1, 3, 3, 3, 3], [1] * 30], before=2)
    sessions.detect(LATER + GAP)
    sessions.detect(LATER + 2 * GAP)
    odd = next(one for one in shown(console) if one["explanation"]["entries"] == 7)

    given = give(client, "expected", odd)
    sessions.put_windows([*usual_windows(1), [3, 1, 3, 1, 3, 1, 3]])
    sessions.detect(LATER + 3 * GAP)
    counts = sessions.detect(LATER + 4 * GAP)

    assert given["hidden"] == 2
    assert (counts["sessions"], counts["odd"], counts["expected"]) == (2, 0, 1)


def test_the_same_said_twice_is_kept_once_and_the_latest_counts(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3)
    [odd] = shown(console)

    first, second = (give(client, "expected", odd) for _ in range(2))
    changed = give(client, "confirmed", odd)
    latest = told(console)
    client.delete(f"{PATH}/{changed['id']}")

    listed = client.get(PATH, params={"undone": True}).json()["feedback"]
    assert first == second
    assert (latest, told(console)) == ({"run-1-0": "confirmed"}, {"run-1-0": "expected"})
    assert [(one["id"], one["undone_at"] is None) for one in listed] == [(changed["id"], False), (first["id"], True)]


def test_a_verdict_on_a_sequence_says_nothing_of_its_entry(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3)
    [odd] = shown(console)

    give(client, "expected", odd)

    entry = get_entry(UUID(odd["id"]), db=sessions.search, objects=sessions.objects, project=sessions.project, now=NOON)
    assert entry["verdict"] is None


def test_what_does_not_fit_is_refused_by_its_field(sessions: Sessions, client: TestClient) -> None:
    sessions.put([NORMAL[0]])
    [normal, *_] = ids(map(entry_view, sessions.frames[-1].iter_rows(named=True)))
    bodies: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
        ({}, (422, "invalid-parameter", "entry_id")),
        ({"pattern_id": 1}, (422, "invalid-parameter", "pattern_id")),
        ({"entry_id": normal, "source": "source-1"}, (422, "invalid-parameter", "source")),
        ({"entry_id": normal}, (404, "not-found", "entry_id")),
    ]

    answers = [client.post(PATH, json={"kind": "sequence", "verdict": "expected"} | body) for body, _ in bodies]

    assert [refusal(answer) for answer in answers] == [expected for _, expected in bodies]


def test_a_project_has_so_many_verdicts_on_sequences_at_most(
    sessions: Sessions, client: TestClient, console: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_IN_FORCE", 1)
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3, [1, 9])
    first, second = shown(console)
    give(client, "expected", first)

    answer = client.post(PATH, json={"kind": "sequence", "verdict": "expected", "entry_id": second["id"]})

    assert refusal(answer)[:2] == (409, "conflict")


@pytest.mark.both_postgres
def test_another_project_neither_sees_nor_gives_nor_undoes_one(
    db: Databases, sessions: Sessions, client: TestClient, console: TestClient, other_project: UUID
) -> None:
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3)
    [odd] = shown(console)
    given = give(client, "expected", odd)
    stranger = key_of(db, other_project, Scope.ADMIN, Scope.READ)

    listed = client.get(PATH, headers=stranger).json()
    theirs = client.post(
        PATH, json={"kind": "sequence", "verdict": "expected", "entry_id": odd["id"]}, headers=stranger
    )
    undone = client.delete(f"{PATH}/{given['id']}", headers=stranger)

    assert listed == {"feedback": []}
    assert [refusal(answer)[:2] for answer in (theirs, undone)] == [(404, "not-found")] * 2


@pytest.mark.both_postgres
def test_no_role_writes_a_verdict_into_another_project(
    db: Databases, sessions: Sessions, client: TestClient, console: TestClient, other_project: UUID
) -> None:
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3)
    give(client, "expected", shown(console)[0])
    tables = ["odd_sequences", "sequence_feedback", "sequence_feedback_entries"]

    with db("search").transaction(project=sessions.project) as tx:
        own = [tx.execute(f"SELECT count(*) FROM {table}").fetchall() for table in tables]
    with db("search").transaction(project=other_project) as tx:
        foreign = [tx.execute(f"SELECT count(*) FROM {table}").fetchall() for table in tables]

    assert (own, foreign) == ([[(1,)]] * 3, [[(0,)]] * 3)
    copy = "INSERT INTO sequence_feedback_entries SELECT %s, entry_id, feedback_id, 0 FROM sequence_feedback_entries"
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        db("search").transaction(project=sessions.project) as tx,
    ):
        tx.execute(copy, [other_project])


def test_what_goes_with_its_retention_takes_its_steps_and_its_cover_along(
    sessions: Sessions, client: TestClient, console: TestClient
) -> None:
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3)
    give(client, "expected", shown(console)[0])

    with sessions.worker.transaction() as tx:
        tx.execute("DELETE FROM odd_entries")

        left = [
            tx.execute(f"SELECT count(*) FROM {table}").fetchall()
            for table in ("odd_sequences", "sequence_feedback_entries", "sequence_feedback")
        ]
    assert left == [[(0,)], [(0,)], [(1,)]]
    assert Runs(sessions).judge(WITHOUT_3)["expected"] == 1


def test_the_command_gives_lists_and_undoes(
    sessions: Sessions, client: TestClient, console: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def api_client(**_: Any) -> Iterator[TestClient]:
        yield client

    monkeypatch.setattr(connecting, "api_client", api_client)
    sessions.learn()
    Runs(sessions).judge(WITHOUT_3)
    [odd] = shown(console)
    run = CliRunner()

    given = run.invoke(command.app, ["expected", odd["id"], "--sequence"])
    listed = run.invoke(command.app, ["list"])
    undone = run.invoke(command.app, ["undo", given.output.split()[0]])

    assert "expected: a sequence of 4 steps\nAnomalies of the last 30 days that this hides: 1\n" in given.output
    assert f"4 steps, {odd['id']}" in listed.output
    assert (undone.exit_code, client.get(PATH).json()) == (0, {"feedback": []})
