"""Poll connections: read page by page, and store each with the cursor behind it, so that nothing comes twice."""

import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from oddline.database import Transaction
from oddline.errors import FeedRefused, LostClaim, NotYet, OddlineError
from oddline.ids import new_id
from oddline.streams import object_store, store
from oddline.streams.admission import admit
from oddline.streams.failing import back_off, error_text
from oddline.streams.linking import open_link
from oddline.streams.model import Connection, ConnectionState, Page
from oddline.streams.starting import start
from oddline.streams.tasks import MOST_IN_FLIGHT, POLL_CLOUD_LOGS, PROCESS_LIVE_LOGS, OfConnection
from oddline.submissions import Intake, Part, open_intake, wait_for_scoring
from oddline.tasks import SEND_SYSTEM_ALERT, TaskContext, TaskSpec, raise_alert

log = logging.getLogger(__name__)

MOST_CANDIDATES: Final = 2 * MOST_IN_FLIGHT  # for the next poll: some of them may be asked for already
CLAIM: Final = timedelta(seconds=150)  # longer than the task's hard limit: who is dead by then stores nothing any more
LONGEST_POLL_S: Final = 30.0  # then others have their turn, and the rest comes behind them
MOST_ENTRIES: Final = 200_000  # of one poll
LONGEST_PAUSE: Final = timedelta(seconds=30)  # of a feed that has always more: as long as it was polled, at the most
MOST_CHARACTERS: Final = 256 * 1024 * 1024  # of their messages
SLACK: Final = timedelta(seconds=10)  # a poll in time, that is due some seconds after the look at what is due
FAILURES_TOLD: Final = 10  # in a row, that might have passed; after these it is failing
RARELY: Final = timedelta(hours=1)  # a failing one is tried
LONGEST_CURSOR: Final = 16 * 1024  # bytes


def poll_cloud_logs(payload: OfConnection, context: TaskContext) -> dict[str, Any]:
    """Fetch what is new at a connection, as far as one poll may; returns what came of it.

    What fails at the other end is no failure of the task: it stands in the connection's row, and it is tried again.

    Raises:
        DatabaseUnavailable, ObjectStoreUnavailable: it was not stored.
    """
    now = context.clock()
    poller = context.task_id or new_id()
    with context.db.transaction() as tx:
        connection = store.claim(
            tx,
            payload.connection,
            project=payload.project,
            poller=poller,
            now=now,
            until=now + CLAIM,
            in_flight=MOST_IN_FLIGHT,
        )
    if connection is None:
        return {"polled": False}
    poll = _Poll(connection, context, open_intake(context), version=connection.version)
    try:
        poll.run()
        return poll.ended()
    except LostClaim as lost:
        log.info("%s", lost.detail)
        return {"polled": True, "lost": True, "entries": poll.entries}


@dataclass(slots=True)
class _Poll:
    """A poll under way; `version` is the one that the next page is to find."""

    connection: Connection
    context: TaskContext
    intake: Intake
    version: int
    entries: int = 0
    refused: int = 0
    objects: int = 0
    characters: int = 0
    pages: int = 0
    has_more: bool = False
    failed: Exception | None = None
    later: NotYet | None = None  # why the rest is not to be stored now
    deadline: float = field(default_factory=lambda: time.monotonic() + LONGEST_POLL_S)

    def run(self) -> None:
        """Store page after page until the end, or the end of what one poll may do, or the project may store."""
        try:
            wait_for_scoring(self.context, self.connection.project)
            for page in self._pages():
                self._store(page)
                self.has_more = page.more
                is_full = self.entries + self.refused >= MOST_ENTRIES or self.characters >= MOST_CHARACTERS
                if is_full or time.monotonic() >= self.deadline:
                    return
                wait_for_scoring(self.context, self.connection.project)
        except NotYet as later:
            self.later = later

    def _pages(self) -> Iterator[Page]:
        """The pages up to the first failure, which is noted: what was stored before it stays."""
        try:
            kind, link = open_link(self.context, self.connection, ends=self.deadline)
            pages = kind.pages(link)
        except OddlineError as error:
            self.failed = error
            return
        while True:
            try:
                page = next(pages, None)
                if page is not None:
                    _check_cursor(page)
            except Exception as error:  # whatever is wrong with one connection holds up no other
                if self.pages and time.monotonic() >= self.deadline:  # the time was over, and no more
                    return
                if not isinstance(error, OddlineError):
                    log.exception("connection %s", self.connection.id)
                self.failed = error
                return
            if page is None:
                return
            yield page

    def _store(self, page: Page) -> None:
        now = self.context.clock()

        def also(tx: Transaction, refused: int) -> None:
            if page.objects:
                object_store.insert(tx, self.connection, page.objects, now=now)
            store.advance(tx, self.connection, page, refused=refused, version=self.version, now=now)

        part = Part(name=f"connection {self.connection.id}", entries=page.entries)
        stored = admit(self.context, self.intake, part, project=self.connection.project, also_told=also)
        self.version += 1
        self.pages += 1
        self.entries += stored
        self.refused += len(page.entries) - stored
        self.objects += len(page.objects)
        self.characters += sum(len(entry["message"]) for entry in page.entries)

    def ended(self) -> dict[str, Any]:
        """Write how it ended, and start what comes next; returns what came of it.

        Raises:
            LostClaim: somebody else has the connection by now.
        """
        told: list[tuple[TaskSpec, UUID | None, timedelta | None]] = []
        with self.context.db.transaction() as tx:
            not_before = self._write_end(tx)
            if self.has_more and not self._error():
                rest = self._start(tx, POLL_CLOUD_LOGS, not_before=not_before)
                told.append((POLL_CLOUD_LOGS, rest, not_before - self.context.clock()))
            told.append((POLL_CLOUD_LOGS, self._start_next(tx), None))
            if object_store.is_waiting(tx, self.connection.id, now=self.context.clock()):
                told.append((PROCESS_LIVE_LOGS, self._start(tx, PROCESS_LIVE_LOGS), None))
            if self._is_newly_failing():
                told.append((SEND_SYSTEM_ALERT, self._alert(tx), None))
        for spec, task, countdown in told:
            if task is not None:
                self.context.publisher.wake(spec, task_id=task, countdown=countdown)
        counts = {"entries": self.entries, "refused": self.refused, "objects": self.objects}
        return {"polled": True, **counts, "more": self.has_more, "error": self._error()}

    def _error(self) -> str | None:
        why = self.failed or self.later
        return None if why is None else error_text(why)

    def _write_end(self, tx: Transaction) -> datetime:
        """Returns when the connection is polled next, at the soonest."""
        now = self.context.clock()
        if self.later is not None and self.failed is None:
            state, failures = self.connection.state, self.connection.failures
            wait = max(self.later.until - now, timedelta())
        elif self.failed is None:
            interval = timedelta(seconds=self.connection.interval_s) - SLACK
            began = self.connection.last_poll_at or now
            wait = min(now - began, LONGEST_PAUSE) if self.has_more else max(began + interval - now, timedelta())
            state, failures = ConnectionState.ON, 0
        else:
            failures = self.connection.failures + 1
            state = ConnectionState.FAILING if self._is_failing() else ConnectionState.ON
            wait = RARELY * random.uniform(0.5, 1) if self._is_failing() else back_off(failures)
        is_ours = store.end_poll(
            tx,
            self.connection,
            version=self.version,
            not_before=now + wait,
            state=state,
            failures=failures,
            error=self._error(),
        )
        if not is_ours:
            raise LostClaim(f"connection {self.connection.id} was polled by another, or changed")
        return now + wait

    def _is_failing(self) -> bool:
        if self.failed is None:
            return False
        is_permanent = isinstance(self.failed, OddlineError) and self.failed.permanent
        is_old = self.connection.state is ConnectionState.FAILING
        return is_permanent or is_old or self.connection.failures + 1 >= FAILURES_TOLD

    def _is_newly_failing(self) -> bool:
        return self._is_failing() and self.connection.state is not ConnectionState.FAILING

    def _start_next(self, tx: Transaction) -> UUID | None:
        """Have the project's longest waiting connection polled next."""
        found = store.due_of(tx, self.connection.project, now=self.context.clock(), limit=MOST_CANDIDATES)
        started = (
            start(tx, POLL_CLOUD_LOGS, one, project=self.connection.project, context=self.context) for one in found
        )
        return next((task for task in started if task is not None), None)

    def _start(self, tx: Transaction, spec: TaskSpec, *, not_before: datetime | None = None) -> UUID | None:
        own, project = self.connection.id, self.connection.project
        return start(tx, spec, own, project=project, context=self.context, not_before=not_before)

    def _alert(self, tx: Transaction) -> UUID | None:
        return raise_alert(
            tx,
            kind="connection_failing",
            subject=str(self.connection.id),
            text=f"connection {self.connection.id} ({self.connection.type}) fails since {self.connection.failures + 1}"
            " polls; its project's people see why, and it is tried once an hour at the most",
            now=self.context.clock(),
            project=self.connection.project,
        )


def _check_cursor(page: Page) -> None:
    """Others make cursors: what PostgreSQL has no room for would fail at every poll, and never be told.

    Raises:
        FeedRefused: it holds a NUL or half a character, or is too long.
    """
    try:
        text = orjson.dumps(page.cursor)
    except TypeError as error:
        raise FeedRefused(f"the feed's cursor cannot be kept: {error}") from None
    if len(text) > LONGEST_CURSOR or b"\\u0000" in text:
        raise FeedRefused("the feed's cursor cannot be kept: it is too long, or holds a NUL")
