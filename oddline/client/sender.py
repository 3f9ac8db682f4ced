"""Send what an application logs in the background: it neither waits for the network nor hears of its faults."""

import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from oddline.client.api import Api
from oddline.client.batches import batches
from oddline.client.calls import Patience, Transport, run
from oddline.client.errors import Refused

LONGEST_PAUSE_S = 30.0
MOST_COMPLAINTS = 10  # different ones, each once

Entry = dict[str, Any]


class Measured(Protocol):
    """What can be put in."""

    @property
    def size(self) -> int:
        """About how many characters it keeps in memory."""


N = TypeVar("N", bound=Measured)

_own = threading.local()
_senders: "weakref.WeakSet[Sender[Any]]" = weakref.WeakSet()


def is_sending() -> bool:
    """Whether this thread sends at the moment: what it logs itself must not be sent by it."""
    return getattr(_own, "sending", False)


class _GivenUp(Exception):
    """There is no time left to try again."""


class Sender(Generic[N]):
    """A bounded queue and the thread that empties it, which starts with the first thing that is put in.

    What does not fit any more is dropped and counted: what came first, the beginning of a fault, is kept. A process
    that is forked begins with an empty queue and a thread of its own.

    Args:
        transport: makes the calls.
        entry_of: makes an entry of what was put in, in the background.
        dropped_entry: the entry that tells how many were dropped; sent as soon as something can be sent again.
        capacity: how many wait at most, besides the batch that is on its way.
        capacity_size: of what size they are together at most, with that batch.
        interval_s: the oldest waits so long until a batch is full.
        exit_timeout_s: `flush` and `close` take at most so long, and both together, too.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        entry_of: Callable[[N], Entry],
        dropped_entry: Callable[[int], Entry],
        capacity: int,
        capacity_size: int,
        batch_entries: int,
        interval_s: float,
        exit_timeout_s: float,
    ) -> None:
        self._transport = transport
        self._entry_of = entry_of
        self._dropped_entry = dropped_entry
        self._capacity = capacity
        self._capacity_size = capacity_size
        self._batch_entries = batch_entries
        self._interval_s = interval_s
        self._exit_timeout_s = exit_timeout_s
        self._api = Api(Patience(tries=None, longest_pause_s=LONGEST_PAUSE_S, longest_retry_after_s=math.inf))
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        # Queues that a thread may use while it is interrupted within their use: by a signal, or by a destructor.
        self._queue: SimpleQueue[N | None] = SimpleQueue()
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._settling = threading.Condition()
        self._put = self._settled = 0
        self._put_size = self._settled_size = 0  # each written by one thread alone
        self._overflowed = self._refused = self._told = 0
        self._has_time = True
        self._deadline: float | None = None  # once closing
        self._complaints: set[str] = set()

    @property
    def dropped(self) -> int:
        """How many will never be stored: the queue was full, the API refused them, or there was no time left."""
        return self._overflowed + self._refused

    def has_room(self) -> bool:
        """Whether there is room for one more; else it is counted as dropped. One thread at a time, as `put`."""
        has_size = self._put_size - self._settled_size < self._capacity_size
        if self._deadline is None and self._queue.qsize() < self._capacity and has_size:
            return True
        self._overflowed += 1
        return False

    def put(self, thing: N) -> None:
        """Have it sent."""
        self._put += 1
        self._put_size += thing.size
        self._queue.put(thing)
        if self._thread is None:
            self._start()
        if self._queue.qsize() == self._batch_entries:
            self._wakes.put(None)

    def flush(self) -> None:
        """Wait until all that was put in is sent, or was lost."""
        target = self._put
        self._wakes.put(None)
        if self._thread is not None:
            with self._settling:
                self._has_time = self._settling.wait_for(lambda: self._settled >= target, self._exit_timeout_s)

    def close(self) -> None:
        """Send what waits; a `flush` that waited for it in vain was waiting enough. What comes later is dropped."""
        if self._deadline is not None:
            return
        timeout_s = self._exit_timeout_s if self._has_time else 0.0
        self._deadline = time.monotonic() + timeout_s
        self._queue.put(None)
        self._wakes.put(None)
        if self._thread is not None:
            self._thread.join(timeout_s)
        elif self._put > self._settled:  # the interpreter starts no threads any more
            self._work()
        if left := self._put - self._settled:
            self._complain(f"{left} log record{'' if left == 1 else 's'} could not be sent in time")

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="oddline-sender", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending: `close` sends them
            return
        self._thread = thread
        if util := sys.modules.get("multiprocessing.util"):
            # Its children end without the interpreter's usual ending, and so without closing handlers.
            util.Finalize(self, _flush, args=(weakref.ref(self),), exitpriority=0)

    def _work(self) -> None:
        _own.sending = True
        try:
            while True:
                first = self._queue.get()
                if self._deadline is None:
                    with suppress(Empty):
                        self._wakes.get(timeout=self._interval_s)
                self._send_waiting(first)
                if self._deadline is not None and self._queue.empty():
                    return
        finally:
            _own.sending = False

    def _send_waiting(self, first: N | None) -> None:
        """All that waits now, the first of which was taken already."""
        taken = [first]
        while taken:
            with suppress(Empty):
                while len(taken) < self._batch_entries:
                    taken.append(self._queue.get_nowait())
            things = [thing for thing in taken if thing is not None]
            try:
                self._deliver(things)
            except Exception as error:  # the thread goes on: it is the only one
                self._lose(len(things), f"log records were lost: {error!r}")
            self._settled_size += sum(thing.size for thing in things)
            with self._settling:
                self._settled += len(things)
                self._settling.notify_all()
            taken = []
            with suppress(Empty):
                taken.append(self._queue.get_nowait())

    def _deliver(self, things: Sequence[N]) -> None:
        lost = self.dropped - self._told
        notice = [self._dropped_entry(lost)] if lost else []
        for batch in batches(notice + self._entries(things)):
            number = len(batch.indices) - len(notice)
            try:
                sent = run(self._api.send(batch), transport=self._transport, pause=self._pause)
            except Refused as error:
                self._lose(number, f"the API refuses log records: {error}")
            except _GivenUp:
                self._refused += number
            else:
                self._told += lost
                if sent.refused:
                    self._lose(len(sent.refused), f"the API refuses a log record: {sent.refused[0].detail}")
            notice, lost = [], 0  # it stands in the first batch

    def _entries(self, things: Sequence[N]) -> list[Entry]:
        entries = []
        for thing in things:
            try:
                entries.append(self._entry_of(thing))
            except Exception as error:  # one bad record, whatever is bad in it, is no harm to the others
                self._lose(1, f"a log record cannot be sent: {error!r}")
        return entries

    def _pause(self, seconds: float) -> None:
        """Between two tries: shorter where `flush` or `close` ask for haste."""
        if self._deadline is None:
            with suppress(Empty):
                self._wakes.get(timeout=min(seconds, LONGEST_PAUSE_S))
            return
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise _GivenUp
        time.sleep(min(seconds, left_s))

    def _lose(self, number: int, why: str) -> None:
        self._refused += number
        self._complain(why)

    def _complain(self, why: str) -> None:
        """On standard error, as `logging` itself does, each once: who set this up must be able to find out."""
        if why not in self._complaints and len(self._complaints) < MOST_COMPLAINTS and sys.stderr is not None:
            self._complaints.add(why)
            with suppress(OSError, ValueError):  # it may be closed
                sys.stderr.write(f"oddline: {why}\n")


def _flush(sender: "weakref.ref[Sender[Any]]") -> None:
    if (there := sender()) is not None:
        there.flush()


def _part_from_parent() -> None:
    """What waits in the parent's queue, the parent sends; its thread and the locks that it may hold are not here."""
    _own.sending = False
    for sender in list(_senders):
        sender._begin()  # noqa: SLF001  # the module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_part_from_parent)
