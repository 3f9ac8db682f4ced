"""Programs that ship logs, of Debian and of npm: no part of the lock file, and unpacked in the checkout."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / ".shippers"
SYSLOG_NG = ("syslog-ng-core", "syslog-ng-mod-http")
NPM = ("winston@3.19.0", "winston-loki@6.1.7")
OMHTTP = Path("usr/lib/rsyslog/omhttp.so")


@cache
def debian(*packages: str) -> Path:
    """A root with these packages, and with what they need that this machine lacks."""
    root = FOLDER / "debian" / "+".join(packages)
    if not root.exists():
        if not shutil.which("apt-get"):
            pytest.skip(f"{', '.join(packages)}: not on Debian")
        _unpack(packages, root)
    return root


@cache
def npm(*packages: str) -> Path:
    """A folder with these packages in its `node_modules`."""
    folder = FOLDER / "npm"
    if not (folder / ".installed").exists():
        if not shutil.which("npm"):
            pytest.skip(f"{', '.join(packages)}: there is no npm here")
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", *packages]
        if subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode:
            pytest.skip(f"{', '.join(packages)}: npm cannot fetch them")
        (folder / ".installed").touch()
    return folder


@cache
def omhttp() -> Path:
    """A root with Debian's rsyslog and the omhttp of the same source, which Debian builds no package of."""
    root = FOLDER / "debian" / "rsyslog"
    if not (root / OMHTTP).exists():
        pytest.skip("rsyslog's omhttp is not built yet: `make shippers` does it, on Debian")
    return root


def library_path(root: Path) -> str:
    """Where a program from there finds its libraries."""
    folders = ("usr/lib/*-linux-gnu", "lib/*-linux-gnu", "usr/lib/syslog-ng")
    return ":".join(str(folder) for pattern in folders for folder in root.glob(pattern))


def _unpack(packages: tuple[str, ...], root: Path) -> None:
    """Raises pytest's skip where they cannot be had."""
    downloads, unpacked = root.with_suffix(".downloads"), root.with_suffix(".unpacked")
    downloads.mkdir(parents=True, exist_ok=True)
    archives = _download(packages, downloads)
    if not archives:
        _apt("update")
        archives = _download(packages, downloads)
    if not archives:
        pytest.skip(f"{', '.join(packages)}: apt-get cannot fetch them")
    for archive in archives:
        subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
    unpacked.rename(root)


def _download(packages: tuple[str, ...], folder: Path) -> list[Path]:
    simulated = _apt("install", "--simulate", "--no-install-recommends", *packages)
    needed = [line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")]
    _apt("download", *(needed or packages), cwd=folder)
    return list(folder.glob("*.deb"))


def _apt(*arguments: str, cwd: Path | None = None) -> str:
    ran = subprocess.run(["apt-get", *arguments], cwd=cwd, check=False, capture_output=True, text=True)
    return ran.stdout if not ran.returncode else ""
