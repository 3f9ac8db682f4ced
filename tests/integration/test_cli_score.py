"""`oddline score` as a person or a script calls it: a process, its output, its exit code."""

import gzip
import json
import lzma
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

ODDLINE = str(Path(sys.executable).with_name("oddline"))
FAULT = "FATAL: could not write block 7 of relation base/16384/2619: disk failure, data corrupted"
OTHER = "user alice logged in from 10.0.0.7"
ROUTINE = "".join(f"GET /items/{number} 200 in {number % 40} ms\n" for number in range(2_000))
LOG = f"{ROUTINE}{FAULT}\n{ROUTINE}{FAULT}\n"
FAULT_LINE = 2_001
EVERYTHING = ("--threshold", "0")  # Each new pattern is odd, whatever the model thinks of it.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
DEADLINE_S = 30.0
SLOPE_MB = 30


def score(
    *arguments: str | Path, lines: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [ODDLINE, "score", *arguments], input=lines, capture_output=True, env=environment(env), check=False
    )


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("ODDLINE_", "NO_COLOR"))}
    return ours | dict(more or {})


def objects(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def messages(output: bytes) -> list[str]:
    return [odd["message"] for odd in objects(output)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(LOG)
    return path


def test_an_odd_line_of_a_file_is_shown_with_its_place_and_count(log: Path) -> None:
    done = score(log, *EVERYTHING)

    [shown] = [line for line in done.stdout.decode().splitlines() if "FATAL" in line]
    assert shown.split(None, 3)[1:] == ["×2", str(FAULT_LINE), FAULT]
    assert "4,002 lines, 2 patterns" in done.stderr.decode()
    assert done.returncode == 0


def test_standard_input_gives_what_the_file_gives(log: Path) -> None:
    piped = score("--json", *EVERYTHING, lines=log.read_bytes())
    named = score("-", "--json", *EVERYTHING, lines=log.read_bytes())

    assert messages(piped.stdout) == messages(named.stdout) == messages(score(log, "--json", *EVERYTHING).stdout)
    assert {odd["file"] for odd in objects(piped.stdout)} == {"stdin"}


def test_several_files_are_one_run_and_each_line_names_its_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    first.write_text(f"{ROUTINE}{FAULT}\n")
    second.write_text(f"{OTHER}\n{FAULT}\n")

    done = score(first, second, *EVERYTHING)

    shown = done.stdout.decode()
    assert f"{first}:{FAULT_LINE}  {FAULT}" in shown
    assert f"{second}:1  {OTHER}" in shown
    assert shown.count(FAULT) == 1


def test_json_says_all_that_is_known_of_an_odd_line(log: Path) -> None:
    done = score(log, "--json", "--source", "api", *EVERYTHING)

    [odd] = [one for one in objects(done.stdout) if one["message"] == FAULT]
    assert (odd["file"], odd["line"], odd["source"], odd["count"]) == (str(log), FAULT_LINE, "api", 2)
    assert odd["is_anomaly"] is True
    assert odd["score"] == pytest.approx(odd["severity"] * odd["novelty"], abs=1e-3)
    assert "".join(text for text, _ in odd["tokens"]) == FAULT
    assert odd["pattern"] == "FATAL: could not write block <num> of relation <path>: disk failure, data corrupted"
    assert odd["nearest_pattern"] == "GET <path> <num> in <duration>"


def test_the_oddest_come_first_and_no_more_than_asked_for(log: Path) -> None:
    every = objects(score(log, "--json", *EVERYTHING).stdout)
    one = objects(score(log, "--json", "--top", "1", *EVERYTHING).stdout)

    assert [odd["score"] for odd in every] == sorted((odd["score"] for odd in every), reverse=True)
    assert one == every[:1]


def test_fail_exits_with_3_where_something_was_odd(log: Path) -> None:
    assert score(log, "--fail", *EVERYTHING).returncode == 3


def test_fail_exits_with_0_where_nothing_was_odd(log: Path) -> None:
    done = score(log, "--fail", "--threshold", "1")

    assert (done.returncode, done.stdout) == (0, b"")
    assert "nothing odd" in done.stderr.decode()


def test_what_a_baseline_holds_is_not_odd(log: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "yesterday.log"
    baseline.write_text(LOG)
    log.write_text(f"{LOG}{OTHER}\n")

    done = score(log, "--baseline", baseline, "--json", *EVERYTHING)

    assert messages(done.stdout) == [OTHER]


@pytest.mark.parametrize(
    ("name", "reason"), [("absent.log", "No such file or directory"), ("", "is a directory")], ids=["absent", "folder"]
)
def test_a_file_that_cannot_be_read_is_one_line_of_error(log: Path, tmp_path: Path, name: str, reason: str) -> None:
    done = score(log, tmp_path / name)

    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [f"error: {tmp_path / name}: {reason}"]


def test_a_damaged_archive_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(LOG.encode())[:-20])

    done = score(path)

    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"error: {path}: ")


def test_an_unknown_option_is_a_usage_error(log: Path) -> None:
    assert score(log, "--no-such-option").returncode == 2


def test_an_empty_file_has_nothing_odd(tmp_path: Path) -> None:
    path = tmp_path / "empty.log"
    path.touch()

    done = score(path, "--fail", *EVERYTHING)

    assert (done.returncode, done.stdout) == (0, b"")
    assert "0 lines" in done.stderr.decode()


def test_a_last_line_without_an_end_counts() -> None:
    done = score("--json", *EVERYTHING, lines=f"{OTHER}\r\n{FAULT}".encode())

    assert sorted(messages(done.stdout)) == sorted([OTHER, FAULT])


def test_garbage_is_read_as_text_with_holes_and_does_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "garbage.bin"
    path.write_bytes(random.Random(1).randbytes(20_000) + b"\n\x1b[2Jcleared \xff\x00\n")

    done = score(path, "--top", "1000", *EVERYTHING)

    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert b"\x00" not in done.stdout
    assert "\ufffd[2Jcleared \ufffd\ufffd" in done.stdout.decode()


def test_a_very_long_line_is_one_line_and_its_end_is_left_out() -> None:
    long = b"segfault " * 400_000

    done = score("--json", *EVERYTHING, lines=long + b"\n" + OTHER.encode() + b"\n")

    assert "2 lines, 2 patterns" in done.stderr.decode()
    assert sorted((odd["line"], odd["message"][:8]) for odd in objects(done.stdout)) == [
        (1, "segfault"),
        (2, OTHER[:8]),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress], ids=["gzip", "xz", "zstd"])
def test_packed_files_and_packed_input_are_unpacked(log: Path, pack: Any) -> None:
    packed = log.with_suffix(".packed")
    packed.write_bytes(pack(log.read_bytes()))

    from_file, from_pipe = score(packed, *EVERYTHING), score(*EVERYTHING, lines=packed.read_bytes())

    assert from_file.stdout == from_pipe.stdout == score(*EVERYTHING, lines=log.read_bytes()).stdout


def test_follow_shows_odd_lines_in_their_order_while_the_input_is_still_open() -> None:
    process = subprocess.Popen(
        [ODDLINE, "score", "--follow", *EVERYTHING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    with process:
        assert process.stdin
        assert process.stdout
        shown = []
        for line in (OTHER, FAULT):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            shown.append(read_line(process.stdout.fileno()))
        process.stdin.close()

        assert process.wait(DEADLINE_S) == 0

    assert [line.split("  ")[-1].strip() for line in shown] == [OTHER, FAULT]


def test_ctrl_c_shows_what_was_found_until_then() -> None:
    process = subprocess.Popen(
        [ODDLINE, "score", *EVERYTHING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        pipesize=4_096,
    )
    with process:
        assert process.stdin
        assert process.stdout
        # More than the pipe and the reader's buffer hold: when all is written, the first lines have been read.
        process.stdin.write(f"{FAULT}\n{ROUTINE}{ROUTINE}".encode())
        process.stdin.flush()

        process.send_signal(signal.SIGINT)

        assert FAULT in read_line(process.stdout.fileno())
        assert process.wait(DEADLINE_S) == 130


def read_line(descriptor: int) -> str:
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], DEADLINE_S)
        assert ready, "nothing was shown in time"
        line += os.read(descriptor, 1)
    return line.decode()


def test_a_reader_that_leaves_early_causes_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(f"{word * 30} happened\n" for word in "abcdefghijklmnopqrstuvwxyz" * 2))

    command = f"'{ODDLINE}' score --follow --json --threshold 0 '{path}' | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment(), check=False)

    assert len(done.stdout.splitlines()) == 1
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "env", "is_coloured"),
    [((), {}, True), ((), {"NO_COLOR": "1"}, False), (("--no-color",), {}, False)],
    ids=["terminal", "NO_COLOR", "--no-color"],
)
def test_odd_tokens_are_coloured_on_a_terminal_alone(
    log: Path, arguments: Sequence[str], env: Mapping[str, str], is_coloured: bool
) -> None:
    shown = on_terminal([ODDLINE, "score", str(log), *EVERYTHING, *arguments], env=environment(env))

    listed = next(line for line in shown.splitlines() if "FATAL" in line)
    assert bool(COLOUR.search(listed)) is is_coloured
    assert "4,002 lines" in shown


def on_terminal(command: Sequence[str], *, env: Mapping[str, str]) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    pieces, deadline = [], time.monotonic() + DEADLINE_S
    with process, open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123  # a descriptor, not a path
        while time.monotonic() < deadline:
            try:
                piece = terminal.read(65_536)
            except OSError:  # Linux's way to say that the other side has closed.
                break
            if not piece:
                break
            pieces.append(piece)
        assert process.wait(DEADLINE_S) == 0
    return b"".join(pieces).decode()


def test_without_a_file_a_terminal_is_not_waited_for() -> None:
    ours, theirs = pty.openpty()

    done = subprocess.run(
        [ODDLINE, "score"], stdin=theirs, capture_output=True, env=environment(), check=False, timeout=DEADLINE_S
    )

    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: name a file")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small, large = (peak_mb(generate(tmp_path / f"{size_mb}.log", size_mb=size_mb)) for size_mb in (50, 200))

    assert large - small < SLOPE_MB
    assert large < 400


def generate(path: Path, *, size_mb: int) -> Path:
    """A log whose tokens never come back before every cache has lost them."""
    draw = random.Random(1)
    lines = "".join(
        f"2026-03-01T12:00:00Z request {draw.randrange(16**12):012x} of user{draw.randrange(10**9)} took"
        f" {draw.random() * 1_000:.3f} ms and left {draw.randbytes(120).hex()} at /v1/items/{draw.randrange(10**9)}\n"
        for _ in range(40_000)
    )
    with path.open("w") as file:
        while file.tell() < size_mb * 1_000_000:
            file.write(lines)
    return path


def peak_mb(path: Path) -> float:
    """Measured in a small process between: a child's figure begins with that of the process that it was forked from."""
    command = [sys.executable, "-c", MEASURE, ODDLINE, "score", str(path)]
    done = subprocess.run(command, capture_output=True, env=environment(), check=True)
    return int(done.stdout) / (1_024 if sys.platform != "darwin" else 1_024 * 1_024)


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
