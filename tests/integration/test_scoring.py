"""From a submission to its chunks and its result: each entry exactly once, whatever goes wrong meanwhile."""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inbox import LEASE, Databases, Inbox, WatchedEncoder

from oddline.errors import ModelUnavailable
from oddline.objects import FolderObjects
from oddline.submissions import ATTEMPTS, MOST_ENTRIES, entry_id, take_entries
from oddline.tasks import State

LONGEST_WAIT = timedelta(seconds=61)  # between two attempts


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


def side_by_side(*work: Any) -> None:
    """Run these at once; what one of them raises fails the test."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(work))

    def run(one: Any) -> None:
        try:
            start.wait(10)
            one()
        except BaseException as error:  # whatever it is belongs to the main thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=[one]) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.both_postgres
def test_a_single_entry_is_stored_with_its_score_and_told_as_the_result(inbox: Inbox, project: UUID) -> None:
    submission = inbox.submit(project, "user 1 logged in")

    inbox.score()

    task, [entry] = inbox.task(submission), inbox.entries(project).to_dicts()
    assert task.state is State.SUCCESS
    assert task.result.keys() == {"log_entry_id", "anomaly_score", "processing_time", "analyzed_at", "is_anomaly"}
    assert task.result["log_entry_id"] == str(entry_id(submission, 0))
    assert task.result["anomaly_score"] == pytest.approx(entry["score"], abs=1e-6)
    assert entry["score"] == pytest.approx(entry["novelty"] * entry["severity"])


def test_what_the_caller_declared_is_stored_as_it_was(inbox: Inbox, project: UUID) -> None:
    declared = {
        "message": "paid 12 EUR",
        "timestamp": "2026-01-02T03:04:05.678901Z",
        "severity": "error",
        "source": "checkout",
        "attributes": {"shop": "north"},
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "session": "s-1",
    }

    submission = inbox.submit(project, declared)
    inbox.score()

    [entry] = inbox.entries(project).to_dicts()
    assert {name: entry[name] for name in ("message", "source", "trace_id", "span_id", "session")} == {
        name: declared[name] for name in ("message", "source", "trace_id", "span_id", "session")
    }
    assert entry["timestamp"].isoformat() == "2026-01-02T03:04:05.678901+00:00"
    assert (entry["severity_number"], entry["severity_text"], entry["attributes"]) == (17, "ERROR", '{"shop":"north"}')
    assert (entry["submission"], entry["index"], entry["received_at"]) == (submission.bytes, 0, inbox.clock())


def test_the_result_of_a_batch_tells_its_sums(inbox: Inbox, project: UUID) -> None:
    batch = inbox.submit(project, "user 1 logged in", "kernel panic: out of memory", "user 2 logged in")

    inbox.score()

    result, stored = inbox.task(batch).result, inbox.entries(project)
    assert (result["batch_id"], result["entries"], result["anomalies"]) == (str(batch), 3, stored["is_anomaly"].sum())
    assert result["highest_score"] == pytest.approx(stored["score"].max(), abs=1e-6)
    assert result["oddest_entry_id"] == str(entry_id(batch, stored["score"].arg_max() or 0))


def test_a_database_with_another_time_zone_changes_no_time(inbox: Inbox, db: Databases, project: UUID) -> None:
    with db("owner").autocommit() as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Pacific/Auckland'")

    inbox.submit(project, "user 1 logged in")
    inbox.score()

    [entry] = inbox.entries(project).to_dicts()
    assert entry["received_at"] == entry["timestamp"] == inbox.clock()
    assert inbox.rows("SELECT arrival_day FROM hot_chunks") == [(inbox.clock().date(),)]


def test_old_and_future_entries_of_a_batch_stand_in_chunks_of_their_own(inbox: Inbox, project: UUID) -> None:
    inbox.clock.now = inbox.clock.now.replace(hour=12)
    moments = [inbox.clock.now + timedelta(hours=hours) for hours in (0, 20, -24 * 400, -24 * 20)]

    batch = inbox.submit(project, *({"message": "tick", "timestamp": moment.isoformat()} for moment in moments))
    inbox.score()

    chunks = inbox.rows("SELECT late, entries FROM hot_chunks ORDER BY late, entries")
    [(named,)] = inbox.rows("SELECT cardinality(chunk_ids) FROM submission_state")
    assert chunks == [(False, 1), (False, 1), (True, 2)]
    assert named == 3
    assert inbox.entry_ids(project) == [entry_id(batch, index) for index in range(4)]


def test_submissions_of_two_arrival_days_in_one_claim_stand_in_chunks_of_their_days(
    inbox: Inbox, project: UUID
) -> None:
    inbox.clock.move(timedelta(days=-1))
    first = inbox.submit(project, "of yesterday")
    inbox.clock.move(timedelta(days=1))
    second = inbox.submit(project, "of today")

    [scored] = inbox.score()

    today = inbox.clock().date()
    assert scored.submissions == 2
    assert inbox.rows("SELECT arrival_day, lowest_id FROM hot_chunks ORDER BY arrival_day") == [
        (today - timedelta(days=1), entry_id(first, 0)),
        (today, entry_id(second, 0)),
    ]


def test_the_largest_batch_is_stored_whole(inbox: Inbox, project: UUID) -> None:
    batch = inbox.submit(project, *(f"request {number} took {number % 97} ms" for number in range(MOST_ENTRIES)))

    inbox.score()

    assert inbox.entries(project)["index"].to_list() == list(range(MOST_ENTRIES))
    assert inbox.task(batch).result["entries"] == MOST_ENTRIES


def test_single_submissions_of_a_claim_share_one_chunk(inbox: Inbox, project: UUID) -> None:
    for number in range(20):
        inbox.submit(project, f"user {number} logged in")

    [scored] = inbox.score()

    assert (scored.submissions, scored.entries) == (20, 20)
    assert inbox.rows("SELECT entries FROM hot_chunks") == [(20,)]


def test_a_project_that_fails_does_not_touch_the_others_of_the_claim(
    inbox: Inbox, project: UUID, other_project: UUID
) -> None:
    broken, whole = inbox.submit(project, "a"), inbox.submit(other_project, "b")
    inbox.replace_body(broken, b"no such body")

    first = inbox.score_once(inbox.scorer())

    assert first is not None
    assert (first.submissions, inbox.task(whole).state) == (1, State.SUCCESS)
    assert inbox.task(broken).state is State.RETRY
    assert "CorruptBody" in (inbox.task(broken).error or "")


@pytest.mark.both_postgres
def test_what_is_lost_while_it_is_scored_is_written_by_its_new_holder_alone(inbox: Inbox, project: UUID) -> None:
    ids = [inbox.submit(project, f"{word} happened") for word in ("alpha", "beta", "gamma")]
    lost = ids[1]

    def let_another_take_it(patterns: Sequence[str]) -> None:
        with inbox.db("worker").transaction() as tx:
            past = inbox.clock() - timedelta(seconds=1)
            tx.execute("UPDATE submission_state SET lease_until = %s WHERE id = %s", [past, lost])
        assert [claim.submissions for claim in inbox.score(worker="new holder")] == [1]

    [scored] = inbox.score(inbox.scorer(WatchedEncoder(before=let_another_take_it)), worker="old holder")

    assert scored.submissions == 2
    assert inbox.entry_ids(project) == [entry_id(one, 0) for one in ids]
    assert [inbox.task(one).attempt for one in ids] == [1, 2, 1]
    assert inbox.rows("SELECT entries FROM hot_chunks ORDER BY entries") == [(1,), (2,)]


def test_a_claim_that_is_lost_as_a_whole_writes_nothing(inbox: Inbox, project: UUID) -> None:
    inbox.submit(project, "alpha happened")

    def let_the_lease_run_out(patterns: Sequence[str]) -> None:
        inbox.clock.move(LEASE + timedelta(seconds=1))
        inbox.score(worker="new holder")

    [scored] = inbox.score(inbox.scorer(WatchedEncoder(before=let_the_lease_run_out)))

    assert (scored.submissions, scored.entries) == (0, 0)
    assert inbox.rows("SELECT count(*) FROM hot_chunks") == [(1,)]


def test_what_no_model_can_read_now_is_given_back_and_costs_no_attempt(inbox: Inbox, project: UUID) -> None:
    submission = inbox.submit(project, "alpha happened")

    def fail(patterns: Sequence[str]) -> None:
        raise ModelUnavailable("it is being replaced")

    [scored] = inbox.score(inbox.scorer(WatchedEncoder(before=fail)))
    given_back = inbox.task(submission)
    assert scored.retry_after is not None
    inbox.clock.move(scored.retry_after)
    inbox.score()

    assert (given_back.state, given_back.attempt) == (State.PENDING, 0)
    assert (inbox.task(submission).state, inbox.task(submission).attempt) == (State.SUCCESS, 1)


def test_a_poisonous_submission_ends_as_a_dead_letter_and_its_mates_are_stored(inbox: Inbox, project: UUID) -> None:
    mates = [inbox.submit(project, f"{word} happened") for word in ("alpha", "beta")]
    poison = inbox.submit(project, "gamma happened")
    columns, _ = take_entries([{"message": "gamma happened"}], now=inbox.clock())
    columns.severity_numbers = [300]
    inbox.replace_body(poison, columns)

    for _ in range(ATTEMPTS):
        inbox.score()
        inbox.clock.move(LONGEST_WAIT)

    assert [inbox.task(one).state for one in mates] == [State.SUCCESS, State.SUCCESS]
    assert (inbox.task(poison).state, inbox.task(poison).attempt) == (State.FAILURE, ATTEMPTS)
    assert inbox.entry_ids(project) == [entry_id(one, 0) for one in mates]


def test_a_body_with_fewer_entries_than_were_accepted_is_never_stored(inbox: Inbox, project: UUID) -> None:
    submission = inbox.submit(project, "alpha", "beta")
    columns, _ = take_entries([{"message": "alpha"}], now=inbox.clock())
    inbox.replace_body(submission, columns)

    inbox.score()

    assert inbox.entry_ids(project) == []
    assert inbox.task(submission).state is State.RETRY


def test_a_share_of_unreadable_bodies_is_looked_for_again_when_the_first_of_them_is_due(
    inbox: Inbox, project: UUID, other_project: UUID
) -> None:
    for one in (project, project, other_project):
        inbox.replace_body(inbox.submit(one, "a"), b"no such body")

    scored = inbox.score_once(inbox.scorer())

    assert scored is not None
    assert scored.retry_after is not None
    due = inbox.rows("SELECT min(not_before) FROM submission_state")[0][0]
    assert due == inbox.clock() + scored.retry_after


@pytest.mark.both_postgres
def test_scorers_side_by_side_store_everything_once(inbox: Inbox, project: UUID, other_project: UUID) -> None:
    ids = {
        one: [inbox.submit(one, f"user {number} logged in", f"word{number % 7} happened") for number in range(60)]
        for one in (project, other_project)
    }

    def score_in_small_claims() -> None:
        scorer = inbox.scorer()
        scorer.lines_per_second = 1.0
        inbox.score(scorer)

    side_by_side(*[score_in_small_claims] * 3)

    for one, submitted in ids.items():
        assert inbox.entry_ids(one) == [entry_id(submission, index) for submission in submitted for index in (0, 1)]
    assert inbox.rows("SELECT DISTINCT state FROM submission_state") == [("done",)]


def test_one_pattern_in_two_projects_is_two_rows(inbox: Inbox, project: UUID, other_project: UUID) -> None:
    inbox.submit(project, "user 1 logged in")
    inbox.submit(other_project, "user 2 logged in")

    inbox.score()

    assert Counter(inbox.rows("SELECT project_id, pattern FROM patterns")) == {
        (project, "user <num> logged in"): 1,
        (other_project, "user <num> logged in"): 1,
    }


def test_another_process_need_not_read_known_patterns_again(inbox: Inbox, project: UUID) -> None:
    first, second = WatchedEncoder(), WatchedEncoder()
    inbox.submit(project, "user 1 logged in", "alpha happened", "user 2 logged in")
    inbox.score(inbox.scorer(first))

    inbox.submit(project, "user 3 logged in", "alpha happened")
    inbox.score(inbox.scorer(second))

    assert Counter(first.read) == {"user <num> logged in": 1, "alpha happened": 1}
    assert second.read == []


def test_another_model_reads_every_pattern_again_and_keeps_its_own_memo(inbox: Inbox, project: UUID) -> None:
    inbox.submit(project, "alpha happened")
    inbox.score(inbox.scorer(WatchedEncoder(version="one")))

    inbox.submit(project, "alpha happened")
    inbox.score(inbox.scorer(WatchedEncoder(version="two")))

    memos = inbox.rows("SELECT pattern_id, model_version FROM pattern_memo ORDER BY model_version")
    assert memos == [(1, "one"), (1, "two")]
    assert inbox.entries(project)["model_version"].to_list() == ["one", "two"]


@pytest.mark.both_postgres
def test_patterns_and_sources_that_several_learn_at_once_are_there_once(inbox: Inbox, project: UUID) -> None:
    texts = [f"{first}{second} happened" for first in "abcdef" for second in "uvwxyz"]
    seen: list[dict[str, int]] = []

    def learn(order: list[str]) -> None:
        memory = inbox.scorer().memories.of(project)
        for start in range(0, len(order), 6):
            part = order[start : start + 6]
            memory.sources(inbox.db("worker"), part, now=inbox.clock())
            patterns = memory.patterns(inbox.db("worker"), part, now=inbox.clock())
            seen.append({pattern.text: pattern.id for pattern in patterns})

    side_by_side(*[lambda order=order: learn(order) for order in (texts, texts[::-1], texts[7:] + texts[:7])])

    ids = dict(inbox.rows("SELECT pattern, id FROM patterns"))
    assert ids.keys() == set(texts)
    assert all(ids[text] == identifier for part in seen for text, identifier in part.items())
    assert inbox.rows("SELECT count(*), count(DISTINCT name), count(DISTINCT id) FROM sources") == [(36, 36, 36)]


def test_a_large_body_is_read_from_the_object_store(inbox: Inbox, project: UUID) -> None:
    submission = inbox.submit(project, "a")
    [(body,)] = inbox.rows("SELECT body FROM submissions")
    inbox.objects.put("bodies/one", body, metadata={})
    with inbox.db("worker").transaction() as tx:
        tx.execute("UPDATE submissions SET body = NULL, body_object = 'bodies/one'")

    inbox.score()

    assert inbox.entry_ids(project) == [entry_id(submission, 0)]


def test_the_ids_of_entries_are_their_places_in_the_request_not_among_the_accepted(inbox: Inbox, project: UUID) -> None:
    submission = inbox.submit(project, "a", "b")
    columns, _ = take_entries([{"message": "a"}, {"message": 7}, {"message": "b"}], now=inbox.clock())
    inbox.replace_body(submission, columns)

    inbox.score()

    assert inbox.entry_ids(project) == [entry_id(submission, 0), entry_id(submission, 2)]


def test_a_body_that_the_object_store_does_not_give_holds_up_nobody_else(inbox: Inbox, project: UUID) -> None:
    mates = [inbox.submit(project, "alpha happened"), inbox.submit(project, "beta happened")]
    stuck = inbox.submit(project, "gamma happened")
    with inbox.db("worker").transaction() as tx:
        tx.execute("UPDATE submissions SET body = NULL, body_object = 'bodies/gone/away' WHERE id = %s", [stuck])

    inbox.score()

    assert [inbox.task(one).state for one in mates] == [State.SUCCESS, State.SUCCESS]
    assert inbox.task(stuck).state in {State.PENDING, State.RETRY}
