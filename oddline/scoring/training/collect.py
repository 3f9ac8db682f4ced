"""Gather the statement corpus from downloaded packages, so that anybody can make it anew or larger."""

import json
import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Final

from oddline.scoring.training import statements
from oddline.scoring.training.statements import Statement

_PERMISSIVE: Final = ("mit", "bsd", "apache", "isc", "psf", "python software foundation", "postgresql", "zope", "0bsd")
_REFUSED: Final = ("gpl", "general public", "sspl", "business source", "proprietary", "mozilla", "mpl")
_NOT_RUN: Final = {"test", "tests", "testing", "examples", "example", "docs", "benchmarks", "site-packages"}
_C_ENDINGS: Final = {".c", ".cc", ".cpp", ".h"}
_LARGEST_FILE: Final = 2_000_000  # Bytes: larger ones are generated.


@dataclass(frozen=True, slots=True)
class Package:
    """One package's statements, and under which licence they stand."""

    name: str
    version: str
    licence: str
    statements: list[Statement]


def gather(folder: Path, *, out: Path = statements.DATA) -> list[Package]:
    """Read every wheel and sdist below `folder`, write `statements.tsv.xz` and `manifest.json` to `out`.

    Packages whose own metadata names no permissive licence are left out, and not in the answer.
    """
    archives = sorted(path for path in folder.rglob("*") if path.name.endswith((".whl", ".tar.gz")))
    packages = [package for package in map(read_package, archives) if is_permissive(package.licence)]
    merged = statements.distinct(statement for package in packages for statement in package.statements)
    statements.write(merged, path=out / "statements.tsv.xz")
    entries = [
        {"package": p.name, "version": p.version, "licence": p.licence, "count": len(p.statements)} for p in packages
    ]
    body = json.dumps({"distinct_statements": len(merged), "packages": entries}, indent=1)
    (out / "manifest.json").write_text(body + "\n", encoding="utf-8")
    return packages


def read_package(archive: Path) -> Package:
    """The distinct statements of a wheel or sdist, with what its metadata says of it."""
    found: list[Statement] = []
    metadata = ""
    for name, body in _members(archive):
        if name.name in {"METADATA", "PKG-INFO"}:
            metadata = metadata or body
        elif not _NOT_RUN & set(name.parts) and not name.name.startswith(("test_", "conftest")):
            found += _statements(name, body)
    headers = HeaderParser().parsestr(metadata)
    classifiers = [value.rpartition(" :: ")[2] for value in headers.get_all("Classifier", []) if "License ::" in value]
    licence = headers.get("License-Expression") or "; ".join(classifiers) or headers.get("License") or ""
    return Package(
        name=headers.get("Name", archive.name),
        version=headers.get("Version", ""),
        licence=licence.strip().partition("\n")[0][:80],
        statements=statements.distinct(found),
    )


def is_permissive(licence: str) -> bool:
    """Whether a licence's name says that its text may be used in a work under any licence."""
    lowered = licence.lower()
    return any(word in lowered for word in _PERMISSIVE) and not any(word in lowered for word in _REFUSED)


def _statements(name: PurePosixPath, body: str) -> list[Statement]:
    if name.suffix in _C_ENDINGS:
        return list(statements.from_c(body))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return list(statements.from_python(body))
    except (SyntaxError, ValueError, RecursionError):  # Templates and Python 2: a few files in ten thousand.
        return []


def _members(archive: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Name and text of the files that may hold statements or metadata."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                name = PurePosixPath(info.filename)
                if _may_hold(name, size=info.file_size):
                    yield name, bundle.read(info).decode(errors="replace")
        return
    with tarfile.open(archive) as bundle:
        for member in bundle:
            name = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            stream = bundle.extractfile(member) if member.isfile() and _may_hold(name, size=member.size) else None
            if stream is not None:
                yield name, stream.read().decode(errors="replace")


def _may_hold(name: PurePosixPath, *, size: int) -> bool:
    is_source = name.suffix == ".py" or name.suffix in _C_ENDINGS
    return size <= _LARGEST_FILE and (is_source or name.name in {"METADATA", "PKG-INFO"})
