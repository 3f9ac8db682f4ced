"""From a request's body to its 202: what one entry and a batch have in common, and where they differ."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import UUID

from fastapi import Response
from starlette.datastructures import Headers

from functions.http import Parts, json_answer
from functions.http.repeating import REPLAYED
from functions.ingest.submitters import Submitter
from oddline.errors import InvalidEntries, TooLarge
from oddline.metrics import INTAKE
from oddline.submissions import (
    LIMITS,
    SCORE_WAITING,
    SCORE_WAITING_BATCH,
    Accepted,
    Columns,
    Fault,
    Limits,
    Quota,
    accept,
    decode_batch,
    decode_single,
    entry_id,
    rfc3339,
    take_entries,
    unpack_body,
)
from oddline.tasks import TaskSpec

LARGE_BYTES = 256 * 1024  # unpacked, or of entries with what they share; several times that in memory
_SMALL = Limits(wire_bytes=LARGE_BYTES, unpacked_bytes=LARGE_BYTES)
_large_turn = BoundedSemaphore(4)  # so many large bodies are worked on at once, so that memory stays bounded
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Form:
    """How a route reads a body, answers it and wakes the workers; `echo` is told but not kept."""

    name: str
    decode: Callable[..., list[Any]]
    answer: Callable[[Columns, Sequence[Fault], UUID], dict[str, Any]]
    echo: Callable[[Columns], dict[str, Any]]
    wake: TaskSpec


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some entries; `accepted` is None where none of them could be taken."""

    columns: Columns
    faults: Sequence[Fault]
    accepted: Accepted | None


class Unpack(Protocol):
    """Takes the encoding off a body."""

    def __call__(self, body: bytes, *, limits: Limits) -> bytes:
        """The body; TooLarge where it is over the limits, of which no more is ever unpacked."""


class Turn:
    """While it lasts a request is worked on; those that are large wait until only so many others of them are."""

    def __init__(self) -> None:
        self._is_held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._is_held:
            _large_turn.release()

    def wait(self, *, size: int) -> None:
        """Wait where a request turns out to be of so many bytes that it is large."""
        if size > LARGE_BYTES and not self._is_held:
            _large_turn.acquire()
            self._is_held = True

    def unpack(self, body: bytes, unpack: Unpack) -> bytes:
        """A body without its encoding, whose size counts and not that on the wire: it is seen by unpacking a little.

        Raises:
            BadRequest, TooLarge, UnsupportedEncoding: as `unpack` does.
        """
        try:
            return unpack(body, limits=_SMALL)
        except TooLarge:
            self.wait(size=LARGE_BYTES + 1)
        return unpack(body, limits=LIMITS)


def take(
    parts: Parts,
    items: Sequence[Any],
    *,
    project: UUID,
    request_keys: Sequence[str],
    body_hash: bytes,
    answer: Callable[[Columns, Sequence[Fault], UUID], dict[str, Any]],
    wake: TaskSpec,
) -> Taken:
    """Store what can be taken of some entries as one submission, and wake the workers; at most 16,384 entries.

    Raises:
        QuotaExceeded: it is more than the project may send today.
        KeyReused, RequestInProgress: one of its keys came before.
        TooLarge: it could not be read back.
        DatabaseUnavailable, ObjectStoreUnavailable: nothing was stored.
    """
    now = parts.clock()
    redaction = parts.rule_book.redaction(parts.db, project)
    columns, faults = take_entries(items, now=now, redaction=redaction)
    if not columns:
        return Taken(columns, faults, None)
    limits = parts.limiter.limits_of(project)
    accepted = accept(
        parts.db,
        project=project,
        columns=columns,
        answer=partial(answer, columns, faults),
        # A key that holds what was erased is known as it is without: so a repeat is still told.
        request_keys=[redaction.rules.whole.erase(key) for key in request_keys],
        body_hash=body_hash,
        now=now,
        objects=parts.objects,
        body_object_bytes=parts.settings.body_object_bytes,
        quota=Quota(entries=limits.entries_a_day, bytes=limits.bytes_a_day),
    )
    if not accepted.replayed:
        parts.publisher.wake(wake)
        parts.metrics.emit(INTAKE, {"Accepted": len(columns), "Masked": redaction.masked})
    return Taken(columns, faults, accepted)


def submit(parts: Parts, form: Form, *, submitter: Submitter, headers: Headers, body: bytes) -> Response:
    """Store what can be taken and say so with 202; a request that came before gets its first answer.

    Raises:
        BadRequest, TooLarge, UnsupportedEncoding: the request is refused whole.
        InvalidEntries: none of its entries can be taken.
        QuotaExceeded, KeyReused, RequestInProgress, DatabaseUnavailable, ObjectStoreUnavailable: as `take`.
    """
    with Turn() as turn:
        plain = turn.unpack(body, partial(unpack_body, content_encoding=headers.get("content-encoding", "")))
        taken = take(
            parts,
            form.decode(plain, content_type=headers.get("content-type", "")),
            project=submitter.project,
            request_keys=submitter.request_keys,
            # The form belongs to it: the same bytes can be one entry and a batch of one.
            body_hash=hashlib.sha256(form.name.encode() + b"\n" + plain).digest(),
            answer=form.answer,
            wake=form.wake,
        )
    if taken.accepted is None:
        raise _none_left(taken.faults)
    return _accepted(taken.accepted.answer | form.echo(taken.columns), replayed=taken.accepted.replayed)


def _answer_single(columns: Columns, _faults: Sequence[Fault], submission: UUID) -> dict[str, Any]:
    return {
        "id": str(entry_id(submission, 0)),
        "timestamp": rfc3339(EPOCH + timedelta(microseconds=columns.timestamps[0])),
        "severity": columns.severity_texts[0],
        "source": columns.sources[0],
        "analysis_task_id": str(submission),
        "status": "processing",
    }


def _answer_batch(columns: Columns, faults: Sequence[Fault], submission: UUID) -> dict[str, Any]:
    return {
        "batch_id": str(submission),
        "task_id": str(submission),
        "analysis_task_id": str(submission),
        "accepted": len(columns),
        "refused": [fault.view() for fault in faults],
        "entry_ids": {"first": str(entry_id(submission, columns.indices[0])), "formula": "batch_id | index"},
        "status": "processing",
    }


def _echo_message(columns: Columns) -> dict[str, Any]:
    """Not part of the kept answer: what takes logs must not be able to read them again. A repeat brings it anew."""
    return {"message": columns.messages[0]}


SINGLE = Form(name="single", decode=decode_single, answer=_answer_single, echo=_echo_message, wake=SCORE_WAITING)
BATCH = Form(name="batch", decode=decode_batch, answer=_answer_batch, echo=lambda _: {}, wake=SCORE_WAITING_BATCH)


def _accepted(answer: Mapping[str, Any], *, replayed: bool) -> Response:
    headers = {"Location": f"/api/v1/tasks/{answer['analysis_task_id']}"}
    if replayed:
        headers[REPLAYED] = "true"
    return json_answer(answer, status=202, headers=headers)


def _none_left(faults: Sequence[Fault]) -> InvalidEntries:
    errors = [fault.view() for fault in faults]
    if len(faults) == 1:
        only = faults[0]
        return InvalidEntries(only.detail, index=only.index, field=only.field, errors=errors)
    return InvalidEntries(f"none of the {len(faults)} entries can be taken", errors=errors)
