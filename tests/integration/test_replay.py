"""A replay scores a past range again: every entry of it once, whatever happens meanwhile, and nothing else changes."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acting import TESTER
from inbox import Databases, Inbox, WatchedEncoder

from oddline.catalogue import CATALOGUE
from oddline.chunks.compaction import Compactor, clear_replaced
from oddline.errors import LostClaim, ModelUnavailable, NotFound, OddlineError
from oddline.objects import FolderObjects
from oddline.scoring import REPLAY, ReplayRange, fold_counts
from oddline.scoring.replay import batches, drop_old_replays, overlay_replay, replay, service, start_replay
from oddline.settings import Settings
from oddline.submissions import entry_id, new_id
from oddline.tasks import Publisher, State, Task, TaskContext, run_task

LINES = ["user 1 logged in", "kernel panic: out of memory, killed process 4711", "disk failure on /dev/sda1"]
A_DAY = timedelta(days=1)


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))


@pytest.fixture
def context(inbox: Inbox, redis_url: str, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=inbox.db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path, redis_url=redis_url),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
    )
    publisher.close()


def other_model(*, threshold: float = 0.01, before: Callable[[Sequence[str]], None] | None = None) -> WatchedEncoder:
    """The shipped model under another version and with another threshold."""
    model = WatchedEncoder(version="second", before=before)
    model.default_threshold = threshold
    return model


def wanted(inbox: Inbox, project: UUID, **options: Any) -> ReplayRange:
    now = inbox.clock()
    return ReplayRange(
        **{"project": project, "time_from": now - A_DAY, "time_to": now + A_DAY, "model": "second"} | options
    )


def run(task: UUID, context: TaskContext, *, model: Any = None) -> Task:
    """One attempt at a replay, as a worker makes it; the task as it is after it."""
    used = model or other_model()
    run_task(
        REPLAY, lambda payload, own: replay(payload, own, open_model=lambda _: used), task_id=task, context=context
    )
    with context.db.transaction() as tx:
        tx.execute("UPDATE tasks SET not_before = NULL")
    return Inbox(db=lambda _: context.db, objects=FolderObjects(Path())).task(task)


def start(inbox: Inbox, project: UUID, **options: Any) -> UUID:
    worker = inbox.db("worker")
    return start_replay(wanted(inbox, project, **options), by=TESTER, db=worker, publisher=None, now=inbox.clock())


def fill(inbox: Inbox, project: UUID, *, submissions: int = 3) -> None:
    """Store some chunks of LINES, of two sources, minutes apart."""
    for number in range(submissions):
        inbox.submit(project, *({"message": line, "source": f"s{number % 2}"} for line in LINES))
        inbox.score()
        inbox.clock.move(timedelta(minutes=1))


def overlaid(inbox: Inbox, project: UUID, task: UUID) -> dict[str, Any]:
    """The replayed score of each entry in the project's chunks, by id."""
    rows = inbox.entries(project).iter_rows(named=True)
    entries = [
        {"id": str(entry_id(UUID(bytes=row["submission"]), row["index"])), "timestamp": row["timestamp"].isoformat()}
        for row in rows
    ]
    found = overlay_replay(entries, task, db=inbox.db("search"), objects=inbox.objects, project=project)
    return {entry["id"]: entry["replay"] for entry in found}


def sidecar_entries(inbox: Inbox) -> int:
    [(count,)] = inbox.rows("SELECT coalesce(sum(entries), 0) FROM replay_sidecars")
    return int(count)


@pytest.mark.both_postgres
def test_every_entry_of_the_range_gets_a_score_beside_its_own(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    fill(inbox, project)
    before = inbox.entries(project)

    task = run(start(inbox, project), context)

    scores = overlaid(inbox, project, task.id)
    assert task.state is State.SUCCESS
    assert inbox.rows("SELECT action, subject FROM audit_actions") == [("replay.started", f"task:{task.id}")]
    assert inbox.entries(project).equals(before)
    assert len(scores) == 9
    assert {(one["id"], one["model_version"], one["is_anomaly"]) for one in scores.values()} == {
        (str(task.id), "second", True)
    }
    assert [one["anomaly_score"] for one in scores.values()] == pytest.approx(before["severity"].to_list())
    assert {one["threshold"] for one in scores.values()} == {0.01}


@pytest.mark.both_postgres
def test_the_result_sums_up_the_differences_per_pattern(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    fill(inbox, project)
    odd = inbox.entries(project)["is_anomaly"].sum()

    result = run(start(inbox, project), context).result

    assert (result["model"], result["entries"], result["patterns"]) == ("second", 9, 6)
    assert (result["anomalies"], result["replayed_anomalies"]) == (odd, 9)
    assert (result["became_odd"], result["became_normal"]) == (9 - odd, 0)
    first = result["differences"][0]
    assert first["pattern"] == "user <num> logged in"
    assert (first["entries"], first["became_odd"]) == (2, 2)
    assert first["mean_score"] == pytest.approx(first["replayed_mean_score"])


def test_only_the_range_and_the_source_that_are_named_are_scored(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    begin = inbox.clock()
    fill(inbox, project, submissions=4)

    task = run(start(inbox, project, time_from=begin, time_to=begin + timedelta(minutes=3), source="s0"), context)

    assert task.result["entries"] == 6
    assert Counter(score is None for score in overlaid(inbox, project, task.id).values()) == {False: 6, True: 6}


@pytest.mark.both_postgres
def test_novelty_is_against_what_the_source_knew_at_that_time(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    inbox.clock.now = inbox.clock().replace(minute=0)
    for _ in range(2):
        inbox.submit(project, {"message": LINES[0], "source": "cart"})
        inbox.score()
        fold_counts(inbox.db("worker"))
        inbox.clock.move(timedelta(hours=2))

    task = run(start(inbox, project), context, model=other_model(threshold=1.0))

    scores = [score["anomaly_score"] for score in overlaid(inbox, project, task.id).values()]
    [severity, _] = inbox.entries(project)["severity"]
    assert scores == pytest.approx([severity, 0.0])


def test_it_changes_no_counts_cursors_or_odd_entries(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    tables = ("odd_entries", "source_patterns", "sources", "patterns", "cursors", "hot_chunks", "submission_state")
    fill(inbox, project)
    fold_counts(inbox.db("worker"))
    before = {table: sorted(map(str, inbox.rows(f"SELECT * FROM {table}"))) for table in tables}

    run(start(inbox, project), context)

    assert {table: sorted(map(str, inbox.rows(f"SELECT * FROM {table}"))) for table in tables} == before


@pytest.mark.both_postgres
def test_an_attempt_that_is_cut_short_goes_on_where_it_was(
    inbox: Inbox, context: TaskContext, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_ENTRIES", 3)
    fill(inbox, project)
    asked = iter([True, True])

    def die_in_the_second_batch(patterns: Sequence[str]) -> None:
        if next(asked, None) is None:
            raise RuntimeError("killed")

    model = other_model(before=die_in_the_second_batch)
    task_id = start(inbox, project)
    cut_short = run(task_id, context, model=model)
    done_before = sidecar_entries(inbox)
    goes_on = run(task_id, context)

    assert (cut_short.state, goes_on.state) == (State.RETRY, State.SUCCESS)
    assert 0 < done_before < 9
    assert (sidecar_entries(inbox), goes_on.result["entries"]) == (9, 9)


def test_what_arrives_after_it_began_is_not_part_of_it(
    inbox: Inbox, context: TaskContext, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RUN_TIME", timedelta(0))
    monkeypatch.setattr(batches, "MOST_ENTRIES", 3)
    fill(inbox, project)
    task_id = start(inbox, project)

    first = run(task_id, context)
    fill(inbox, project)
    attempts = [run(task_id, context).state for _ in range(3)]

    assert (first.state, attempts[-1]) == (State.RETRY, State.SUCCESS)
    assert inbox.task(task_id).result["entries"] == 9


@pytest.mark.both_postgres
def test_chunks_that_are_merged_and_deleted_meanwhile_are_scored_once(
    inbox: Inbox, context: TaskContext, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RUN_TIME", timedelta(0))
    monkeypatch.setattr(batches, "MOST_ENTRIES", 3)
    fill(inbox, project, submissions=4)
    task_id = start(inbox, project)
    run(task_id, context)
    fill(inbox, project)
    merge_all(inbox)

    while (task := run(task_id, context)).state is State.RETRY:
        pass

    assert task.state is State.SUCCESS
    assert (task.result["entries"], sidecar_entries(inbox)) == (12, 12)


def merge_all(inbox: Inbox) -> None:
    """Merge every chunk, and let go of what was merged."""
    later = inbox.clock() + timedelta(hours=2)
    Compactor(db=inbox.db("worker"), objects=inbox.objects, clock=lambda: later, new_id=new_id).run(
        until=later + timedelta(minutes=1)
    )
    with inbox.db("worker").transaction() as tx:
        tx.execute("DELETE FROM hot_chunks WHERE replaced_by IS NOT NULL")
    clear_replaced(inbox.db("worker"), inbox.objects, now=later + timedelta(hours=2))


def test_of_two_runs_of_one_replay_only_one_counts(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    fill(inbox, project)
    task_id = start(inbox, project)

    def run_another(patterns: Sequence[str]) -> None:
        replay(wanted(inbox, project), own, open_model=lambda _: other_model())  # type: ignore[arg-type, return-value]

    own = replace(context, task_id=task_id)
    with pytest.raises(LostClaim):
        replay(wanted(inbox, project), own, open_model=lambda _: other_model(before=run_another))  # type: ignore[arg-type, return-value]

    assert sidecar_entries(inbox) == 9
    assert inbox.rows("SELECT sum(entries) FROM replay_patterns") == [(9,)]


def test_a_replay_that_gets_no_further_ends(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    fill(inbox, project)
    task_id = start(inbox, project)

    def no_model(_: str) -> Any:
        raise ModelUnavailable("there is no model 'second'")

    own = replace(context, task_id=task_id)
    for _ in range(service.MOST_STALLS):
        with pytest.raises(ModelUnavailable):
            replay(wanted(inbox, project), own, open_model=no_model)
    with pytest.raises(OddlineError, match="have not got the replay any further") as ended:
        replay(wanted(inbox, project), own, open_model=no_model)

    assert ended.value.permanent


def test_an_empty_range_needs_no_model(inbox: Inbox, context: TaskContext) -> None:
    task_id = new_id()
    own = replace(context, task_id=task_id)

    def no_model(_: str) -> Any:
        raise ModelUnavailable

    result = replay(REPLAY.smoke, own, open_model=no_model)  # type: ignore[arg-type]  # its smoke payload is a range

    assert (result["entries"], result["differences"]) == (0, [])


def test_another_projects_replay_is_none(
    inbox: Inbox, context: TaskContext, project: UUID, other_project: UUID
) -> None:
    fill(inbox, project)
    task = run(start(inbox, project), context)

    with pytest.raises(NotFound):
        overlay_replay([], task.id, db=inbox.db("search"), objects=inbox.objects, project=other_project)


@pytest.mark.both_postgres
def test_a_replay_goes_with_all_its_objects_once_its_entries_are_past_retention(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    fill(inbox, project)
    task = run(start(inbox, project), context)
    inbox.objects.put(f"replays/{project}/{task.id}/of-a-killed-attempt", b"")

    kept = drop_old_replays(inbox.db("worker"), inbox.objects, now=inbox.clock() + timedelta(days=30))
    dropped = drop_old_replays(inbox.db("worker"), inbox.objects, now=inbox.clock() + timedelta(days=32))

    assert (kept, dropped) == (0, 1)
    assert list(inbox.objects.list("replays/")) == []
    assert inbox.rows("SELECT count(*) FROM replay_sidecars") == [(0,)]


def test_patterns_are_read_once_by_the_other_model(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    fill(inbox, project)
    model = other_model()

    for _ in range(2):
        run(start(inbox, project), context, model=model)

    assert len(model.read) == 3
