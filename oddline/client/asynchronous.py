"""The client for programs on asyncio: the same steps, each call made by a thread, so that nothing waits for it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar, overload

from oddline.client.answers import Page, Receipt, Sent, Task
from oddline.client.api import SEARCH_WAIT_S, WHOLE_PAGES, Api, Link, Payload
from oddline.client.batches import MOST_ENTRIES, batches
from oddline.client.calls import Answer, Fault, Patience, Pause, Steps, Transport
from oddline.client.client import WAIT_S, Many
from oddline.client.connecting import TIMEOUT_S, wire_to
from oddline.client.errors import ClientError

CALLS_AT_ONCE = 8

R = TypeVar("R")


class AsyncClient:
    """As `Client`, to be awaited.

    A call that is cancelled ends for the caller at once; what is on the wire at that moment may still be done.
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
    ) -> None:
        self._wire = None if transport else wire_to(url, api_key, timeout_s=timeout_s, tls=tls)
        self._transport: Transport = transport or self._wire  # type: ignore[assignment]  # one of the two is there
        self._api = Api(patience or Patience())
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="oddline-client")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections that are kept."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._wire:
            self._wire.close()

    async def log(self, message: str, **fields: Any) -> Receipt:
        """As `Client.log`."""
        return await self._run(self._api.log({"message": message, **fields}))

    async def send(
        self, entries: Iterable[Mapping[str, Any]], *, run: str | None = None, most_entries: int = MOST_ENTRIES
    ) -> Sent:
        """As `Client.send`."""
        sent = Sent()
        try:
            async for one in self.sending(entries, run=run, most_entries=most_entries):
                sent += one
        except ClientError as error:
            error.sent = sent
            raise
        return sent

    async def sending(
        self, entries: Iterable[Mapping[str, Any]], *, run: str | None = None, most_entries: int = MOST_ENTRIES
    ) -> AsyncIterator[Sent]:
        """As `Client.sending`. A thread takes the entries from their iterator and packs them."""
        waiting = batches(entries, run=run, most_entries=most_entries)
        while (batch := await self._in_thread(lambda: next(waiting, None))) is not None:
            yield await self._run(self._api.send(batch))

    async def task(self, task_id: str) -> Task:
        """As `Client.task`."""
        return await self._run(self._api.task(task_id))

    async def start(self, name: str, payload: Payload | None = None) -> str:
        """As `Client.start`."""
        return await self._run(self._api.start(name, payload or {}))

    async def start_many(self, name: str, payloads: Iterable[Payload]) -> list[str]:
        """As `Client.start_many`."""
        return [await self.start(name, payload) for payload in payloads]

    async def cancel(self, task_id: str) -> str:
        """As `Client.cancel`."""
        return await self._run(self._api.cancel(task_id))

    @overload
    async def wait(self, tasks: str, *, timeout_s: float = WAIT_S) -> Task: ...
    @overload
    async def wait(self, tasks: Many, *, timeout_s: float = WAIT_S) -> list[Task]: ...
    async def wait(self, tasks: str | Many, *, timeout_s: float = WAIT_S) -> Task | list[Task]:
        """As `Client.wait`."""
        over = await self._run(self._api.wait([tasks] if isinstance(tasks, str) else tasks, timeout_s=timeout_s))
        return over[0] if isinstance(tasks, str) else over

    async def run(self, name: str, payload: Payload | None = None, *, timeout_s: float = WAIT_S) -> Task:
        """As `Client.run`."""
        return await self._run(self._api.run(name, payload or {}, timeout_s=timeout_s))

    async def group(self, tasks: Iterable[tuple[str, Payload]], *, timeout_s: float = WAIT_S) -> list[Task]:
        """As `Client.group`."""
        return await self._run(self._api.group(tasks, timeout_s=timeout_s))

    async def chain(self, *links: Link, timeout_s: float = WAIT_S) -> list[Task]:
        """As `Client.chain`."""
        return await self._run(self._api.chain(links, timeout_s=timeout_s))

    def entries(self, *, timeout_s: float = SEARCH_WAIT_S, **asked: Any) -> AsyncIterator[dict[str, Any]]:
        """As `Client.entries`."""
        return self._all("/api/v1/logs", "entries", asked, timeout_s=timeout_s)

    def anomalies(self, **asked: Any) -> AsyncIterator[dict[str, Any]]:
        """As `Client.anomalies`."""
        return self._all("/api/v1/anomalies", "anomalies", asked)

    async def tail(self, after: str | None = None, **asked: Any) -> Page:
        """As `Client.tail`."""
        return await self._run(self._api.page("/api/v1/logs/tail", items="entries", after=after, asked=asked))

    async def _all(
        self, path: str, items: str, asked: Mapping[str, Any], *, timeout_s: float = SEARCH_WAIT_S
    ) -> AsyncIterator[dict[str, Any]]:
        whole = {**WHOLE_PAGES, **asked}
        after = None
        while True:
            page = await self._run(self._api.page(path, items=items, after=after, asked=whole, timeout_s=timeout_s))
            for item in page.items:
                yield item
            if page.next is None:
                return
            after = page.next

    async def _run(self, steps: Steps[R]) -> R:
        told: Answer | Fault | None = None
        while True:
            try:
                step = steps.send(told)
            except StopIteration as done:
                result: R = done.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                told = None
            else:
                told = await self._in_thread(self._transport, step)

    async def _in_thread(self, call: Callable[..., R], *given: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *given)
