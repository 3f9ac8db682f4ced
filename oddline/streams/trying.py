"""Try a connection: what it reaches and what comes first there, or the exact reason why not; nothing is stored."""

import logging
import time
from contextlib import closing
from datetime import timedelta
from typing import Any, Final

from oddline.errors import BadRequest, OddlineError
from oddline.redaction import RuleBook
from oddline.streams.contents import read_blocks
from oddline.streams.failing import error_text
from oddline.streams.linking import find, open_link
from oddline.streams.model import Connection, FoundObject
from oddline.streams.reading import ConnectionType, Link
from oddline.streams.tasks import OfConnection
from oddline.submissions import take_entries
from oddline.tasks import TaskContext

log = logging.getLogger(__name__)

BACK: Final = timedelta(days=1)  # what came since then is looked for
SHOWN: Final = 5  # entries, and objects
LONGEST_S: Final = 20.0  # over pages without any


def try_connection(payload: OfConnection, context: TaskContext) -> dict[str, Any]:
    """What a connection reaches and the first few entries of the last day, masked as they would be stored.

    `reason` is None, or why it reaches nothing.
    """
    connection = find(context, payload.connection, project=payload.project)
    if connection is None:
        return _told(reason="there is no such connection")
    place = None
    try:
        kind, link = open_link(context, connection, since=context.clock() - BACK, most=SHOWN)
        place = kind.place(link.configuration)
        entries, objects = _look(kind, link)
        shown = _masked(entries, connection, context)
    except OddlineError as error:
        return _told(place=place, reason=error_text(error, sealed=True))
    except Exception as error:
        log.exception("connection %s", connection.id)
        return _told(place=place, reason=error_text(error, sealed=True))
    return _told(place=place, entries=shown, objects=[one.key for one in objects])


def _look(kind: ConnectionType, link: Link) -> tuple[list[dict[str, Any]], list[FoundObject]]:
    deadline = time.monotonic() + LONGEST_S
    for page in kind.pages(link):
        if page.entries:
            return page.entries[:SHOWN], []
        if page.objects and kind.read_object is not None:
            first = page.objects[0]
            with closing(kind.read_object(link, first, 0)) as pieces:
                block = next(read_blocks(pieces, first, source=link.source, most_entries=SHOWN), None)
            return block.entries if block else [], page.objects[:SHOWN]
        if time.monotonic() >= deadline:
            break
    return [], []


def _masked(entries: list[dict[str, Any]], connection: Connection, context: TaskContext) -> list[dict[str, Any]]:
    redaction = RuleBook(context.settings.cipher).redaction(context.db, connection.project)
    columns, faults = take_entries(entries, now=context.clock(), redaction=redaction)
    if faults and not columns:
        raise BadRequest(f"no entry can be taken, the first because {faults[0].detail}")
    shown = zip(columns.severity_texts, columns.messages, strict=True)
    return [{"severity": severity, "message": message} for severity, message in shown]


def _told(
    *,
    place: str | None = None,
    reason: str | None = None,
    entries: list[dict[str, Any]] | None = None,
    objects: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "reached": reason is None,
        "place": place,
        "reason": reason,
        "entries": entries or [],
        "objects": objects or [],
    }
