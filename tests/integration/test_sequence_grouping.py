"""Entries without a session are put together by an attribute, or by windows, where somebody asked for it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_with_key, refusal
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_sessions import GAP, LATER, NORMAL, WINDOW, WITHOUT_3, Sessions, begun, shown, usual_windows

from functions.console.app import router
from oddline.identity import Scope

PATH = "/api/v1/sources/source-1"
WRONG_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"sequence_window": 9}, "sequence_window"),
    ({"sequence_window": 3_601}, "sequence_window"),
    ({"sequence_window": 60.5}, "sequence_window"),
    ({"sequence_window": "long"}, "sequence_window"),
    ({"session_attribute": ""}, "session_attribute"),
    ({"session_attribute": "x" * 201}, "session_attribute"),
    ({"session_attribute": "a\0b"}, "session_attribute"),
]


@pytest.fixture
def sessions(db: Databases, project: UUID, tmp_path: Path) -> Sessions:
    return begun(db, project, tmp_path)


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console",
        router,
        db=db,
        redis_url=redis_url,
        folder=tmp_path,
        project=project,
        scopes=[Scope.ADMIN, Scope.READ],
    ) as client:
        yield client


@pytest.mark.usefixtures("sessions")
def test_what_is_set_is_shown_and_each_is_given_back_alone(client: TestClient) -> None:
    bodies = [{"sequence_window": 60}, {"session_attribute": "request_id"}, {"sequence_window": None}]
    answers = [client.put(PATH, json=body).json() for body in bodies]

    assert [(one["sequence_window"], one["session_attribute"]) for one in answers] == [
        (60, None),
        (60, "request_id"),
        (None, "request_id"),
    ]


@pytest.mark.usefixtures("sessions")
def test_what_does_not_fit_is_refused_by_its_field(client: TestClient) -> None:
    answers = [client.put(PATH, json=body) for body, _ in WRONG_BODIES]

    assert [refusal(one) for one in answers] == [(422, "invalid-parameter", field) for _, field in WRONG_BODIES]


@pytest.mark.both_postgres
def test_a_window_in_which_something_is_missing_is_told(sessions: Sessions, client: TestClient) -> None:
    client.put(PATH, json={"sequence_window": WINDOW})
    sessions.learn_windows()
    without_2 = [1, 1, 1, 1, 3, 3, 3, 3]
    sessions.put_windows([*usual_windows(20, seed=2), without_2])

    sessions.detect(LATER + GAP)
    counts = sessions.detect(LATER + 2 * GAP)

    [odd] = shown(client)
    told = odd["explanation"]
    assert (counts["sessions"], counts["odd"]) == (21, 1)
    assert (told["session"], told["grouping"], told["entries"]) == (None, "window:60", len(without_2))
    assert told["window"]["to"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert [one["pattern"] for one in told["missing"]] == ["step 2"]
    assert len(told["lines"]) == len(without_2)


def test_a_window_in_which_something_comes_too_often_is_told_by_the_first_that_is_too_many(
    sessions: Sessions, client: TestClient
) -> None:
    sessions.set(sequence_window=WINDOW)
    sessions.learn_windows()
    sessions.put_windows([[1, 2, 3, 1, 2, 3, 1, 2, 3, *[2] * 30]])

    sessions.detect(LATER + GAP)
    sessions.detect(LATER + 2 * GAP)

    [odd] = shown(client)
    [extra] = [one for one in odd["explanation"]["extra"] if one["pattern"] == "step 2"]
    assert odd["message"] == "step 2"
    assert extra["count"] >= 28
    assert odd["id"] == odd["explanation"]["entry_ids"][extra["place"]]


def test_nothing_is_judged_by_window_where_nobody_asked(sessions: Sessions) -> None:
    sessions.put_windows(usual_windows(10))

    sessions.detect()

    assert sessions.detect(LATER)["sessions"] == 0


def test_a_window_is_judged_when_its_end_and_the_last_that_came_of_it_are_the_gap_ago(sessions: Sessions) -> None:
    sessions.set(sequence_window=3_600)
    sessions.store(scored_frame(2, timestamp=[NOON, NOON + timedelta(minutes=50)]))

    found = [sessions.detect(NOON + timedelta(minutes=minute))["sessions"] for minute in (51, 69, 70)]

    assert found == [0, 0, 1]


def test_what_comes_to_a_window_after_it_was_judged_is_no_window_of_its_own(sessions: Sessions) -> None:
    sessions.set(sequence_window=WINDOW)
    sessions.learn_windows()
    sessions.put_windows([[1]], before=60)

    late = sessions.detect(LATER + GAP)
    after = sessions.detect(LATER + 2 * GAP)

    assert (late["late"], late["sessions"], after["sessions"], after["odd"]) == (1, 0, 0, 0)


def test_a_file_of_the_past_is_judged_window_by_window_once_it_is_whole(sessions: Sessions) -> None:
    sessions.set(sequence_window=WINDOW)
    first, second = usual_windows(2)
    sessions.put_windows([first, second], before=100)
    found = [sessions.detect()["sessions"]]
    sessions.put_windows([first[:2], second[:2]], before=100)

    found += [sessions.detect(NOON + timedelta(minutes=minute))["sessions"] for minute in (5, 14, 15)]

    assert found == [0, 0, 0, 2]


def test_entries_with_a_session_stand_in_no_window_and_are_learned_from_apart(
    sessions: Sessions, client: TestClient
) -> None:
    sessions.set(sequence_window=WINDOW)
    sessions.learn_windows()
    sessions.learn()
    sessions.put([WITHOUT_3, *NORMAL], name="new")

    sessions.detect(LATER + GAP)
    counts = sessions.detect(LATER + 2 * GAP)

    assert (counts["sessions"], counts["odd"]) == (4, 1)
    assert [one["explanation"]["grouping"] for one in shown(client)] == ["session"]


def test_windows_of_another_length_are_learned_from_anew(sessions: Sessions) -> None:
    sessions.set(sequence_window=WINDOW)
    sessions.learn_windows()
    sessions.set(sequence_window=2 * WINDOW)
    sessions.put_windows(usual_windows(20, seed=2))

    sessions.detect(LATER + GAP)
    counts = sessions.detect(LATER + 2 * GAP)

    assert (counts["sessions"], counts["odd"]) == (10, 0)


def test_an_attribute_puts_entries_together_and_what_has_none_is_left_to_windows(sessions: Sessions) -> None:
    sessions.set(session_attribute="request_id", sequence_window=WINDOW)
    sessions.store(
        scored_frame(
            6,
            attributes=[
                '{"request_id":"a","user":1}',
                '{"request_id":7}',
                '{"request_id":"a"}',
                '{"request_id":null}',
                '{"request_id":["a"]}',
                "",
            ],
        )
    )

    sessions.detect()
    sessions.detect(LATER + GAP)

    with sessions.worker.transaction() as tx:
        learned = dict(tx.execute("SELECT grouping, sessions FROM sequence_sources").fetchall())
    assert learned == {"attribute:request_id": 2, f"window:{WINDOW}": 1}


def test_a_trace_can_stand_for_a_session(sessions: Sessions, client: TestClient) -> None:
    sessions.set(session_attribute="trace_id")
    steps = [(number, step) for number in range(300) for step in NORMAL[number % 3]]
    sessions.store(
        scored_frame(
            len(steps),
            spacing=timedelta(milliseconds=1),
            trace_id=[f"{number:032x}" for number, _ in steps],
            pattern_id=[step for _, step in steps],
        )
    )
    sessions.detect()
    sessions.detect(LATER)
    sessions.store(scored_frame(4, trace_id=f"{300:032x}", pattern_id=WITHOUT_3))

    sessions.detect(LATER)
    counts = sessions.detect(LATER + GAP)

    [odd] = shown(client)
    assert (counts["odd"], odd["explanation"]["session"]) == (1, f"{300:032x}")
    assert odd["explanation"]["grouping"] == "attribute:trace_id"
