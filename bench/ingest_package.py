"""What a cold start of functions/ingest loads: the time of its import, and the size of its package.

The package is put together from the installed distributions that the function needs, as the lock file pins them,
without boto3 and botocore (Lambda brings them) and without Chalice; it must be enough to import the function.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
RUNS = 7
DISTRIBUTIONS = (
    "aws-lambda-powertools", "aws-xray-sdk", "fastapi", "kombu[redis]", "mangum", "orjson", "psycopg[binary]",
    "psycopg-pool", "pydantic", "pydantic-settings", "redis", "zstandard",
)  # fmt: skip
IN_LAMBDA = frozenset({"boto3", "botocore", "s3transfer"})
OWN = ("oddline", "functions/__init__.py", "functions/http", "functions/ingest")
NOT_OURS_TO_CARRY = ("scoring/models", "scoring/training", "local", "cli", "database/migrations")
_LEFT_OUT = re.compile(r"(^|/)(__pycache__|tests?)(/|$)|\.pyc$|^\.\./")
_IMPORT = """
import time
began, began_cpu = time.perf_counter(), time.process_time()
import functions.ingest.app
print(time.perf_counter() - began, time.process_time() - began_cpu)
"""


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`ingest_import_ms`, with tracing `ingest_import_traced_ms`, and `ingest_package_mb`."""
    runs = 2 if quick else RUNS
    package = work / "package"
    names = sorted(_needed(DISTRIBUTIONS))
    sizes = {name: _copy(name, package) for name in names} | {"oddline": _copy_own(package)}
    plain = _import(tracing=False, runs=runs, compiled=work)
    return {
        "ingest_import_ms": plain.wall_ms,
        "ingest_import_traced_ms": _import(tracing=True, runs=runs, compiled=work).wall_ms,
        "ingest_package_mb": round(sum(sizes.values()) / 1024**2, 1),
        "ingest_package": {
            "import_processor_ms": plain.processor_ms,
            "import_from_package_ms": _import(tracing=False, runs=runs, compiled=work, path=package).wall_ms,
            "largest_mb": {name: round(sizes[name] / 1024**2, 2) for name in sorted(sizes, key=sizes.__getitem__)[-8:]},
            "distributions": len(sizes),
        },
    }


class _Import(NamedTuple):
    wall_ms: float
    processor_ms: float  # what else runs on the machine changes it least


def _import(*, tracing: bool, runs: int, compiled: Path, path: Path | None = None) -> _Import:
    """The medians of fresh processes, after one that leaves the compiled files for the others.

    It is imported from the checkout and its environment, or from nothing but `path`.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "ODDLINE_TRACING": str(tracing),
        "PYTHONPATH": str(path or ROOT),
        "PYTHONPYCACHEPREFIX": str(compiled / "compiled"),
    }
    command = [sys.executable, *(["-S"] if path else []), "-c", _IMPORT]
    times = []
    for _ in range(runs + 1):
        ran = subprocess.run(command, env=environment, cwd=path or ROOT, stdout=subprocess.PIPE, text=True, check=True)
        times.append([float(seconds) * 1_000 for seconds in ran.stdout.split()])
    return _Import(*(round(statistics.median(column), 1) for column in zip(*times[1:], strict=True)))


def _needed(requirements: Iterable[str]) -> set[str]:
    """The names of all distributions that these come to need, without what Lambda brings."""
    names: set[str] = set()
    waiting = [Requirement(one) for one in requirements]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted.name in IN_LAMBDA or str(wanted) in seen:
            continue
        seen.add(str(wanted))
        names.add(wanted.name)
        for line in distribution(wanted.name).requires or ():
            further = Requirement(line)
            extras = wanted.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return names


def _copy(name: str, target: Path) -> int:
    """Copy what a distribution installed; bytes."""
    found = distribution(name)
    size = 0
    for file in found.files or ():
        if not _LEFT_OUT.search(PurePosixPath(file).as_posix()):
            size += _copy_file(Path(str(file.locate())), target / file)
    return size


def _copy_own(target: Path) -> int:
    """Copy our own code that the function needs; bytes."""
    return sum(_copy_file(file, target / file.relative_to(ROOT)) for file in _own_files())


def _own_files() -> Iterator[Path]:
    for part in OWN:
        path = ROOT / part
        for file in [path] if path.is_file() else path.rglob("*"):
            inside = file.relative_to(ROOT).as_posix()
            carried = not any(inside.startswith(f"oddline/{left}") for left in NOT_OURS_TO_CARRY)
            if file.is_file() and carried and not _LEFT_OUT.search(inside):
                yield file


def _copy_file(file: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    return file.stat().st_size
