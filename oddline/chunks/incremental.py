"""Read chunks as they were born, each exactly once, by a cursor that no late commit can slip past."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.chunks import store
from oddline.chunks.model import NewChunk, Part, Place, Position, RowGroup
from oddline.database import Transaction

COUNTS: Final = "counts"
ANALYTICS: Final = "analytics"
WHOLE_READERS: Final = frozenset({COUNTS, ANALYTICS})
"""Consumers that need every chunk of a project from its first on; others start with what comes after them."""


def read_new(tx: Transaction, *, project: UUID, consumer: str, limit: int) -> list[NewChunk]:
    """Up to `limit` chunks that `consumer` has not passed yet, in the order (era, xid, chunk id).

    Only what every transaction in progress must come behind is shown: a chunk that becomes visible later always has a
    later position. The cursor stays locked until the end of the transaction, so that two runs side by side take turns.
    Blobs come from `store.read_blobs`. Call `advance` in the transaction that writes what was made of the chunks.
    """
    store.ensure_cursor(tx, project=project, consumer=consumer, from_beginning=consumer in WHOLE_READERS)
    position = store.lock_cursor(tx, project=project, consumer=consumer)
    return store.list_born(tx, project=project, after=position, limit=limit)


def read_after(tx: Transaction, *, project: UUID, after: Position, today: date, limit: int) -> list[NewChunk]:
    """Up to `limit` chunks after a position that the caller keeps, as `read_new` shows them.

    Nothing waits for such a caller: days that have gone are not among them, nor what is past its retention.
    """
    days = store.retention_days(tx, project=project)
    chunks = store.list_born(tx, project=project, after=after, limit=limit, since=today - timedelta(days=days))
    return list(chunks)


def position_now(tx: Transaction) -> Position:
    """Behind all chunks that any reader has been shown, and before all others."""
    return store.end_position(tx)


def position_before(tx: Transaction, *, project: UUID, moment: datetime) -> Position | None:
    """Right before the first of the chunks that were made since a moment; None where there are none."""
    return store.first_position(tx, project=project, made_since=moment)


def advance(tx: Transaction, *, consumer: str, to: NewChunk) -> None:
    """Note that `consumer` is done with all that `read_new` gave up to and including `to`."""
    store.move_cursor(tx, project=to.project, consumer=consumer, to=to.position)


def is_passed(tx: Transaction, *, project: UUID, consumer: str, chunks: Sequence[NewChunk]) -> bool:
    """Whether another run has taken up chunks that `read_new` gave; nobody can until the transaction ends."""
    new = read_new(tx, project=project, consumer=consumer, limit=1)
    return bool(chunks) and [one.id for one in new] != [chunks[0].id]


def projects_with_new(tx: Transaction, *, consumer: str) -> list[UUID]:
    """The projects in which `read_new` has something for `consumer`."""
    return store.projects_with_born(tx, consumer=consumer)


def whole(chunk: NewChunk) -> Part:
    """All of a newborn chunk, as `Reader.read` takes it."""
    place = Place(
        chunk=chunk.id,
        project=chunk.project,
        format=chunk.format,
        schema_version=chunk.schema_version,
        entries=chunk.entries,
        bytes=chunk.bytes,
        object_key=None,
        footer_offset=0,
    )
    group = RowGroup(
        start=0,
        end=chunk.bytes,
        rows=chunk.entries,
        decoded=chunk.decoded_bytes,
        lowest_time=chunk.lowest_time,
        highest_time=chunk.highest_time,
        lowest_id=chunk.lowest_id,
        highest_id=chunk.highest_id,
        highest_score=chunk.highest_score,
        severities=chunk.severities,
        source_ids=chunk.source_ids,
    )
    return Part(place=place, number=0, row_offset=0, group=group)
