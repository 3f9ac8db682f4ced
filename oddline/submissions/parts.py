"""Store what comes in parts, of an event, a file or a feed, and not as a request: each part is one submission, once."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from oddline.database import Database, Transaction
from oddline.metrics import INTAKE, OFF, Metrics
from oddline.objects import ObjectStore
from oddline.redaction import RuleBook
from oddline.submissions.intake import ATTRIBUTES_BYTES, take_entries
from oddline.submissions.model import Quota
from oddline.submissions.service import UNLIMITED, accept

log = logging.getLogger(__name__)

MOST_PART_ENTRIES: Final = 10_000  # as of a request
_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries, and what they are known by: the key of a request, or the submission's own id."""

    name: str  # for logs, which no erasure reaches: never what a user of the project wrote
    entries: list[dict[str, Any]]
    request_keys: tuple[str, ...] = ()
    submission: UUID | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What parts are stored with."""

    db: Database
    objects: ObjectStore
    rule_book: RuleBook
    body_object_bytes: int
    metrics: Metrics = OFF

    def store(
        self,
        part: Part,
        *,
        project: UUID,
        now: datetime,
        also: Callable[[Transaction], None] = lambda _: None,
        also_told: Callable[[Transaction, int], None] = lambda _, __: None,
        quota: Quota = UNLIMITED,
    ) -> int:
        """Store a part unless it is stored already; returns how many entries are new. Wake a worker afterwards.

        An entry that cannot be taken is left out. The log says so, and quotes nothing: no erasure reaches it.

        Args:
            also: what is to be written in the same transaction; not where the part was stored before.
            also_told: the same, told how many entries were left out.
            quota: what the project may send today, with this.

        Raises:
            QuotaExceeded: it is more than the project may send today.
            RequestInProgress: another delivery is storing the same part now.
            TooLarge: it could not be read back.
            DatabaseUnavailable, ObjectStoreUnavailable: it was not stored.
        """
        redaction = self.rule_book.redaction(self.db, project)
        columns, faults = take_entries(part.entries, now=now, redaction=redaction)
        if faults:
            refused = f"{len(faults)} of {len(part.entries)}"
            log.warning("%s: %s entries cannot be taken, the first: %s", part.name, refused, faults[0].told_shortly)

        def write(tx: Transaction) -> None:
            also(tx)
            also_told(tx, len(faults))

        if not columns:
            with self.db.transaction(project=project) as tx:
                write(tx)
            return 0
        accepted = accept(
            self.db,
            project=project,
            columns=columns,
            answer=lambda _: {},
            request_keys=part.request_keys,
            body_hash=b"",  # the key is itself a hash of what came
            now=now,
            objects=self.objects,
            body_object_bytes=self.body_object_bytes,
            submission=part.submission,
            quota=quota,
            also=write,
        )
        if accepted.replayed:
            return 0
        self.metrics.emit(INTAKE, {"Accepted": len(columns), "Masked": redaction.masked})
        return len(columns)


def storable_entry(message: str, *, source: str | None, attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An entry that no character keeps from being stored: what cannot be is replaced, and their number told."""
    try:
        entry, replaced, _ = storable({"message": message, "source": source, "attributes": attributes, **more})
    except RecursionError:
        kept = {"left_out": "attributes that are nested too deeply"}
        return storable_entry(message, source=source, attributes=kept, **more)
    if replaced:
        entry["attributes"]["replaced_characters"] = replaced
    return dict(entry)


def storable(value: Any) -> tuple[Any, int, int]:
    """A value without what cannot be stored, how many characters of it were replaced, and its bytes as JSON.

    What is no JSON even so, since it is nested too deeply, counts as more bytes than attributes may have.
    """
    packed, replaced = _packed(value), 0
    if packed is None or b"\\u0000" in packed:
        value, replaced = _replaced(value)
        packed = _packed(value)
    return value, replaced, ATTRIBUTES_BYTES + 1 if packed is None else len(packed)


def _packed(value: Any) -> bytes | None:
    try:
        return orjson.dumps(value)
    except TypeError:  # there are lone surrogates in it, or too many levels
        return None


def _replaced(value: Any) -> tuple[Any, int]:
    """The value with what cannot be stored replaced in all its texts, and how many characters that were."""
    if isinstance(value, str):
        return _NOT_STORABLE.subn("\ufffd", value)
    if isinstance(value, list):
        items = [_replaced(item) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    if isinstance(value, dict):
        pairs = [(_replaced(name), _replaced(inner)) for name, inner in value.items()]
        return {name: inner for (name, _), (inner, _) in pairs}, sum(one + other for (_, one), (_, other) in pairs)
    return value, 0
