"""Which packages the corpus is made of, and how their registries' own clients bring them."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oddline.scoring.training.statements import DATA

_LIST: Final = DATA / "packages.txt"
_AT_ONCE: Final = 4
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True, slots=True)
class Listed:
    """A package by registry (`pypi`, `npm`, `debian`) and name; a family shares one house's style."""

    registry: str
    name: str
    family: str


def listed(path: Path = _LIST) -> list[Listed]:
    """The packages of a list: lines of `registry name [family]`, `#` before remarks.

    Raises:
        ValueError: a line has another form, or names another registry.
    """
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) not in {2, 3} or words[0] not in _CLIENTS:
            raise ValueError(f"{path.name}: not `registry name [family]`: {line}")
        found.append(Listed(registry=words[0], name=words[1], family=words[-1]))
    return found


def key(registry: str, name: str) -> tuple[str, str]:
    """A package's name as its registry compares it."""
    return registry, re.sub(r"[-_.]+", "-", name).lower() if registry == "pypi" else name


def families(found: Iterable[Listed]) -> Mapping[tuple[str, str], str]:
    """The family of each listed package, by `key`."""
    return {key(one.registry, one.name): one.family for one in found}


def download(found: Iterable[Listed], *, folder: Path) -> list[Listed]:
    """Bring each package into `folder/<registry>` by pip, npm and apt-get as they are set up here.

    Needs no root, and leaves apt's own state as it is.

    Returns:
        Those that the registries do not have.
    """
    wanted = list(found)
    with tempfile.TemporaryDirectory() as state, ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        options = _apt_options(Path(state)) if any(one.registry == "debian" for one in wanted) else []

        def bring(one: Listed) -> bool:
            place = folder / one.registry
            place.mkdir(parents=True, exist_ok=True)
            command = [*_CLIENTS[one.registry], *(options if one.registry == "debian" else []), one.name]
            return subprocess.run(command, cwd=place, capture_output=True, check=False).returncode == 0

        return [one for one, came in zip(wanted, pool.map(bring, wanted), strict=True) if not came]


_CLIENTS: Final[dict[str, list[str]]] = {
    "pypi": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--prefer-binary"],
    "npm": ["npm", "pack", "--silent", "--ignore-scripts"],
    "debian": ["apt-get", "-qq", "source", "--download-only"],
}


def _apt_options(state: Path) -> list[str]:
    """A state of its own for apt, in which the sources of the distribution's packages are listed too."""
    form = "deb-src [signed-by=" + _KEYRING + "] $(REPO_URI) $(CODENAME) $(COMPONENT)"
    asked = ["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian", "Component: main"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    (state / "sources.list").write_text("\n".join(sorted(set(lines))) + "\n", encoding="utf-8")
    (state / "status").touch()
    (state / "lists" / "partial").mkdir(parents=True)
    told = {
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": state / "lists",
        "Dir::State::Status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Sandbox::User": "root",  # It is whoever runs this; apt's own user cannot write here.
    }
    options = [word for name, value in told.items() for word in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True, capture_output=True)
    return options
