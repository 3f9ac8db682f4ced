"""What a fault needs of the machine: a small volume of its own, a clock of its own."""

import os
import shutil
import subprocess
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
    """The library that moves the clock of programs: the system's own, or Debian's, unpacked in `folder`."""
    for place in INSTALLED.glob(f"*/faketime/{LIBRARY}"):
        return place
    if not shutil.which("apt-get"):
        return None
    subprocess.run(["apt-get", "download", "libfaketime"], cwd=folder, check=False, capture_output=True)
    for package in folder.glob("libfaketime_*.deb"):
        subprocess.run(["dpkg", "-x", package, folder], check=True)
    return next(folder.glob(f"usr/lib/*/faketime/{LIBRARY}"), None)


def clock_environment(library: Path, clock: Path) -> dict[str, str]:
    """Settings that add what the file `clock` says to the time of day of a program, and to no duration."""
    clock.write_text("+0h")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
