"""Send log lines over the HTTP API as any client would: in batches, each with a key that makes a repeat harmless."""

import gzip
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import httpx
import orjson

from oddline.errors import OddlineError, Unavailable

BATCH_ENTRIES = 1_000
BATCH_BYTES = 2 * 1024 * 1024  # of messages; well below what one request may hold
TRIES = 5
FIRST_PAUSE_S = 0.5
POLL_S = 0.2


class NotTaken(OddlineError):
    """The API refused what was sent."""

    code, title = "not-taken", "The API refused what was sent"


@dataclass(frozen=True, slots=True)
class Sent:
    """What the API answered to one batch."""

    task_id: str
    accepted: int
    refused: tuple[dict[str, Any], ...]


Pause = Callable[[float], None]
"""Waits for so many seconds."""


def send(
    client: httpx.Client, entries: Iterable[dict[str, Any]], *, run: str, pause: Pause = time.sleep
) -> Iterator[Sent]:
    """Send entries in batches; `run` names this sending, so that the same one, done again, doubles nothing.

    Raises:
        NotTaken: the API refused a batch.
        Unavailable: it did not answer after several tries.
    """
    for number, batch in enumerate(_batches(entries)):
        body = b"\n".join(map(orjson.dumps, batch))
        key = hashlib.sha256(f"{run}:{number}:".encode() + body).hexdigest()
        answer = _post(client, body, key=key, pause=pause)
        yield Sent(answer["task_id"], answer["accepted"], tuple(answer["refused"]))


def wait_until_scored(client: httpx.Client, task_ids: Sequence[str], *, patience_s: float) -> list[dict[str, Any]]:
    """The tasks' views once all are ready.

    Raises:
        NotTaken: the API refused to tell.
        Unavailable: some are not ready after `patience_s` seconds.
    """
    deadline = time.monotonic() + patience_s
    views = []
    for task_id in task_ids:
        while not (view := _view(client, task_id))["ready"]:
            if time.monotonic() > deadline:
                raise Unavailable(f"task {task_id} is still {view['status']} after {patience_s:.0f} s")
            time.sleep(POLL_S)
        views.append(view)
    return views


def _batches(entries: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(entries)
    while batch := list(islice(waiting, BATCH_ENTRIES)):
        start, size = 0, 0
        for place, entry in enumerate(batch):
            size += len(entry["message"]) * 2
            if size > BATCH_BYTES and place > start:
                yield batch[start:place]
                start, size = place, len(entry["message"]) * 2
        yield batch[start:]


def _view(client: httpx.Client, task_id: str) -> dict[str, Any]:
    """What the API tells of a task; of one that it cannot tell of now, that it is not ready."""
    try:
        answer = client.get(f"/api/v1/tasks/{task_id}")
    except httpx.TransportError as error:
        return {"ready": False, "status": f"unknown: {error}"}
    if answer.is_server_error:
        return {"ready": False, "status": f"unknown: {reason_of(answer)}"}
    if answer.is_error:
        raise NotTaken(reason_of(answer))
    view: dict[str, Any] = answer.json()
    return view


def _post(client: httpx.Client, body: bytes, *, key: str, pause: Pause) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": "gzip",
        "Idempotency-Key": key,
    }
    packed = gzip.compress(body, compresslevel=1)
    why = ""
    for attempt in range(TRIES):
        if attempt:
            pause(FIRST_PAUSE_S * 2 ** (attempt - 1))
        try:
            answer = client.post("/api/v1/logs/batch", content=packed, headers=headers)
        except httpx.TransportError as error:
            why = str(error)
        else:
            if answer.status_code == httpx.codes.ACCEPTED:
                taken: dict[str, Any] = answer.json()
                return taken
            why = reason_of(answer)
            if answer.status_code not in {409, 429} and answer.status_code < 500:
                raise NotTaken(why)
    raise Unavailable(f"the API did not take a batch in {TRIES} tries: {why}")


def reason_of(answer: httpx.Response) -> str:
    """Why the API refused, in its own words as far as they can be read."""
    try:
        return f"{answer.status_code} {answer.json()['detail']}"
    except (ValueError, KeyError, TypeError):  # something else answered: a proxy, another program
        return f"{answer.status_code} {answer.text[:200]}"
