"""Gather the statement corpus from downloaded packages, so that anybody can make it anew or larger."""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oddline.scoring.training import packages, statements
from oddline.scoring.training.archives import Source, open_source
from oddline.scoring.training.licences import is_permissive
from oddline.scoring.training.statements import Statement
from oddline.scoring.training.statements.languages import READERS

_MOST_OF_A_FAMILY: Final = 3_000  # So that no house's style is taken for everybody's.
_MOST_RAISED: Final = 1 / 4  # Of all: they are no lines of a log, though lines of a log end in them.
_ENDINGS: Final = (".whl", ".tar.gz", ".tgz", ".dsc")


@dataclass(frozen=True, slots=True)
class Package:
    """One package's distinct statements by language, and under which licence they stand."""

    registry: str
    name: str
    version: str
    licence: str
    statements: Mapping[str, list[Statement]]

    @property
    def count(self) -> int:
        """How many statements it has in all its languages."""
        return sum(map(len, self.statements.values()))


def collect(folder: Path, *, out: Path | None = None, download: bool = True) -> list[packages.Listed]:
    """Bring the listed packages to `folder`, then `gather` them.

    Returns:
        Those that the registries do not have.
    """
    missing = packages.download(packages.listed(), folder=folder) if download else []
    gather(folder, out=out or statements.DATA)
    return missing


def gather(folder: Path, *, out: Path = statements.DATA) -> list[Package]:
    """Read every package below `folder`, write `statements.tsv.xz` and `manifest.json` to `out`.

    Packages whose own metadata name no permissive licence are left out, and not in the answer.
    """
    archives = sorted(path for path in folder.rglob("*") if _is_package(path.name))
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        read = [package for package in pool.map(read_package, archives) if package is not None and package.count]
    return write_corpus(read, out=out)


def write_corpus(read: Iterable[Package], *, out: Path) -> list[Package]:
    """Write what packages hold, no family and no `raise` beyond its share; the packages with what is kept of them."""
    kept = _capped(read, families=packages.families(packages.listed()))
    merged = _without_most_raised(
        statements.distinct(one for package in kept for found in package.statements.values() for one in found)
    )
    statements.write(merged, path=out / "statements.tsv.xz")
    body = json.dumps(_manifest(kept, merged=merged), indent=1)
    (out / "manifest.json").write_text(body + "\n", encoding="utf-8")
    return kept


def _is_package(name: str) -> bool:
    """A Debian package is read by its `.dsc`; the tarballs beside it are no sdists."""
    return name.endswith(_ENDINGS) and not name.endswith((".orig.tar.gz", ".debian.tar.gz")) and ".orig-" not in name


def read_package(archive: Path) -> Package | None:
    """The distinct statements of a package; None where it says of no permissive licence that it stands under it."""
    source = open_source(archive)
    if source is None or not is_permissive(source.licence):
        return None
    found = _by_language(source)
    return Package(
        registry=source.registry,
        name=source.name,
        version=source.version,
        licence=source.licence,
        statements={language: statements.distinct(those) for language, those in sorted(found.items())},
    )


def _by_language(source: Source) -> dict[str, list[Statement]]:
    found: defaultdict[str, list[Statement]] = defaultdict(list)
    for ending, body in source.files():
        language, reader = READERS[ending]
        try:
            found[language] += reader(body)
        except (SyntaxError, ValueError, RecursionError):  # Templates and Python 2: a few files in ten thousand.
            continue
    return found


def _capped(read: Iterable[Package], *, families: Mapping[tuple[str, str], str]) -> list[Package]:
    """At most so many statements of each family of packages, taken evenly by the hash of their text."""
    together: defaultdict[str, list[Package]] = defaultdict(list)
    for package in read:
        together[families.get(packages.key(package.registry, package.name), package.name)].append(package)
    kept = []
    for family in together.values():
        share = min(1.0, _MOST_OF_A_FAMILY / sum(package.count for package in family))
        kept += [package if share == 1.0 else _thinned(package, share=share) for package in family]
    return kept


def _thinned(package: Package, *, share: float) -> Package:
    fewer = {
        language: [one for one in found if _place(one, salt="family") < share]
        for language, found in package.statements.items()
    }
    return Package(package.registry, package.name, package.version, package.licence, fewer)


def _place(statement: Statement, *, salt: str) -> float:
    """A number in 0..1 that only the text decides, so that the same packages give the same corpus.

    A salt for each use, else what one has thinned the next would keep.
    """
    return int.from_bytes(hashlib.sha256(f"{salt}:{statement.text}".encode()).digest()[:4]) / 2**32


def _without_most_raised(merged: list[Statement]) -> list[Statement]:
    raised = sum(statement.level == "raise" for statement in merged)
    most = (len(merged) - raised) * _MOST_RAISED / (1 - _MOST_RAISED)
    share = min(1.0, most / max(raised, 1))
    return [statement for statement in merged if statement.level != "raise" or _place(statement, salt="raise") < share]


def _manifest(kept: list[Package], *, merged: list[Statement]) -> dict[str, object]:
    languages: Counter[str] = Counter()
    registries: Counter[str] = Counter()
    for package in kept:
        registries[package.registry] += package.count
        languages.update({language: len(found) for language, found in package.statements.items()})
    return {
        "distinct_statements": len(merged),
        "levels": dict(Counter(statement.level for statement in merged).most_common()),
        "languages": dict(languages.most_common()),
        "registries": dict(registries.most_common()),
        "packages": [_entry(one) for one in sorted(kept, key=lambda one: (one.registry, one.name.lower()))],
    }


def _entry(package: Package) -> dict[str, str | int]:
    return {
        "registry": package.registry,
        "package": package.name,
        "version": package.version,
        "licence": package.licence,
        "count": package.count,
    }
