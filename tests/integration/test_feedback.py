"""What people say of anomalies: what it changes from then on, and what it is laid over."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inbox import SNAPSHOT_OLD, Databases, Inbox, WatchedEncoder
from reading import client_with_key, key_of, refusal
from starlette.testclient import TestClient
from typer.testing import CliRunner

from functions.console.app import router as console_router
from functions.search.app import router
from oddline import feedback
from oddline.cli import connecting
from oddline.cli import feedback as command
from oddline.feedback import find_same
from oddline.identity import Scope
from oddline.objects import FolderObjects
from oddline.scoring import Scorer
from oddline.scoring import feedback as service
from oddline.scoring.knowledge import SIMILAR_DISTANCE
from oddline.submissions import entry_id, new_id

PATH = "/api/v1/feedback"
FAULT = "kernel panic: out of memory, killed process 4711 of the shop"
SIMILAR = "kernel panic: out of memory, killed task 4711 of the shop"
OTHER = "certificate of the bank has expired, payments are refused"
NOWHERE = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64003"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "verdict"),
    ({"pattern_id": 1, "verdict": "fine"}, "verdict"),
    ({"verdict": "expected"}, "entry_id"),
    ({"pattern_id": 1, "entry_id": NOWHERE, "verdict": "expected"}, "entry_id"),
    ({"entry_id": "1", "verdict": "expected"}, "entry_id"),
    ({"entry_id": NOWHERE, "source": "cart", "verdict": "expected"}, "source"),
    ({"pattern_id": -1, "verdict": "expected"}, "pattern_id"),
    ({"pattern_id": 2**31, "verdict": "expected"}, "pattern_id"),
    ({"pattern_id": 1, "source": "a\0b", "verdict": "expected"}, "source"),
    ({"pattern_id": 1, "note": "a\0b", "verdict": "expected"}, "note"),
    ({"pattern_id": 1, "note": "x" * 2_001, "verdict": "expected"}, "note"),
    ({"pattern_id": 1, "verdict": "expected", "until": "2027"}, "until"),
]


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client of the search function with a key that may administer."""
    with client_with_key(
        "search", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN, Scope.READ]
    ) as client:
        yield client


@pytest.fixture
def console(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client of the console function with a key that may read."""
    with client_with_key(
        "console", console_router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.READ]
    ) as client:
        yield client


def find(inbox: Inbox, project: UUID, message: str, *, scorer: Scorer | None = None, source: str = "cart") -> Any:
    """Score one more line; its entry as it is stored, with its id."""
    submission = inbox.submit(project, {"message": message, "source": source})
    inbox.clock.move(SNAPSHOT_OLD)
    inbox.score(scorer)
    [entry] = [row for row in inbox.entries(project).to_dicts() if row["submission"] == submission.bytes]
    return entry | {"id": str(entry_id(submission, 0))}


def give(client: TestClient, verdict: str, **about: Any) -> Any:
    answer = client.post(PATH, json={"verdict": verdict, **about})
    assert answer.status_code == 200, answer.text
    return answer.json()


def verdicts(client: TestClient, **parameters: Any) -> dict[str, str | None]:
    """What is said of the odd entries that the console lists, by message."""
    answer = client.get("/api/v1/anomalies", params=parameters)
    assert answer.status_code == 200, answer.text
    return {entry["message"]: entry["verdict"] for entry in answer.json()["anomalies"]}


def test_an_expected_pattern_and_what_resembles_it_is_odd_no_more(
    inbox: Inbox, client: TestClient, project: UUID
) -> None:
    scorer = inbox.scorer()
    odd = find(inbox, project, FAULT, scorer=scorer)

    given = give(client, "expected", entry_id=odd["id"], note="planned")

    again, similar, other = (find(inbox, project, line, scorer=scorer) for line in (FAULT, SIMILAR, OTHER))
    assert odd["is_anomaly"]
    assert (given["verdict"], given["source"], given["note"], given["hidden"]) == ("expected", "cart", "planned", 1)
    assert (given["pattern_id"], given["undone_at"]) == (odd["pattern_id"], None)
    assert [one["novelty"] for one in (again, similar)] == [0.0, 0.0]
    assert (other["is_anomaly"], other["nearest_pattern"]) == (True, odd["pattern_id"])


def test_what_was_undone_is_odd_again(inbox: Inbox, client: TestClient, project: UUID) -> None:
    scorer = inbox.scorer()
    odd = find(inbox, project, FAULT, scorer=scorer)
    given = give(client, "expected", entry_id=odd["id"])
    accepted = find(inbox, project, FAULT, scorer=scorer)

    answers = [client.delete(f"{PATH}/{given['id']}") for _ in range(2)]

    undone = find(inbox, project, FAULT, scorer=scorer)
    assert [answer.status_code for answer in answers] == [204, 204]
    assert (accepted["is_anomaly"], undone["is_anomaly"], undone["novelty"]) == (False, True, 1.0)


def test_a_confirmed_pattern_does_not_become_known(inbox: Inbox, client: TestClient, project: UUID) -> None:
    odd = find(inbox, project, FAULT)
    with inbox.db("worker").transaction() as tx:
        tx.execute(
            "INSERT INTO source_patterns VALUES (%s, 1, %s, now(), now(), 1, 14, current_date)",
            [project, odd["pattern_id"]],
        )
    known = find(inbox, project, FAULT)

    given = give(client, "confirmed", entry_id=odd["id"])

    confirmed = find(inbox, project, FAULT)
    assert (known["novelty"], confirmed["novelty"], given["hidden"]) == (0.0, 1.0, 0)


def test_a_verdict_on_an_entry_counts_in_its_source_and_one_on_a_pattern_in_all(
    inbox: Inbox, client: TestClient, project: UUID
) -> None:
    odd = find(inbox, project, FAULT)
    in_one = give(client, "expected", entry_id=odd["id"])
    elsewhere = find(inbox, project, FAULT, source="billing")

    in_all = give(client, "expected", pattern_id=odd["pattern_id"])

    after = find(inbox, project, FAULT, source="billing")
    assert (in_one["source"], in_all["source"], in_all["hidden"]) == ("cart", None, 2)
    assert (elsewhere["novelty"], after["novelty"]) == (1.0, 0.0)


def test_another_model_reads_what_was_said_before_it_came(inbox: Inbox, client: TestClient, project: UUID) -> None:
    odd = find(inbox, project, FAULT)
    give(client, "expected", entry_id=odd["id"])

    similar = find(inbox, project, SIMILAR, scorer=inbox.scorer(WatchedEncoder(version="two")))

    assert (similar["model_version"], similar["novelty"]) == ("two", 0.0)


def test_the_past_stays_as_found_and_shows_the_verdict_beside_it(
    inbox: Inbox, client: TestClient, console: TestClient, project: UUID
) -> None:
    odd = [find(inbox, project, line) for line in (FAULT, SIMILAR, OTHER)]
    harmless = find(inbox, project, "user 1 logged in")

    give(client, "expected", entry_id=odd[0]["id"])
    give(client, "confirmed", entry_id=odd[2]["id"])

    said = {FAULT: "expected", SIMILAR: "expected", OTHER: "confirmed"}
    listed = client.get("/api/v1/logs").json()["entries"]
    shown = client.get(f"/api/v1/logs/{odd[1]['id']}").json()
    assert verdicts(console) == said
    assert {one["message"]: one["verdict"] for one in listed} == said | {harmless["message"]: None}
    assert (shown["is_anomaly"], shown["verdict"]) == (True, "expected")


def test_odd_entries_are_filtered_by_what_is_said_of_them(
    inbox: Inbox, client: TestClient, console: TestClient, project: UUID
) -> None:
    odd = [find(inbox, project, line) for line in (FAULT, SIMILAR, OTHER)]
    give(client, "expected", entry_id=odd[0]["id"])

    assert verdicts(console, verdict="open").keys() == {OTHER}
    assert verdicts(console, verdict="expected").keys() == {FAULT, SIMILAR}
    assert verdicts(console, verdict=["open", "expected"]).keys() == {FAULT, SIMILAR, OTHER}
    assert verdicts(console, verdict="confirmed") == {}
    assert refusal(console.get("/api/v1/anomalies", params={"verdict": "fine"})) == (
        422,
        "invalid-parameter",
        "verdict.0",
    )


def test_the_latest_verdict_counts_and_undoing_it_brings_back_the_one_before(
    inbox: Inbox, client: TestClient, console: TestClient, project: UUID
) -> None:
    odd = find(inbox, project, FAULT)
    give(client, "expected", entry_id=odd["id"])
    changed = give(client, "confirmed", entry_id=odd["id"])
    latest = verdicts(console)

    client.delete(f"{PATH}/{changed['id']}")

    assert (latest, verdicts(console)) == ({FAULT: "confirmed"}, {FAULT: "expected"})


def test_the_same_said_twice_is_kept_once(inbox: Inbox, client: TestClient, project: UUID) -> None:
    odd = find(inbox, project, FAULT)

    given = [give(client, "expected", entry_id=odd["id"]) for _ in range(2)]

    assert given[0] == given[1]
    assert len(client.get(PATH).json()["feedback"]) == 1


def test_what_another_verdict_has_overruled_can_be_said_again(
    inbox: Inbox, client: TestClient, console: TestClient, project: UUID
) -> None:
    odd = find(inbox, project, FAULT)
    in_one: dict[str, Any] = {"entry_id": odd["id"]}
    in_all: dict[str, Any] = {"pattern_id": odd["pattern_id"]}
    said = [("expected", in_one), ("confirmed", in_all), ("expected", in_one), ("confirmed", in_all)]

    shown = []
    for verdict, about in said:
        give(client, verdict, **about)
        shown.append(verdicts(console)[FAULT])

    assert shown == ["expected", "confirmed", "expected", "confirmed"]


def test_a_verdict_that_is_taken_back_while_it_is_given_again_is_shown_as_it_is(
    inbox: Inbox, client: TestClient, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"entry_id": find(inbox, project, FAULT)["id"]}
    first = give(client, "expected", **about)

    def undone_meanwhile(*arguments: Any, **options: Any) -> UUID | None:
        same = find_same(*arguments, **options)
        client.delete(f"{PATH}/{first['id']}")
        return same

    monkeypatch.setattr(feedback, "find_same", undone_meanwhile)

    again = give(client, "expected", **about)

    assert (again["id"], again["undone_at"] is None) == (first["id"], False)


def test_a_preview_tells_what_would_have_been_hidden_and_changes_nothing(
    inbox: Inbox, client: TestClient, console: TestClient, project: UUID
) -> None:
    odd, similar, *_ = [find(inbox, project, line) for line in (FAULT, SIMILAR, SIMILAR, OTHER)]
    find(inbox, project, FAULT, source="billing")

    by_entry = client.get(f"{PATH}/preview", params={"entry_id": odd["id"]}).json()
    by_pattern = client.get(f"{PATH}/preview", params={"pattern_id": odd["pattern_id"]}).json()

    [follower] = by_entry["similar"]
    assert (by_entry["source"], by_entry["days"], by_entry["hidden"], by_entry["anomalies"]) == ("cart", 30, 3, 4)
    assert (follower["pattern_id"], follower["anomalies"]) == (similar["pattern_id"], 2)
    assert 0 < follower["distance"] < SIMILAR_DISTANCE
    assert (by_pattern["source"], by_pattern["hidden"], by_pattern["anomalies"]) == (None, 4, 5)
    assert set(verdicts(console).values()) == {None}


def test_verdicts_are_listed_newest_first_page_by_page(inbox: Inbox, client: TestClient, project: UUID) -> None:
    odd = [find(inbox, project, line) for line in (FAULT, OTHER)]
    given = [give(client, "expected", entry_id=one["id"])["id"] for one in odd]
    given.append(give(client, "confirmed", pattern_id=odd[0]["pattern_id"])["id"])
    client.delete(f"{PATH}/{given[1]}")

    first = client.get(PATH, params={"undone": True, "limit": 2}).json()
    second = client.get(PATH, params={"undone": True, "limit": 2, "after": first["next"]}).json()
    in_force = client.get(PATH).json()["feedback"]

    assert [one["id"] for one in first["feedback"] + second["feedback"]] == given[::-1]
    assert "next" not in second
    assert [one["id"] for one in in_force] == [given[2], given[0]]
    assert (in_force[0]["pattern"], in_force[0]["source"]) == (FAULT.replace("4711", "<num>"), None)


def test_what_the_project_does_not_have_is_not_found(
    inbox: Inbox, client: TestClient, project: UUID, other_project: UUID
) -> None:
    theirs = find(inbox, other_project, FAULT)
    ours = find(inbox, project, OTHER)
    about: list[dict[str, Any]] = [
        {"entry_id": theirs["id"]},
        {"entry_id": NOWHERE},
        {"pattern_id": 999},
        {"pattern_id": ours["pattern_id"], "source": "billing"},
    ]

    answers = [client.post(PATH, json={"verdict": "expected"} | one) for one in about]
    answers += [client.get(f"{PATH}/preview", params=one) for one in about]
    answers.append(client.delete(f"{PATH}/{NOWHERE}"))

    assert {refusal(answer)[:2] for answer in answers} == {(404, "not-found")}


def test_another_project_can_neither_see_nor_undo_a_verdict(
    inbox: Inbox, client: TestClient, project: UUID, other_project: UUID
) -> None:
    odd = find(inbox, project, FAULT)
    given = give(client, "expected", entry_id=odd["id"])
    stranger = key_of(inbox.db, other_project, Scope.ADMIN, Scope.READ)

    listed = client.get(PATH, headers=stranger).json()
    undone = client.delete(f"{PATH}/{given['id']}", headers=stranger)

    assert listed == {"feedback": []}
    assert refusal(undone)[:2] == (404, "not-found")
    assert find(inbox, other_project, FAULT)["is_anomaly"]


def test_of_an_entry_that_is_not_scored_yet_nothing_can_be_said(
    inbox: Inbox, client: TestClient, project: UUID
) -> None:
    submission = inbox.submit(project, FAULT)

    answer = client.post(PATH, json={"verdict": "expected", "entry_id": str(submission)})

    assert refusal(answer) == (409, "conflict", "entry_id")


def test_what_does_not_fit_is_refused_by_its_field(client: TestClient) -> None:
    answers = [client.post(PATH, json=body) for body, _ in WRONG]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", field) for _, field in WRONG]


def test_a_project_has_so_many_verdicts_at_most(
    inbox: Inbox, client: TestClient, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_IN_FORCE", 1)
    odd = [find(inbox, project, line) for line in (FAULT, OTHER)]
    give(client, "expected", entry_id=odd[0]["id"])

    answer = client.post(PATH, json={"verdict": "expected", "entry_id": odd[1]["id"]})

    assert refusal(answer)[:2] == (409, "conflict")


def test_a_key_that_only_reads_says_nothing(inbox: Inbox, client: TestClient, project: UUID) -> None:
    reading, submitting = key_of(inbox.db, project), key_of(inbox.db, project, Scope.INGEST)
    body = {"verdict": "expected", "pattern_id": 1}

    answers = [
        client.post(PATH, json=body, headers=reading),
        client.delete(f"{PATH}/{new_id()}", headers=reading),
        client.get(PATH, headers=submitting),
        client.get(f"{PATH}/preview", params={"pattern_id": 1}, headers=submitting),
    ]

    assert client.get(PATH, headers=reading).status_code == 200
    assert {refusal(answer)[:2] for answer in answers} == {(403, "forbidden")}


def test_the_command_gives_lists_and_undoes(
    inbox: Inbox, client: TestClient, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def api_client(**_: Any) -> Iterator[TestClient]:
        yield client

    monkeypatch.setattr(connecting, "api_client", api_client)
    odd = find(inbox, project, FAULT)
    run = CliRunner()

    given = run.invoke(command.app, ["expected", odd["id"], "--note", "planned"])
    listed = run.invoke(command.app, ["list", "--json"])
    undone = run.invoke(command.app, ["undo", given.output.split()[0]])
    unknown = run.invoke(command.app, ["confirmed", "999"])

    assert "Anomalies of the last 30 days that this hides: 1\n" in given.output
    assert '"note": "planned"' in listed.output
    assert (undone.exit_code, client.get(PATH).json()) == (0, {"feedback": []})
    assert "404 there is no pattern 999" in str(unknown.exception)
