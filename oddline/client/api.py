"""What can be asked of the API, each as steps: what both clients do is written here, once."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from oddline.client.answers import Page, Receipt, Refusal, Sent, Task
from oddline.client.batches import Batch, to_json
from oddline.client.calls import Call, Patience, Pause, Steps, T, called
from oddline.client.errors import NotReady, Refused, TaskFailed, Unavailable

FIRST_POLL_S, LONGEST_POLL_S = 0.1, 2.0
SEARCH_WAIT_S = 3_600.0  # a search may take half an hour, and begin only when others of the project are over
JSON = {"Content-Type": "application/json"}
WHOLE_PAGES: dict[str, Any] = {"limit": 1_000}  # as many as a page has at most: fewer calls
# What an answer must have.
RECEIPT, SENT = ("id", "analysis_task_id", "timestamp"), ("task_id", "accepted", "refused")
TASK = ("task_id", "status", "ready", "successful")
SEARCHING = ("task_id", "status")  # in the place of a page that takes longer than an answer may
IN_URL = {"time_from": "from", "time_to": "to"}  # the one is no name in Python, the other goes with it

Payload = Mapping[str, Any]
Link = tuple[str, Payload | Callable[[Any], Payload]]
"""A task of a chain: its name, and its payload or what makes that of the result before."""


@dataclass(frozen=True, slots=True)
class Api:
    """The routes. `clock`: monotonic seconds."""

    patience: Patience
    clock: Callable[[], float] = time.monotonic

    def log(self, entry: Mapping[str, Any]) -> Steps[Receipt]:
        """Have one entry taken."""
        headers = JSON | {"Idempotency-Key": uuid.uuid4().hex}
        told = yield from self._call(Call("POST", "/api/v1/logs", to_json(entry), headers), *RECEIPT)
        return Receipt(told["id"], told["analysis_task_id"], told["timestamp"])

    def send(self, batch: Batch) -> Steps[Sent]:
        """Have a batch taken; what is wrong with each of its entries is no error, but told in the caller's numbers."""
        if not batch.indices:
            return Sent(refused=batch.refused)
        try:
            told = yield from self._call(Call("POST", "/api/v1/logs/batch", batch.body, batch.headers), *SENT)
        except Refused as error:
            if error.code != "invalid-entries" or not error.problem.get("errors"):
                raise
            return Sent(refused=_refusals(batch, error.problem["errors"]))
        return Sent((told["task_id"],), told["accepted"], _refusals(batch, told["refused"]))

    def task(self, task_id: str) -> Steps[Task]:
        """How a task is."""
        told = yield from self._call(Call("GET", _path("tasks", task_id)), *TASK)
        return Task.of(told)

    def start(self, name: str, payload: Payload) -> Steps[str]:
        """Start a task; its id. The API knows no repeat of it, so a call whose answer is lost is not made again."""
        body = to_json({"name": name, "payload": payload})
        told = yield from self._call(Call("POST", "/api/v1/tasks", body, JSON, repeatable=False), "task_id")
        started: str = told["task_id"]
        return started

    def cancel(self, task_id: str) -> Steps[str]:
        """Cancel a task; what came of it."""
        told = yield from self._call(Call("DELETE", _path("tasks/cancel", task_id)), "outcome")
        outcome: str = told["outcome"]
        return outcome

    def wait(self, task_ids: Sequence[str], *, timeout_s: float) -> Steps[list[Task]]:
        """The tasks once all are over. An API that does not answer for a while is outlasted."""
        deadline = self.clock() + timeout_s
        tasks = []
        for task_id in task_ids:
            task = yield from self._over(task_id, deadline=deadline, timeout_s=timeout_s)
            tasks.append(task)
        return tasks

    def run(self, name: str, payload: Payload, *, timeout_s: float) -> Steps[Task]:
        """Start a task and wait for its success."""
        (task,) = yield from self.group([(name, payload)], timeout_s=timeout_s)
        return task

    def group(self, tasks: Iterable[tuple[str, Payload]], *, timeout_s: float) -> Steps[list[Task]]:
        """Start all, wait for the success of all."""
        task_ids = []
        for name, payload in tasks:
            task_id = yield from self.start(name, payload)
            task_ids.append(task_id)
        over = yield from self.wait(task_ids, timeout_s=timeout_s)
        if failed := [task for task in over if not task.successful]:
            raise TaskFailed(failed)
        return over

    def chain(self, links: Iterable[Link], *, timeout_s: float) -> Steps[list[Task]]:
        """Run tasks one after the other, each after the success of the one before."""
        deadline = self.clock() + timeout_s
        done: list[Task] = []
        for name, payload in links:
            given = payload(done[-1].result if done else None) if callable(payload) else payload
            task = yield from self.run(name, given, timeout_s=max(0.0, deadline - self.clock()))
            done.append(task)
        return done

    def page(
        self, path: str, *, items: str, after: str | None, asked: Mapping[str, Any], timeout_s: float = SEARCH_WAIT_S
    ) -> Steps[Page]:
        """A page of a list, whose items stand under that name. A search that takes long is waited for."""
        query = urlencode(_query({**asked, "after": after}), doseq=True)
        told = yield from self._call(Call("GET", f"{path}?{query}" if query else path), items, instead=SEARCHING)
        if items not in told:
            told = yield from self._found(told["task_id"], items=items, timeout_s=timeout_s)
        return Page(tuple(told[items]), told.get("next"))

    def _call(self, call: Call, *told: str, instead: Sequence[str] = ()) -> Steps[Any]:
        """What the API answers, which must have these members."""
        return (yield from called(call, patience=self.patience, told=told, instead=instead))

    def _over(self, task_id: str, *, deadline: float, timeout_s: float) -> Steps[Task]:
        def look(once: Api) -> Steps[Task | str]:
            task = yield from once.task(task_id)
            return task if task.ready else task.status

        return (yield from self._polled(task_id, look, deadline=deadline, timeout_s=timeout_s))

    def _found(self, task_id: str, *, items: str, timeout_s: float) -> Steps[Any]:
        """What a search found that a task does."""

        def look(once: Api) -> Steps[Any]:
            told = yield from once._call(Call("GET", _path("logs/searches", task_id)), items, instead=SEARCHING)
            return told if items in told else told["status"]

        try:
            return (yield from self._polled(task_id, look, deadline=self.clock() + timeout_s, timeout_s=timeout_s))
        except Refused as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            task = yield from self.task(task_id)
            raise TaskFailed([task]) from error

    def _polled(
        self, task_id: str, look: Callable[["Api"], Steps[T | str]], *, deadline: float, timeout_s: float
    ) -> Steps[T]:
        """What `look` finds once it finds more than a status."""
        once = replace(self, patience=replace(self.patience, tries=1))
        poll_s = FIRST_POLL_S
        while True:
            pause_s = poll_s
            try:
                found = yield from look(once)
            except Unavailable as error:
                status, pause_s = f"unknown: {error}", error.retry_after_s or poll_s
            else:
                if not isinstance(found, str):
                    return found
                status = found
            left_s = deadline - self.clock()
            if left_s <= 0:
                raise NotReady(task_id, status=status, timeout_s=timeout_s)
            yield Pause(min(pause_s, left_s))
            poll_s = min(LONGEST_POLL_S, poll_s * 1.5)


def _refusals(batch: Batch, faults: Iterable[Mapping[str, Any]]) -> tuple[Refusal, ...]:
    """Those of the API, whose numbers are the batch's, in the caller's; and those that were never sent."""
    told = [
        Refusal(batch.indices[fault["index"]], fault.get("field", ""), fault.get("code", ""), fault.get("detail", ""))
        for fault in faults
    ]
    return tuple(sorted([*batch.refused, *told], key=lambda refusal: refusal.index))


def _query(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for, as it stands in a URL: times as in RFC 3339, nothing where nothing is asked."""
    return {IN_URL.get(name, name): _parameter(value) for name, value in asked.items() if value is not None}


def _parameter(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return [_parameter(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _path(folder: str, name: str) -> str:
    return f"/api/v1/{folder}/{quote(str(name), safe='')}"
