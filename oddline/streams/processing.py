"""Read the objects that polls have found, however large, into entries: each entry once, whoever reads and dies."""

import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import FeedRefused, LostClaim, NotYet, ObjectMissing, OddlineError, UnreadableFile
from oddline.files import Block, from_place
from oddline.ids import new_id
from oddline.streams import object_store
from oddline.streams.admission import admit
from oddline.streams.contents import read_blocks
from oddline.streams.failing import back_off, error_text
from oddline.streams.linking import find, open_link
from oddline.streams.model import Connection, FoundObject
from oddline.streams.reading import ConnectionType, Link
from oddline.streams.starting import start
from oddline.streams.tasks import PROCESS_LIVE_LOGS, OfConnection
from oddline.submissions import MOST_PART_ENTRIES, Intake, Part, open_intake, wait_for_scoring
from oddline.tasks import SEND_SYSTEM_ALERT, TaskContext, raise_alert

log = logging.getLogger(__name__)

# Longer than the task's hard limit: who is dead by then stores nothing any more. Nobody else takes the object before,
# however long it takes to find the place in it.
CLAIM: Final = PROCESS_LIVE_LOGS.hard_limit + timedelta(seconds=30)
SHORT_TURN: Final = timedelta(seconds=30)  # then others have theirs, and the rest comes behind them
LONG_TURN: Final = timedelta(minutes=4)  # of an object in which the place is long to find; below the soft limit


def process_live_logs(payload: OfConnection, context: TaskContext) -> dict[str, Any]:
    """Turn what polls of a connection have found into entries, for half a minute; the rest comes behind others.

    Where finding the place in an object takes longer than that, it is read for as long as that took.

    Raises:
        DatabaseUnavailable, ObjectStoreUnavailable: it was not stored.
        FeedRefused, NotConfigured, Undecipherable: the connection cannot be opened any more.
    """
    connection = find(context, payload.connection, project=payload.project)
    if connection is None:
        return {"objects": 0, "entries": 0}
    kind, link = open_link(context, connection)
    reader = _Reader(connection, kind, link, context, open_intake(context), task=context.task_id or new_id())
    objects = 0
    while not reader.is_over and reader.read_next():
        objects += 1
    with context.db.transaction() as tx:
        task = None
        if object_store.is_waiting(tx, connection.id, now=context.clock()):
            task = start(tx, PROCESS_LIVE_LOGS, connection.id, project=connection.project, context=context)
    if task is not None:
        context.publisher.wake(PROCESS_LIVE_LOGS, task_id=task)
    return {"objects": objects, "entries": reader.entries}


class _Reader:
    """Reads one object after the other until its time is over."""

    def __init__(
        self,
        connection: Connection,
        kind: ConnectionType,
        link: Link,
        context: TaskContext,
        intake: Intake,
        *,
        task: UUID,
    ) -> None:
        self._connection = connection
        self._kind = kind
        self._link = link
        self._context = context
        self._intake = intake
        self._task = task
        self._began_at = context.clock()
        self.entries = 0

    @property
    def is_over(self) -> bool:
        """Whether others are to have their turn."""
        return self._context.clock() - self._began_at >= SHORT_TURN

    def read_next(self) -> bool:
        """Read the oldest object that nobody reads; False where there is none."""
        now = self._context.clock()
        with self._context.db.transaction() as tx:
            found = object_store.claim(tx, self._connection.id, reader=self._task, now=now, until=now + CLAIM)
        if found is None:
            return False
        reading = _Reading(found, version=found.version)
        try:
            self._read(reading)
        except LostClaim as lost:
            log.info("%s", lost.detail)
        except NotYet as later:
            self._wait(reading, later)
            return False
        except (UnreadableFile, ObjectMissing) as error:  # it will be no better
            self._give_up(reading, error)
        except (OddlineError, OSError) as error:
            if isinstance(error, OddlineError) and not isinstance(error, FeedRefused) and not _is_of_feed(error):
                raise
            self._put_off(reading, error)
        return True

    def _read(self, reading: "_Reading") -> None:
        if reading.found.position:  # half of what may wait, so that it comes to more than finding the place again
            most = -(-self._context.settings.file_backlog // 2)
            wait_for_scoring(self._context, self._connection.project, most=most)
        with closing(self._pieces(reading.found)) as pieces:
            is_read = self._store_all(reading, pieces)
        with self._context.db.transaction() as tx:
            if is_read:
                object_store.delete(tx, reading.found, version=reading.version)
            else:
                object_store.release(tx, reading.found, version=reading.version, now=self._context.clock())

    def _pieces(self, found: FoundObject) -> Generator[bytes, None, None]:
        read_object, link = self._kind.read_object, self._link
        if read_object is None:
            raise ObjectMissing(f"a connection of the type {self._kind.name} has no objects")
        return from_place(lambda start: read_object(link, found, start), position=found.position, name=found.key)

    def _store_all(self, reading: "_Reading", pieces: Iterator[bytes]) -> bool:
        """Store block by block; False where the time is over before the object is.

        Raises:
            UnreadableFile: it cannot be read further; of one that is damaged, what came before that is stored.
        """
        source, began_at = self._connection.source, self._context.clock()
        until: datetime | None = None
        for block in read_blocks(pieces, reading.found, source=source, most_entries=MOST_PART_ENTRIES):
            until = until or _read_until(began_at, found_at=self._context.clock())
            self._store(reading, block)
            if self.is_over and self._context.clock() >= until:
                return False
        return True

    def _store(self, reading: "_Reading", block: Block) -> None:
        now = self._context.clock()

        def note(tx: Transaction, refused: int) -> None:
            object_store.advance(tx, reading.found, self._connection, version=reading.version, position=block.end)
            stored = len(block.entries) - refused
            object_store.count_entries(tx, self._connection, stored, refused=refused, now=now)

        wait_for_scoring(self._context, self._connection.project)
        part = Part(name=f"connection {self._connection.id}", entries=block.entries)
        taken = admit(self._context, self._intake, part, project=self._connection.project, also_told=note)
        reading.version += 1
        self.entries += taken

    def _wait(self, reading: "_Reading", later: NotYet) -> None:
        """Leave all that is found for the time when the project may store again."""
        with self._context.db.transaction() as tx:
            object_store.release(tx, reading.found, version=reading.version, now=self._context.clock())
            object_store.put_off_all(tx, self._connection.id, until=later.until, error=error_text(later))

    def _put_off(self, reading: "_Reading", error: Exception) -> None:
        wait = back_off(reading.found.failures + 1)
        with self._context.db.transaction() as tx:
            object_store.put_off(
                tx,
                reading.found,
                version=reading.version,
                not_before=self._context.clock() + wait,
                error=error_text(error),
            )

    def _give_up(self, reading: "_Reading", error: OddlineError) -> None:
        """Let go of an object of which nothing (more) can be had, and say so."""
        alert, why = None, f"{reading.found.key}: {error.detail}"
        with self._context.db.transaction() as tx:
            if object_store.delete(tx, reading.found, version=reading.version):
                log.warning("connection %s: %s", self._connection.id, why)
                alert = raise_alert(
                    tx,
                    kind="object_unreadable",
                    subject=str(self._connection.id),
                    text=f"an object that connection {self._connection.id} found cannot be read: {why}",
                    now=self._context.clock(),
                    project=self._connection.project,
                )
        if alert is not None:
            self._context.publisher.wake(SEND_SYSTEM_ALERT, task_id=alert)


@dataclass(slots=True)
class _Reading:
    """An object under way; `version` is the one that the next part is to find."""

    found: FoundObject
    version: int


def _read_until(began_at: datetime, *, found_at: datetime) -> datetime:
    """Until when an object is read though others wait: otherwise a large packed one would come to little else.

    For as long as it took to find the place in it, unless the turn would become too long; for a short turn at least.
    """
    found_in = found_at - began_at
    return found_at + min(found_in, max(LONG_TURN - found_in, SHORT_TURN))


def _is_of_feed(error: OddlineError) -> bool:
    """Whether the other end failed, and not what we store with."""
    return error.code in {"feed-failed", "outgoing-failed", "outgoing-refused"}
