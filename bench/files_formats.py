"""Lines per second and core that reading a file into entries takes, by format: CPU time, the least of some passes.

The lines are those of the real logs beside the checkout where they are, and for all other formats a few written for
them, over and over; so every hour of them is known after its first line, as in a log of real size.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import raw_lines
from oddline.files import read_entries

LINES = 200_000
PASSES = 3
NOW = datetime(2026, 11, 5, tzinfo=UTC)
PIECE_BYTES = 256 * 1024

_WRITTEN = {
    "text_iso": "2026-10-11 08:15:30,123 ERROR request number 4711 was served in 3.5 ms\n",
    "text_untimed": "request number 4711 was served in 3.5 ms\n",
    "json_lines": '{"level":30,"time":1762330530000,"pid":7,"hostname":"web-1","msg":"request 4711 completed"}\n',
    "web_access": '10.0.0.9 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8"\n',
    "nginx_error": "2026/10/18 18:01:47 [error] 8#9: *71 connect() failed (111: Connection refused)\n",
    "logfmt": 'time=2026-10-11T22:14:15Z level=warn msg="no route" host=web-1 took=3\n',
    "syslog_5424": "<165>1 2026-10-11T22:14:15.003Z web-1 shop 7 ID47 - started\n",
    "postgres": "2026-10-11 22:14:15.003 UTC [31] app@shop ERROR:  no relation at character 15\n",
    "klog": "E1011 22:14:15.003452       1 nodes.go:317] lost node-4\n",
    "cri": "2026-10-11T22:14:15.003452711Z stderr F no route\n",
}


def measure(*, quick: bool, work: Path) -> dict[str, Any]:  # noqa: ARG001
    """`files_<format>_lines_per_s` of each log and format."""
    count, passes = (5_000, 1) if quick else (LINES, PASSES)
    results: dict[str, Any] = {"files_formats": {"lines": count, "passes": passes}}
    for name, lines in _logs():
        data = lines * (count // lines.count(b"\n") + 1)
        read = data.count(b"\n")
        results[f"files_{name}_lines_per_s"] = round(
            read / min(_cpu_seconds(data, entries=read) for _ in range(passes))
        )
    return results


def _logs() -> Iterator[tuple[str, bytes]]:
    """Name and lines of each."""
    for name, line in _WRITTEN.items():
        yield name, line.encode()
    yield "csv", b"time,level,message,user\n" + b'2026-10-11T22:14:15Z,error,"no, really",7\n' * 99
    logs = sorted((raw_lines.DATA / "loghub").glob("*_2k.log"))
    if not logs:
        print(f"the real logs are SKIPPED: there is no {raw_lines.DATA / 'loghub'}", file=sys.stderr)
    for path in logs:
        yield path.name.removesuffix("_2k.log").lower(), path.read_bytes().rstrip() + b"\n"


def _cpu_seconds(data: bytes, *, entries: int) -> float:
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    began = time.process_time()
    read = sum(len(block.entries) for block in read_entries(pieces, now=NOW))
    seconds = time.process_time() - began
    if read < entries * 0.9:  # csv's header is no entry
        raise RuntimeError(f"{entries} lines gave {read} entries")
    return seconds
