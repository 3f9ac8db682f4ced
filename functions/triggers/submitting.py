"""From parts of an event to submissions, each stored once however often the event is delivered."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from functions.parts import Parts
from oddline.identity import configured_project
from oddline.metrics import INTAKE
from oddline.submissions import SCORE_WAITING_BATCH, accept, take_entries

log = logging.getLogger(__name__)

MOST_ENTRIES = 10_000  # of a submission, as over HTTP
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of an event, and what they are known by: the key of a request, or the submission's own id."""

    name: str
    entries: list[dict[str, Any]]
    request_keys: tuple[str, ...] = ()
    submission: UUID | None = None


def entry(message: str, *, source: str, attributes: dict[str, Any], **more: str) -> dict[str, Any]:
    """An entry that no character keeps from being stored: what cannot be is replaced, and their number told."""
    text, replaced = _NOT_STORABLE.subn("\ufffd", message)
    if replaced:
        attributes = attributes | {"replaced_characters": replaced}
    return {"message": text, "source": source, "attributes": attributes, **more}


def submit_all(parts: Parts, given: Iterable[Part]) -> dict[str, int]:
    """Store every part that is not stored yet and wake a worker; returns how many entries and submissions are new.

    An entry that cannot be taken is logged and left out.

    Raises:
        NotConfigured: ODDLINE_TRIGGER_PROJECT names no project.
        RequestInProgress: another delivery of the event is storing the same part now.
        DatabaseUnavailable, ObjectStoreUnavailable: not all of it was stored.
    """
    project = configured_project(parts.db, parts.settings.trigger_project, setting="ODDLINE_TRIGGER_PROJECT")
    new = [_submit(parts, part, project=project) for part in given]
    if new:
        parts.publisher.wake(SCORE_WAITING_BATCH)
    return {"entries": sum(new), "submissions": sum(entries > 0 for entries in new)}


def _submit(parts: Parts, part: Part, *, project: UUID) -> int:
    """How many entries of the part are stored that were not before."""
    now = parts.clock()
    redaction = parts.rule_book.redaction(parts.db, project)
    columns, faults = take_entries(part.entries, now=now, redaction=redaction)
    if faults:
        refused = f"{len(faults)} of {len(part.entries)}"
        log.warning("%s: %s entries cannot be taken, the first because %s", part.name, refused, faults[0].detail)
    if not columns:
        return 0
    accepted = accept(
        parts.db,
        project=project,
        columns=columns,
        answer=lambda _: {},
        request_keys=part.request_keys,
        body_hash=b"",  # the key is itself a hash of what came
        now=now,
        objects=parts.objects,
        body_object_bytes=parts.settings.body_object_bytes,
        submission=part.submission,
    )
    if accepted.replayed:
        return 0
    parts.metrics.emit(INTAKE, {"Accepted": len(columns), "Masked": redaction.masked})
    return len(columns)
