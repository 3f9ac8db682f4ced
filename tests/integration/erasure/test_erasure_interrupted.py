"""An erasure that is cut short, overtaken or failed skips no place when it goes on, and proves nothing too early."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acting import TESTER
from erasing import NAME, attempt, erase, finish, run
from inbox import Inbox

from oddline.catalogue import CATALOGUE
from oddline.objects import FolderObjects, ObjectVersion
from oddline.privacy import IN_FLIGHT, SETTLED, erase_again
from oddline.privacy.erasing import MOST_PASSES
from oddline.privacy.places import AT_ONCE
from oddline.submissions import new_id
from oddline.tasks import State, TaskContext, replay


class Killed(BaseException):
    """Stands for the end of the process: nothing that comes after it is done."""


class Watched(FolderObjects):
    """Objects of which is known which were read, and which something happens to before or after they are deleted."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def get_version(self, one: ObjectVersion) -> bytes:
        self.read.append(one.key)
        return super().get_version(one)

    def delete_version(self, one: ObjectVersion) -> None:
        before, self.before = self.before, lambda: None
        before()
        super().delete_version(one)
        after, self.after = self.after, lambda: None
        after()


@pytest.fixture
def objects(inbox: Inbox, tmp_path: Path) -> Watched:
    inbox.objects = Watched(tmp_path / "objects")
    return inbox.objects


@pytest.fixture
def watched(context: TaskContext, objects: Watched) -> TaskContext:
    return replace(context, objects=objects)


def put_uploads(objects: Watched, number: int, *, hits: range) -> list[str]:
    keys = [f"uploads/{place:04}" for place in range(number)]
    for place, key in enumerate(keys):
        objects.put(key, NAME.encode() if place in hits else b"nothing")
    return keys


def killed() -> None:
    raise Killed


def killed_attempt(inbox: Inbox, project: UUID, erasure: UUID, context: TaskContext) -> None:
    """An attempt whose process dies, and the time after which that is known."""
    with pytest.raises(Killed):
        attempt(inbox, project, erasure, context)
    inbox.clock.move(context.settings.lease + timedelta(seconds=1))


def state_of(inbox: Inbox, erasure: UUID) -> tuple[Any, ...]:
    [row] = inbox.rows("SELECT state, passes, place, found_in_pass FROM erasures WHERE id = %s", erasure)
    return row


def test_killed_among_many_objects_it_goes_on_behind_those_that_it_has_looked_at(
    inbox: Inbox, watched: TaskContext, objects: Watched, project: UUID
) -> None:
    keys = put_uploads(objects, 2 * AT_ONCE + 20, hits=range(AT_ONCE + 10, AT_ONCE + 11))
    erasure = erase(inbox, project, watched)
    inbox.clock.move(SETTLED)
    objects.after = killed

    killed_attempt(inbox, project, erasure, watched)
    until_then, objects.read = objects.read, []
    attempt(inbox, project, erasure, watched)

    left = [key for key in keys if key != keys[AT_ONCE + 10]]
    assert until_then == keys[: AT_ONCE + 11]
    assert objects.read[: len(left) - AT_ONCE] == left[AT_ONCE:]


def test_what_was_found_by_who_was_killed_before_it_was_noted_is_no_pass_in_vain(
    inbox: Inbox, watched: TaskContext, objects: Watched, project: UUID
) -> None:
    put_uploads(objects, 1, hits=range(1))
    erasure = erase(inbox, project, watched)
    inbox.clock.move(SETTLED)
    objects.after = killed

    killed_attempt(inbox, project, erasure, watched)
    at_once = attempt(inbox, project, erasure, watched)
    inbox.clock.move(IN_FLIGHT)
    later = attempt(inbox, project, erasure, watched)

    assert [at_once.state, later.state] == [State.RETRY, State.SUCCESS]


def test_begun_again_beside_a_run_it_is_done_whole_by_the_new_one_and_the_old_one_notes_nothing(
    inbox: Inbox, watched: TaskContext, objects: Watched, project: UUID
) -> None:
    put_uploads(objects, 2, hits=range(2))
    erasure, begun = erase(inbox, project, watched), []
    inbox.clock.move(SETTLED)
    by = replace(TESTER, cipher=watched.settings.cipher())
    objects.before = lambda: begun.extend(erase_again(watched.db, objects, by=by, now=inbox.clock()))
    [(old,)] = inbox.rows("SELECT task_id FROM erasures")

    attempt(inbox, project, erasure, watched)

    assert state_of(inbox, erasure) == ("listed", 0, 0, 0)
    old_task = inbox.task(old)
    assert (old_task.state, old_task.error) == (State.REVOKED, "LostClaim: another run works on this erasure now")
    ended = finish(inbox, project, erasure, watched)
    assert ([ended.id], ended.state) == (begun, State.SUCCESS)
    assert inbox.rows("SELECT proof IS NOT NULL FROM erasures") == [(True,)]


def test_an_older_attempt_that_is_still_there_notes_nothing_beside_a_newer_one(
    inbox: Inbox, watched: TaskContext, objects: Watched, project: UUID
) -> None:
    put_uploads(objects, 1, hits=range(1))
    erasure = erase(inbox, project, watched)
    inbox.clock.move(SETTLED)

    def overtaken() -> None:
        inbox.clock.move(watched.settings.lease + timedelta(seconds=1))
        attempt(inbox, project, erasure, watched)  # another worker, which looks at the same objects

    objects.before = overtaken

    attempt(inbox, project, erasure, watched)

    [(task, found)] = inbox.rows("SELECT task_id, found FROM erasures")
    assert found["objects"] == 1  # once
    assert (inbox.task(task).attempt, inbox.task(task).state) == (2, State.RETRY)
    assert finish(inbox, project, erasure, watched).state is State.SUCCESS


def test_replayed_after_it_has_failed_it_begins_a_new_series_of_passes(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    erasure = erase(inbox, project, context)
    inbox.clock.move(SETTLED)
    with inbox.db("worker").transaction() as tx:
        tx.execute("UPDATE erasures SET state = 'erasing', passes = %s, found_in_pass = 1, place = 99", [MOST_PASSES])

    dead = attempt(inbox, project, erasure, context)
    failed = state_of(inbox, erasure)
    with inbox.db("worker").transaction() as tx:
        replay(tx, dead.id, catalogue=CATALOGUE)
    replayed = attempt(inbox, project, erasure, context)

    assert (dead.state, failed[0]) == (State.FAILURE, "failed")
    assert replayed.state is State.SUCCESS, replayed.error
    assert replayed.result["passes"] == 1


def test_a_task_whose_erasure_another_one_works_on_fails_and_changes_nothing_of_it(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    erasure = erase(inbox, project, context)
    [(task,)] = inbox.rows("SELECT task_id FROM erasures")
    with inbox.db("worker").transaction() as tx:
        tx.execute("UPDATE erasures SET task_id = %s", [new_id()])
    inbox.clock.move(SETTLED)

    run(task, context)

    assert inbox.task(task).state is State.FAILURE
    assert state_of(inbox, erasure) == ("listed", 0, 0, 0)
