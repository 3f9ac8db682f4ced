"""`oddline tasks`: an operator sees what failed in any project, and settles it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import redis
from claiming import claimed, submitted
from commands import Command, command_for, error_of, told

from oddline.database import Database
from oddline.maintenance import CLEANUP_OLD_RESULTS
from oddline.settings import Side
from oddline.submissions import SCORE_WAITING, fail, new_id
from oddline.tasks import SEND_SYSTEM_ALERT, NoPayload, State, Task, enqueue, find, raise_alert

Databases = Callable[[Side], Database]
AWKWARD = "ValueError: [/red] is no :smile:"


@pytest.fixture
def oddline(database_urls: dict[Side, str], redis_url: str, tmp_path: Path) -> Command:
    """Runs `oddline` as the operator of database and broker."""
    return command_for(tmp_path, database_url=database_urls["worker"], redis_url=redis_url)


def waiting_task(db: Databases) -> UUID:
    task = new_id()
    with db("worker").transaction() as tx:
        enqueue(tx, CLEANUP_OLD_RESULTS, NoPayload(), task_id=task, project=None, now=datetime.now(UTC))
    return task


def dead_task(db: Databases) -> UUID:
    task = waiting_task(db)
    with db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'FAILURE', attempt = 4, error = %s WHERE id = %s", [AWKWARD, task])
    return task


def dead_submission(db: Databases, project: UUID) -> UUID:
    submission, now = submitted(db, project), datetime.now(UTC)
    while fail(db("worker"), claimed(db), error=RuntimeError("poisonous"), now=now - timedelta(days=1)) is not None:
        pass
    return submission


def state_of(db: Databases, task_id: UUID) -> State:
    with db("worker").transaction() as tx:
        task: Task | None = find(tx, task_id)
    assert task is not None
    return task.state


def woken(redis_url: str, queue: str) -> int:
    with redis.Redis.from_url(redis_url) as connection:
        return int(connection.llen(queue))


def test_the_list_tells_tasks_and_scorings_of_every_project_newest_first(
    oddline: Command, db: Databases, project: UUID
) -> None:
    dead, submission, waiting = dead_task(db), dead_submission(db, project), waiting_task(db)

    listed = json.loads(told(oddline("tasks", "list", "--json")))
    table = told(oddline("tasks", "list"))

    alert = next(task["task_id"] for task in listed if task["name"] == SEND_SYSTEM_ALERT.name)
    wanted = [str(waiting), alert, str(submission), str(dead)]
    assert [task["task_id"] for task in listed] == wanted
    assert [row.split()[0] for row in table.splitlines()[1:]] == wanted
    assert AWKWARD in table


def test_the_list_can_be_narrowed_to_dead_letters_to_a_state_and_to_a_name(
    oddline: Command, db: Databases, project: UUID
) -> None:
    dead, submission, waiting = dead_task(db), dead_submission(db, project), waiting_task(db)

    def listed(*options: str) -> list[str]:
        return [task["task_id"] for task in json.loads(told(oddline("tasks", "list", "--json", *options)))]

    assert listed("--dead") == [str(submission), str(dead)]
    assert listed("--state", "PENDING", "--name", CLEANUP_OLD_RESULTS.name) == [str(waiting)]
    assert listed("--name", CLEANUP_OLD_RESULTS.name, "--dead") == [str(dead)]
    assert listed("--limit", "1") == [str(waiting)]
    assert listed("--project", "first", "--text", "POISON") == [str(submission)]
    assert listed("--to", "2026-01-01") == []


def test_a_task_is_shown_whole(oddline: Command, db: Databases, project: UUID) -> None:
    dead, submission = dead_task(db), dead_submission(db, project)

    task = json.loads(told(oddline("tasks", "show", str(dead))))
    scoring = json.loads(told(oddline("tasks", "show", str(submission))))

    assert (task["status"], task["error"], task["payload"], task["project"]) == ("FAILURE", AWKWARD, {}, None)
    assert (scoring["status"], scoring["error"]) == ("FAILURE", "RuntimeError: poisonous")
    assert scoring["project"] == str(project)


def test_a_replayed_task_waits_again_and_wakes_a_worker(oddline: Command, db: Databases, redis_url: str) -> None:
    dead = dead_task(db)

    said = told(oddline("tasks", "replay", str(dead)))

    assert said == f"{dead} waits again\n"
    assert state_of(db, dead) is State.PENDING
    assert woken(redis_url, CLEANUP_OLD_RESULTS.queue) == 1


def test_a_replayed_submission_waits_again_and_wakes_a_worker(
    oddline: Command, db: Databases, redis_url: str, project: UUID
) -> None:
    submission = dead_submission(db, project)

    told(oddline("tasks", "replay", str(submission)))

    assert state_of(db, submission) is State.PENDING
    assert woken(redis_url, SCORE_WAITING.queue) == 1


def test_without_a_broker_a_replayed_task_waits_for_the_schedules(
    database_urls: dict[Side, str], tmp_path: Path, db: Databases
) -> None:
    dead = dead_task(db)

    told(command_for(tmp_path, database_url=database_urls["worker"])("tasks", "replay", str(dead)))

    assert state_of(db, dead) is State.PENDING


def test_what_is_dropped_is_settled(oddline: Command, db: Databases, project: UUID) -> None:
    dead, submission = dead_task(db), dead_submission(db, project)

    said = [told(oddline("tasks", "drop", str(one))) for one in (dead, submission)]

    assert said == [f"dropped {dead}\n", f"dropped {submission}\n"]
    assert (state_of(db, dead), state_of(db, submission)) == (State.REVOKED, State.REVOKED)
    assert json.loads(told(oddline("tasks", "list", "--dead", "--json"))) == []


@pytest.mark.parametrize("verb", ["show", "replay", "drop"])
def test_an_unknown_id_is_an_error_in_one_line(oddline: Command, verb: str) -> None:
    unknown = str(new_id())

    said = error_of(oddline("tasks", verb, unknown))

    assert said.startswith("error: there is no ")
    assert said.endswith(unknown)


def test_what_still_waits_is_no_dead_letter(oddline: Command, db: Databases) -> None:
    waiting = waiting_task(db)

    assert error_of(oddline("tasks", "drop", str(waiting))) == f"error: there is no dead letter {waiting}"
    assert state_of(db, waiting) is State.PENDING


def test_a_kind_of_task_that_no_worker_runs_does_not_work(oddline: Command) -> None:
    done = oddline("tasks", "smoke", "--kind", CLEANUP_OLD_RESULTS.name, "--patience", "0", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)[CLEANUP_OLD_RESULTS.name]["status"] == "PENDING"


def test_an_unknown_kind_of_task_is_an_error_in_one_line(oddline: Command) -> None:
    assert error_of(oddline("tasks", "smoke", "--kind", "knitting")) == (
        "error: there is no task knitting: `oddline tasks smoke` tries each that there is"
    )


def test_a_task_is_started_and_cancelled_before_it_runs(oddline: Command, project: UUID, redis_url: str) -> None:
    mail = {"recipients": [], "subject": "hello", "text": "there"}

    started = told(oddline("tasks", "start", "send_email", "--payload", json.dumps(mail), "--project", "first")).strip()
    cancelled = told(oddline("tasks", "cancel", started))
    again = told(oddline("tasks", "cancel", started))

    assert cancelled == f"{started} never started (REVOKED)\n"
    assert again == f"{started} already done (REVOKED)\n"
    assert woken(redis_url, "notifications") == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["knitting"], "there is no task knitting: /api/v1/tasks/catalogue lists all"),
        (["send_emial"], "there is no task send_emial: is send_email meant?"),
        (["send_email"], "payload.recipients: Field required"),
        (["send_email", "--payload", "[]"], "the payload is no JSON object"),
        (["send_email", "--payload", "{"], "the payload is no JSON: "),
        (["reconcile"], "reconcile runs by itself, on its schedule: nobody starts it"),
        (["send_email", "--project", "nobodys"], "there is no project 'nobodys': `oddline projects list` shows all"),
        (["update_analytics_of"], "there is no task update_analytics_of"),
        (["update_project_analytics"], "there is no project 'default'"),
    ],
)
def test_what_cannot_be_started_is_an_error_in_one_line(oddline: Command, arguments: list[str], fault: str) -> None:
    done = oddline("tasks", "start", *arguments)

    assert done.returncode in {1, 2}
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {fault}")


def test_a_task_cannot_be_for_two_projects(oddline: Command, project: UUID, other_project: UUID) -> None:
    payload = json.dumps({"project": str(other_project)})

    done = oddline("tasks", "start", "update_project_analytics", "--project", "first", "--payload", payload)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: --project is first, and the payload's project {other_project}")


@pytest.mark.parametrize("named", ["--project first", "--project ID", "--payload first", "--payload ID"])
def test_a_task_for_one_project_takes_its_name_or_its_id_once(oddline: Command, project: UUID, named: str) -> None:
    option, name = named.replace("ID", str(project)).split()
    told_so = [option, json.dumps({"project": name}) if option == "--payload" else name]

    started = told(oddline("tasks", "start", "update_project_analytics", *told_so)).strip()
    task = json.loads(told(oddline("tasks", "show", started)))

    assert (task["project"], task["payload"]) == (str(project), {"project": str(project)})


def test_what_runs_and_what_waits_for_its_time_is_listed(oddline: Command, db: Databases) -> None:
    running, scheduled, _waiting = (waiting_task(db) for _ in range(3))
    with db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'PROGRESS', progress = 0.25, worker = 'host:7' WHERE id = %s", [running])
        tx.execute("UPDATE tasks SET not_before = now() + interval '1 hour' WHERE id = %s", [scheduled])

    active = told(oddline("tasks", "active")).splitlines()[1:]
    [as_json] = json.loads(told(oddline("tasks", "active", "--json")))
    waits = told(oddline("tasks", "scheduled")).splitlines()[1:]

    assert [row.split()[0] for row in active] == [str(running)]
    assert "PROGRESS 25%" in active[0]
    assert (as_json["worker"], as_json["project"]) == ("host:7", None)
    assert [row.split()[0] for row in waits] == [str(scheduled)]


def test_dead_letters_are_put_back_by_name_all_but_those_that_came_back_too_often(
    oddline: Command, db: Databases, project: UUID
) -> None:
    dead, poison, submission = dead_task(db), dead_task(db), dead_submission(db, project)
    with db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET replays = 3 WHERE id = %s", [poison])

    by_name = told(oddline("tasks", "replay", "--name", CLEANUP_OLD_RESULTS.name)).splitlines()
    everything = told(oddline("tasks", "replay", "--all")).splitlines()
    refused = error_of(oddline("tasks", "replay", str(poison)))
    told(oddline("tasks", "replay", str(poison), "--force"))

    assert by_name[0] == "1 wait again"
    assert by_name[1].startswith("1 came back dead too often")
    assert everything[0] == "1 wait again"
    assert refused.startswith("error: it came back dead after each of 3 replays")
    assert {state_of(db, one) for one in (dead, poison, submission)} == {State.PENDING}


def test_dead_letters_of_a_name_are_dropped(oddline: Command, db: Databases, project: UUID) -> None:
    gone, kept = [dead_task(db), dead_task(db)], dead_submission(db, project)

    assert told(oddline("tasks", "drop", "--name", CLEANUP_OLD_RESULTS.name)) == "dropped 2\n"
    assert {state_of(db, one) for one in gone} == {State.REVOKED}
    assert state_of(db, kept) is State.FAILURE


@pytest.mark.parametrize("arguments", [["replay"], ["drop"], ["replay", str(new_id()), "--all"]])
def test_which_dead_letters_are_meant_must_be_said_once(oddline: Command, arguments: list[str]) -> None:
    done = oddline("tasks", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: name one dead letter")


def test_alerts_of_every_project_are_listed(oddline: Command, db: Databases, project: UUID) -> None:
    dead_submission(db, project)
    with db("worker").transaction() as tx:
        raise_alert(tx, kind="audit", subject="gap", text="two rows are missing", now=datetime.now(UTC))

    rows = told(oddline("tasks", "alerts")).splitlines()[1:]
    [audit] = json.loads(told(oddline("tasks", "alerts", "--kind", "audit", "--json")))

    assert ["audit" in rows[0], "dead_submissions" in rows[1]] == [True, True]
    assert (audit["subject"], audit["count"], audit["project"]) == ("gap", 1, None)
