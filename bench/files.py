"""Lines per second from an upload to scored entries of a large file whose worker is killed five times on the way.

The whole stack as `make run` starts it; the file is uploaded by the client of `oddline files upload`. Each line bears
its number, so that what was lost and what came twice can be told from the stored bodies themselves.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bench.services import running_stack, wait_until_scored
from oddline.cli.connecting import api_client
from oddline.cli.uploading import upload
from oddline.database import Database
from oddline.objects import FolderObjects
from oddline.submissions import unpack

BYTES = 2 * 10**9
BYTES_QUICK = 20 * 10**6
LINE = "2026-11-05T08:{:02}:{:02}Z INFO checkout-{}: request {:09} of user {} answered in {} ms by worker {}\n"
KILLS = 5
LOOK_EVERY_S = 0.05
BODIES_AT_ONCE = 50


def measure(*, quick: bool, work: Path, size: int = 0) -> dict[str, Any]:
    """`file_lines_per_s`, the highest memory of the processes that read the file, and what was lost and doubled."""
    path = work / "large.log"
    lines = _write(path, size or (BYTES_QUICK if quick else BYTES))
    with running_stack(work / "home") as stack, closing(Database(stack.database_urls["worker"], size=2)) as db:
        began = time.monotonic()
        with api_client(url=stack.url, key=stack.api_key) as client:
            file = upload(client, path, source="bench")
        uploaded_s = time.monotonic() - began
        killed, peak = _kill_on_the_way(db, file)
        stored_s = time.monotonic() - began - uploaded_s
        wait_until_scored(db)
        scored_s = time.monotonic() - began - uploaded_s
        lost, doubled = _compare(db, work / "home", lines=lines)
    return {
        "file_lines_per_s": round(lines / scored_s),
        "file_peak_mb": round(peak / 1024**2),
        "file_lost": lost,
        "file_doubled": doubled,
        "files": {
            "lines": lines,
            "bytes": path.stat().st_size,
            "seconds_uploading": round(uploaded_s, 1),
            "seconds_to_last_entry_stored": round(stored_s, 1),
            "seconds_to_last_entry_scored": round(scored_s, 1),
            "killed": killed,
        },
    }


def _write(path: Path, size: int) -> int:
    number = written = 0
    with path.open("w", encoding="ascii") as stream:
        while written < size:
            number += 1
            second = number // 1_000
            line = LINE.format(
                second // 60 % 60, second % 60, number % 7, number, number % 5_003, number % 911, number % 13
            )
            written += stream.write(line)
    return number


def _kill_on_the_way(db: Database, file: dict[str, Any]) -> tuple[int, int]:
    """(how many times its worker was killed, the most memory that one had), once the file is processed."""
    killed = peak = 0
    for worker, progress, state in _looks(db, file):
        if state == "failed":
            raise RuntimeError("the file could not be processed")
        pid = int(worker.rpartition(":")[2]) if worker else 0
        peak = max(peak, _peak_of(pid) if pid else 0)
        if pid and killed < KILLS and progress > (killed + 1) / (KILLS + 2):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed, peak


def _looks(db: Database, file: dict[str, Any]) -> Iterator[tuple[str | None, float, str]]:
    """(the process that reads the file now, how far it is, its state), until it is processed or has failed."""
    while True:
        with db.transaction() as tx:
            found = tx.execute(
                "SELECT CASE WHEN tasks.state IN ('STARTED', 'PROGRESS') THEN worker END, files.progress, files.state"
                " FROM files JOIN tasks ON tasks.id = task_id WHERE files.id = %s",
                [file["file_id"]],
            ).fetchone()
        if found is None:
            raise RuntimeError("the file is gone")
        yield found
        if found[2] in {"processed", "failed"}:
            return
        time.sleep(LOOK_EVERY_S)


def _peak_of(pid: int) -> int:
    """The most memory that a process had, in bytes; 0 of one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    _, found, rest = status.partition("VmHWM:")
    return 1024 * int(rest.split()[0]) if found else 0  # one that has ended has none


def _compare(db: Database, home: Path, *, lines: int) -> tuple[int, int]:
    """(lines that are in no body, lines that are in more than one place)."""
    times, objects = bytearray(lines + 1), FolderObjects(home / "objects")
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        with db.transaction() as tx:
            bodies = tx.execute(
                "SELECT submissions.id, body, body_object FROM submissions JOIN file_parts"
                " ON submission_id = submissions.id WHERE submissions.id > %s ORDER BY submissions.id LIMIT %s",
                [after, BODIES_AT_ONCE],
            ).fetchall()
        if not bodies:
            return times[1:].count(0), sum(count - 1 for count in times if count > 1)
        after = bodies[-1][0]
        for _, body, name in bodies:
            for message in unpack(body if name is None else objects.get(name)).messages:
                times[int(message.partition("request ")[2].split()[0])] += 1
