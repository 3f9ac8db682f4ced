"""A file whose task was cancelled on the way can be deleted, grows old and is erased; one that waits is waited for."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from filing import PATH, Filing, uploaded
from reading import refusal
from starlette.testclient import TestClient

from oddline.files import PARSE_STRUCTURED_LOGS, FormattedFile, cleanup_old_files
from oddline.privacy import ERASE_PERSON, IN_FLIGHT, request_erasure
from oddline.tasks import NoPayload, State, Task, cancel, enqueue

VALUE = "ada@example.org"
TEXT = b"hello\nit was ada@example.org\nand then she left\n"


@pytest.fixture
def waiting(client: TestClient, filing: Filing) -> dict[str, str]:
    """A file of three entries, of which the first is stored: the others are for the next days."""
    filing.set(limit_entries_a_day=1)
    morning = (filing.clock() + timedelta(days=1)).replace(hour=1)
    filing.clock.move(morning - filing.clock())
    with filing.db("worker").transaction() as tx:
        tx.execute("DELETE FROM usage_counts")
    file = uploaded(client, TEXT)
    filing.run()
    assert filing.row(file["file_id"], "state", "entries") == ("processing", 1)
    return file


def cancelled(filing: Filing, file: dict[str, str]) -> None:
    with filing.db("console").transaction(project=filing.project) as tx:
        cancel(tx, UUID(file["task_id"]), now=filing.clock())
    assert filing.task(file["task_id"]).state is State.REVOKED


def is_left(filing: Filing, file: dict[str, str]) -> bool:
    with filing.db("worker").transaction() as tx:
        rows = tx.execute("SELECT 1 FROM files WHERE id = %s", [file["file_id"]]).fetchall()
    return bool(rows or list(filing.objects.list("files/")))


def erasure_of(filing: Filing) -> UUID:
    """Ask for the value to be erased; the task that does it."""
    with filing.db("console").transaction(project=filing.project) as tx:
        erasure = request_erasure(
            tx,
            project=filing.project,
            values=(VALUE,),
            ignore_case=True,
            reason="",
            requested_by="key:test",
            cipher=filing.settings.cipher(),
            now=filing.clock(),
        )
    return erasure.task


def attempted(filing: Filing, task: UUID, *, times: int) -> Task:
    """The task after so many attempts of what is due, with time going by between them as an erasure needs it."""
    for _ in range(times):
        filing.clock.move(IN_FLIGHT)
        filing.run_once()
    return filing.task(task)


def test_a_file_whose_task_was_cancelled_can_be_deleted(
    client: TestClient, filing: Filing, waiting: dict[str, str]
) -> None:
    before = client.delete(f"{PATH}/{waiting['file_id']}")
    cancelled(filing, waiting)
    after = client.delete(f"{PATH}/{waiting['file_id']}")
    filing.run()

    assert (refusal(before)[:2], after.status_code) == ((409, "conflict"), 204)
    assert not is_left(filing, waiting)


def test_a_file_whose_task_was_cancelled_long_ago_and_is_forgotten_can_be_deleted(
    client: TestClient, filing: Filing, waiting: dict[str, str]
) -> None:
    cancelled(filing, waiting)
    with filing.db("worker").transaction() as tx:
        tx.execute("DELETE FROM tasks WHERE id = %s", [waiting["task_id"]])

    assert client.delete(f"{PATH}/{waiting['file_id']}").status_code == 204


def test_a_file_that_is_read_by_a_task_beside_its_own_is_not_deleted(
    client: TestClient, filing: Filing, waiting: dict[str, str]
) -> None:
    cancelled(filing, waiting)
    other = uuid4()
    payload = FormattedFile(project=filing.project, file=UUID(waiting["file_id"]), format="text")
    with filing.db("worker").transaction() as tx:
        enqueue(tx, PARSE_STRUCTURED_LOGS, payload, task_id=other, project=filing.project, now=filing.clock())
    filing.run()

    assert filing.task(other).state is State.RETRY
    assert refusal(client.delete(f"{PATH}/{waiting['file_id']}"))[0] == 409


def test_a_file_whose_task_was_cancelled_goes_when_its_time_is_over_and_one_that_waits_does_not(
    filing: Filing, waiting: dict[str, str]
) -> None:
    filing.clock.move(timedelta(days=31))

    kept = cleanup_old_files(NoPayload(), filing.context)
    cancelled(filing, waiting)
    gone = cleanup_old_files(NoPayload(), filing.context)

    assert (kept, gone) == ({"files": 0}, {"files": 1})
    assert not is_left(filing, waiting)


def test_an_erasure_takes_a_file_whose_task_was_cancelled(filing: Filing, waiting: dict[str, str]) -> None:
    cancelled(filing, waiting)

    task = attempted(filing, erasure_of(filing), times=5)

    assert (task.state, task.error) == (State.SUCCESS, None)
    assert task.result["before"]["uploaded_files"] == 1
    assert not is_left(filing, waiting)


def test_an_erasure_waits_for_a_file_that_waits_for_days_and_then_takes_it(
    filing: Filing, waiting: dict[str, str]
) -> None:
    task = erasure_of(filing)
    with filing.db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET attempt = %s WHERE id = %s", [ERASE_PERSON.retry.attempts - 8, task])

    waits = attempted(filing, task, times=10)
    filing.clock.move(timedelta(days=1))
    filing.run()
    filing.clock.move(timedelta(days=1))
    ended = attempted(filing, task, times=10)

    assert waits.state is State.RETRY
    assert (ended.state, ended.error) == (State.SUCCESS, None)
    assert not is_left(filing, waiting)
    assert filing.task(waiting["task_id"]).result["entries"] == 3
