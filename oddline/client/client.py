"""The client for programs that wait for each answer."""

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, overload

from oddline.client.answers import Page, Receipt, Sent, Task
from oddline.client.api import SEARCH_WAIT_S, WHOLE_PAGES, Api, Link, Payload
from oddline.client.batches import MOST_ENTRIES, batches
from oddline.client.calls import Patience, Steps, T, Transport, run
from oddline.client.connecting import TIMEOUT_S, wire_to
from oddline.client.errors import ClientError

WAIT_S = 600.0

Many = list[str] | tuple[str, ...]
"""Ids of tasks."""


class Client:
    """Talks to the API; any number of threads may share one.

    What can pass (no connection, 429, 5xx, a repeat that is being worked on) is tried again after a pause; what was
    taken is never taken twice.

    Args:
        url: of the API; else ODDLINE_URL.
        api_key: else ODDLINE_API_KEY.
        timeout_s: of connecting, of each read and write, and of a whole answer.
        patience: how often a call is tried.
        tls: of an API behind an authority of its own; else the system's authorities count.
        transport: makes the calls instead of HTTP: for tests of yours.
        pause: waits for so many seconds.

    Raises:
        ValueError: there is no URL or no key, or the URL is none of an API.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
        transport: Transport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wire = None if transport else wire_to(url, api_key, timeout_s=timeout_s, tls=tls)
        self._transport: Transport = transport or self._wire  # type: ignore[assignment]  # one of the two is there
        self._pause = pause
        self._api = Api(patience or Patience())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections that are kept."""
        if self._wire:
            self._wire.close()

    def log(self, message: str, **fields: Any) -> Receipt:
        """Have one entry taken: `severity`, `source`, `timestamp`, `attributes`, `trace_id`, `span_id`, `session`.

        Further fields become attributes; times must have a zone.

        Raises:
            Refused: it cannot be taken.
            Unavailable: it was not taken in any of the tries.
        """
        return self._run(self._api.log({"message": message, **fields}))

    def send(
        self, entries: Iterable[Mapping[str, Any]], *, run: str | None = None, most_entries: int = MOST_ENTRIES
    ) -> Sent:
        """Have entries taken, in as few batches as the limits allow; those that were refused stand in the answer.

        Args:
            entries: each with a `message`, and what `log` takes.
            run: names the sending, so that the same one, done again within a day, doubles nothing.
            most_entries: of a batch.

        Raises:
            Refused, Unavailable: a batch was not taken; `sent` of the error tells what was taken before.
        """
        sent = Sent()
        try:
            for one in self.sending(entries, run=run, most_entries=most_entries):
                sent += one
        except ClientError as error:
            error.sent = sent
            raise
        return sent

    def sending(
        self, entries: Iterable[Mapping[str, Any]], *, run: str | None = None, most_entries: int = MOST_ENTRIES
    ) -> Iterator[Sent]:
        """As `send`, batch by batch, for entries without end: what became of each batch, once it did."""
        for batch in batches(entries, run=run, most_entries=most_entries):
            yield self._run(self._api.send(batch))

    def task(self, task_id: str) -> Task:
        """How a task is; the scoring of what was sent is one, too.

        Raises:
            Refused: there is no such task, or the key may not read.
        """
        return self._run(self._api.task(task_id))

    def start(self, name: str, payload: Payload | None = None) -> str:
        """Start a task of the catalogue; its id.

        Raises:
            Refused: there is none of that name, the payload does not fit, or the caller may not.
            Unavailable: it was not started; or the answer was lost, and it may have been.
        """
        return self._run(self._api.start(name, payload or {}))

    def start_many(self, name: str, payloads: Iterable[Payload]) -> list[str]:
        """Start a task with each of the payloads; their ids."""
        return [self.start(name, payload) for payload in payloads]

    def cancel(self, task_id: str) -> str:
        """Cancel a task; what came of it: `never_started`, `stopped`, `stopping`, `too_late`, `already_done`."""
        return self._run(self._api.cancel(task_id))

    @overload
    def wait(self, tasks: str, *, timeout_s: float = WAIT_S) -> Task: ...
    @overload
    def wait(self, tasks: Many, *, timeout_s: float = WAIT_S) -> list[Task]: ...
    def wait(self, tasks: str | Many, *, timeout_s: float = WAIT_S) -> Task | list[Task]:
        """A task, or several, once over, whether with success or without.

        Raises:
            NotReady: after the timeout one is not.
            Refused: there is no such task, or the key may not read.
        """
        over = self._run(self._api.wait([tasks] if isinstance(tasks, str) else tasks, timeout_s=timeout_s))
        return over[0] if isinstance(tasks, str) else over

    def run(self, name: str, payload: Payload | None = None, *, timeout_s: float = WAIT_S) -> Task:
        """Start a task and wait for its success.

        Raises:
            TaskFailed: it ended without.
            NotReady: after the timeout it is not over.
            Refused, Unavailable: as `start`.
        """
        return self._run(self._api.run(name, payload or {}, timeout_s=timeout_s))

    def group(self, tasks: Iterable[tuple[str, Payload]], *, timeout_s: float = WAIT_S) -> list[Task]:
        """Start tasks side by side and wait for the success of all; raises as `run`."""
        return self._run(self._api.group(tasks, timeout_s=timeout_s))

    def chain(self, *links: Link, timeout_s: float = WAIT_S) -> list[Task]:
        """Run tasks one after the other, each after the success of the one before; raises as `run`.

        A payload may be a function of the result before. This process leads the chain: where it ends, so does that.
        """
        return self._run(self._api.chain(links, timeout_s=timeout_s))

    def entries(self, *, timeout_s: float = SEARCH_WAIT_S, **asked: Any) -> Iterator[dict[str, Any]]:
        """All entries that are asked for, newest first, page after page: what `GET /api/v1/logs` takes.

        That is `source`, `severity`, `minimum_score`, `is_anomaly`, `pattern`, `text` and more; `from` and `to` are
        written `time_from` and `time_to`. A search that takes longer than an answer may is done by a task and waited
        for, `timeout_s` at most.

        Raises:
            Refused: a parameter is none, or the key may not read.
            TaskFailed: such a search ended without success.
            NotReady: it is not over in time; asked for again while it goes on, it is not begun anew.
        """
        return self._all("/api/v1/logs", "entries", asked, timeout_s=timeout_s)

    def anomalies(self, **asked: Any) -> Iterator[dict[str, Any]]:
        """All odd entries that are asked for, each with its explanation: what `GET /api/v1/anomalies` takes.

        That is `order`, `source`, `minimum_score`, `verdict`, `kind`, `time_from`, `time_to`; raises as `entries`.
        """
        return self._all("/api/v1/anomalies", "anomalies", asked)

    def tail(self, after: str | None = None, **asked: Any) -> Page:
        """What came in after a place (`next` of the page before; None: from now on), oldest first: poll it.

        `asked`: `limit`, `source`, `severity`, `minimum_severity`, `minimum_score`, `text`.
        """
        return self._run(self._api.page("/api/v1/logs/tail", items="entries", after=after, asked=asked))

    def _all(
        self, path: str, items: str, asked: Mapping[str, Any], *, timeout_s: float = SEARCH_WAIT_S
    ) -> Iterator[dict[str, Any]]:
        whole = {**WHOLE_PAGES, **asked}
        after = None
        while True:
            page = self._run(self._api.page(path, items=items, after=after, asked=whole, timeout_s=timeout_s))
            yield from page.items
            if page.next is None:
                return
            after = page.next

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, transport=self._transport, pause=self._pause)
