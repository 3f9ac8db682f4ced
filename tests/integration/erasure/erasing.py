"""A person whose values stand in what is stored, and their erasure as the console and a worker do it."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from inbox import Inbox

from oddline.catalogue import CATALOGUE
from oddline.chunks.compaction import Compactor
from oddline.entries import EntryQuery, list_entries
from oddline.privacy import ERASE_PERSON, IN_FLIGHT, SETTLED, erase_person, find_erasure, mark_failed, request_erasure
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher, State, Task, TaskContext, run_task

NAME = "Xaverine Quintilla"
MAIL = "x.quintilla@privat.example"
VALUES = (NAME, MAIL)
KEYS, ANOTHER_KEY = "a key that nobody can guess", "another key that nobody knows"
ISSUER = "https://issuer.example"


def context_of(inbox: Inbox, publisher: Publisher, *, redis_url: str, home: Path) -> TaskContext:
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        home=home,
        redis_url=redis_url,
        encryption_keys=KEYS,
        backup_days=7,
        failed_event_days=14,
        trigger_project="first",
    )
    return TaskContext(
        db=inbox.db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=settings,
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
    )


def erase(
    inbox: Inbox, project: UUID, context: TaskContext, *, values: tuple[str, ...] = VALUES, operator: bool = False
) -> UUID:
    """Ask for the values to be erased, as the console does."""
    with inbox.db("console").transaction(project=project) as tx:
        erasure = request_erasure(
            tx,
            project=project,
            values=values,
            ignore_case=True,
            reason="request 4711",
            requested_by="key:test",
            cipher=context.settings.cipher(),
            now=inbox.clock(),
            whole_installation=operator,
        )
    return erasure.id


def attempt(inbox: Inbox, project: UUID, erasure: UUID, context: TaskContext) -> Task:
    """One attempt of the task, as a worker makes it."""
    with context.db.transaction() as tx:
        task = find_erasure(tx, project, erasure=erasure).task
        tx.execute("UPDATE tasks SET not_before = NULL WHERE id = %s", [task])
    run(task, context)
    return inbox.task(task)


def run(task: UUID, context: TaskContext) -> None:
    """Run a task that is due, as a worker does."""
    run_task(ERASE_PERSON, erase_person, task_id=task, context=context, on_failure=mark_failed)


def finish(inbox: Inbox, project: UUID, erasure: UUID, context: TaskContext) -> Task:
    """Let the task come to its end, with time going by as it must."""
    inbox.clock.move(SETTLED)
    task = attempt(inbox, project, erasure, context)
    while task.state is State.RETRY:
        inbox.clock.move(IN_FLIGHT)
        task = attempt(inbox, project, erasure, context)
    return task


def compact(inbox: Inbox, *, later: timedelta) -> None:
    moment = inbox.clock() + later
    Compactor(db=inbox.db("worker"), objects=inbox.objects, clock=lambda: moment, new_id=new_id).run(
        until=moment + timedelta(minutes=4)
    )


def lines(number: int, *, who: str = NAME) -> list[dict[str, Any]]:
    """Entries of which every fifth holds the values, in each place in turn."""
    places: list[dict[str, Any]] = [
        {"message": f"payment refused for {who}, please call {MAIL}"},
        {
            "message": "kernel panic: out of memory",
            "attributes": {"user": {"name": who, MAIL: [1, f"<{who.upper()}>"]}},
        },
        {"message": "user logged in", "session": f"session of {who}"},
        {"message": f"GET /account?mail={MAIL.replace('@', '%40')} 200", "source": f"app of {who}"},
        {"message": f'{{"user": "{who}"}}', "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
    ]
    return [
        places[place // 5 % 5]
        if place % 5 == 0
        else {"message": f"request {place} took {place % 97} ms", "session": "s"}
        for place in range(number)
    ]


def stored_ids(inbox: Inbox, project: UUID) -> list[str]:
    page = list_entries(
        EntryQuery(), db=inbox.db("search"), objects=inbox.objects, project=project, now=inbox.clock(), limit=1_000
    )
    assert page.next is None
    return sorted(entry["id"] for entry in page.entries)


def holding(dumped: dict[str, str], values: tuple[str, ...] = VALUES) -> list[str]:
    """The names of what still holds a value, in whatever letters."""
    spelt = [value.lower() for value in (*values, MAIL.replace("@", "%40"))]
    return sorted(name for name, text in dumped.items() if any(one in text.lower() for one in spelt))
