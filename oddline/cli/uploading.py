"""Upload a file over the HTTP API in parts, as any client would: what broke off goes on where it was."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from oddline.cli.connecting import NotTaken, reason_of
from oddline.errors import OddlineError, Unavailable

TRIES = 5
FIRST_PAUSE_S = 0.5
PART_TIMEOUT_S = 300.0  # of no progress at all
LOOKED_AT = 64 * 1024  # bytes at both ends by which a file is known again

Pause = Callable[[float], None]
"""Waits for so many seconds."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What of a file is there: so many bytes of its size, up to a part of so many."""

    bytes: int
    size: int
    part: int
    parts: int


def upload(
    client: httpx.Client,
    path: Path,
    *,
    source: str = "",
    format_: str = "",
    zone: str = "",
    process: bool = True,
    told: Callable[[Sent], None] = lambda _: None,
    pause: Pause = time.sleep,
) -> dict[str, Any]:
    """Upload a file, or what of it is not there yet; returns what the API tells of it.

    Args:
        told: is told, after each part, what is there.

    Raises:
        NotTaken: the API refuses it.
        Unavailable: it did not answer after several tries.
        OddlineError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            wanted = {"name": path.name[-200:], "size": size, "source": source, "format": format_, "zone": zone}
            key = _fingerprint(stream, path, wanted)
            headers = {"Idempotency-Key": key}
            file: dict[str, Any] = _ask(client, "POST", "/api/v1/files", json=wanted, headers=headers, pause=pause)
            if "upload" not in file:
                return file  # it was whole before
            parts = max(1, -(-size // file["upload"]["part_bytes"]))
            for part in _parts(client, file, pause=pause):
                if not part["there"]:
                    stream.seek(part["start"])
                    _put(client, part["url"], stream.read(part["end"] - part["start"]), pause=pause)
                told(Sent(part["end"], size, part["number"], parts))
    except OSError as error:
        raise OddlineError(f"{path}: {error.strerror}") from error
    done: dict[str, Any] = _ask(
        client, "POST", f"/api/v1/files/{file['file_id']}/complete", json={"process": process}, pause=pause
    )
    return done


def _fingerprint(stream: BinaryIO, path: Path, wanted: dict[str, Any]) -> str:
    digest = hashlib.sha256(repr((sorted(wanted.items()), path.stat().st_mtime_ns)).encode())
    for start in (0, max(0, wanted["size"] - LOOKED_AT)):
        stream.seek(start)
        digest.update(stream.read(LOOKED_AT))
    return digest.hexdigest()


def _parts(client: httpx.Client, file: dict[str, Any], *, pause: Pause) -> Iterator[dict[str, Any]]:
    page = file["upload"]
    while True:
        yield from page["parts"]
        if "next" not in page:
            return
        page = _ask(client, "GET", f"/api/v1/files/{file['file_id']}/upload?after={page['next']}", pause=pause)


def _put(client: httpx.Client, url: str, data: bytes, *, pause: Pause) -> None:
    if url.startswith("/"):
        _ask(client, "PUT", url, content=data, pause=pause)
        return
    with httpx.Client(timeout=PART_TIMEOUT_S, trust_env=client.trust_env) as store:  # our key is not for others
        _ask(store, "PUT", url, content=data, pause=pause)


def _ask(client: httpx.Client, method: str, path: str, *, pause: Pause, **request: Any) -> Any:
    why = ""
    for attempt in range(TRIES):
        if attempt:
            pause(FIRST_PAUSE_S * 2 ** (attempt - 1))
        try:
            answer = client.request(method, path, **request)
        except httpx.TransportError as error:
            why = str(error)
            continue
        if answer.is_success:
            return answer.json() if answer.headers.get("content-type") == "application/json" else None
        why = reason_of(answer)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS and answer.status_code < 500:
            raise NotTaken(why)
    raise Unavailable(f"it was not taken in {TRIES} tries: {why}")
