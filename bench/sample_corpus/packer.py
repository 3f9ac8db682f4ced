"""Packs a recording into what is shipped: the corpus, its labelled windows, and the cut for the first start."""

import json
import lzma
import platform
import re
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KERNEL = "6.1.0-sample"  # what nginx prints of the kernel that it runs on
AFTERSHOCK_SECONDS = 2.5  # a window goes on for as long as its fault's lines follow each other this closely
DEMO_NORMAL_LINES = 14_000
DEMO_FAULT_LINES = 1_050  # of each window: enough to hold the fault's lines among normal ones
DEMO_LEAD_LINES = 50
DEMO_KINDS = (
    "disk_full",
    "deadlock",
    "corrupted_file",
    "bad_login",
    "worker_killed",
    "out_of_memory",
    "config_error",
    "server_killed",
    "privilege_abuse",
    "silent_data_loss",
)


class ForeignNameError(Exception):
    """A line holds a name or path of the machine on which the corpus was made."""


@dataclass(frozen=True)
class Spooled:
    """One recorded line: seconds since 1970, and `source<TAB>line`."""

    seconds: float
    text: str


def pack(out_dir: Path, *, keep_spool: bool) -> None:
    """Turn `spool.log` and `spool-windows.json` of the folder into the three files that are shipped."""
    spool, spool_windows = out_dir / "spool.log", out_dir / "spool-windows.json"
    lines = _read_spool(spool)
    recorded = json.loads(spool_windows.read_text(encoding="utf-8"))
    limits = [*(window["start_line"] for window in recorded[1:]), len(lines)]
    labelled = [_label(window, lines=lines, limit=limit) for window, limit in zip(recorded, limits, strict=True)]
    # A fault that left no line behind did not take: its stretch is normal running.
    windows = [window for window in labelled if window["odd_lines"]]
    ranges = _demo_ranges(windows)
    _write_lines(out_dir / "corpus.log.xz", lines)
    _write_lines(out_dir / "demo.log.xz", (line for start, end in ranges for line in lines[start:end]))
    _write_index(out_dir / "windows.json", lines=lines, windows=windows, ranges=ranges)
    if not keep_spool:
        spool.unlink()
        spool_windows.unlink()


def _read_spool(path: Path) -> list[Spooled]:
    foreign = _machine_names()
    lines = []
    with path.open(encoding="utf-8", newline="\n") as spool:
        for raw in spool:
            seconds, text = raw.rstrip("\n").replace(platform.release(), KERNEL).split("\t", 1)
            if found := foreign.search(text):
                raise ForeignNameError(f"{found[0]!r} in {text[:200]!r}")
            lines.append(Spooled(float(seconds), text))
    return lines


def _machine_names() -> re.Pattern[str]:
    """Paths of this machine wherever they stand, its host name as a word of its own (it may be as short as `vm`)."""
    paths = (sys.prefix, sys.base_prefix, str(Path.cwd()), str(Path(__file__).parent))
    host = rf"(?<=[\s@]){re.escape(socket.gethostname())}(?=[\s:])"
    return re.compile("|".join([*map(re.escape, paths), host]))


def _label(window: dict[str, Any], *, lines: Sequence[Spooled], limit: int) -> dict[str, Any]:
    """A window with its times, and the numbers of the lines that its fault caused; it ends before line `limit`."""
    shows = re.compile("|".join(f"(?:{pattern})" for pattern in window.pop("shows")))
    start, end = window["start_line"], min(window["end_line"], limit)
    odd = [number for number in range(start, end) if shows.search(lines[number].text)]
    for number in range(end, limit):
        if lines[number].seconds - lines[end - 1].seconds > AFTERSHOCK_SECONDS:
            break
        if shows.search(lines[number].text):
            odd.append(number)
            end = number + 1
    times = {"start": _rfc3339(lines[start].seconds), "end": _rfc3339(lines[end - 1].seconds)}
    return {**window, "end_line": end, **times, "odd_lines": odd}


def _demo_ranges(windows: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Line ranges of the cut, in order: a normal stretch, then the first window of each chosen kind."""
    ranges = [(0, min(DEMO_NORMAL_LINES, windows[0]["start_line"]))]
    first = {window["kind"]: window for window in reversed(windows)}
    for window in sorted(
        (first[kind] for kind in DEMO_KINDS if kind in first), key=lambda window: window["start_line"]
    ):
        start = max(window["start_line"] - DEMO_LEAD_LINES, ranges[-1][1])
        ranges.append((start, min(window["end_line"], start + DEMO_FAULT_LINES)))
    return ranges


def _write_lines(path: Path, lines: Iterable[Spooled]) -> None:
    with lzma.open(path, "wt", encoding="utf-8", newline="\n", preset=9 | lzma.PRESET_EXTREME) as file:
        file.writelines(f"{line.text}\n" for line in lines)


def _write_index(
    path: Path, *, lines: Sequence[Spooled], windows: Sequence[dict[str, Any]], ranges: Sequence[tuple[int, int]]
) -> None:
    head = {
        "lines": len(lines),
        "start": _rfc3339(int(lines[0].seconds)),
        "line_at_second": _line_at_second(lines),
        "demo": ranges,
    }
    body = ",\n".join(json.dumps(window) for window in windows)
    path.write_text(f'{json.dumps(head)[:-1]},\n"windows": [\n{body}\n]}}\n', encoding="utf-8")


def _line_at_second(lines: Sequence[Spooled]) -> list[int]:
    """For each second from the start, the number of the first line printed in it or later."""
    start = int(lines[0].seconds)
    firsts: list[int] = []
    for number, line in enumerate(lines):
        while len(firsts) <= line.seconds - start:
            firsts.append(number)
    return firsts


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
