"""What a cold start of each zip function loads: the size of its package, and the time of its import from there.

Sizes are those of the package as it is deployed, the times those of one for this machine, in fresh processes that see
nothing but it.
"""

import os
import platform
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

from functions.package import SHARED, build

RUNS = 7
DEPLOYED = {"python": "3.14", "architecture": "arm64"}
HERE = {
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    "architecture": "arm64" if platform.machine() == "aarch64" else "x86_64",
}
_IMPORT = """
import time
began, began_cpu = time.perf_counter(), time.process_time()
import functions.{}.app
print(time.perf_counter() - began, time.process_time() - began_cpu)
"""


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`<function>_import_ms`, `<function>_package_mb` and `<function>_zip_mb` of each, `ingest_import_traced_ms`."""
    runs = 2 if quick else RUNS
    return dict(figure for function in SHARED for figure in _figures(function, runs=runs, work=work))


def _figures(function: str, *, runs: int, work: Path) -> Iterator[tuple[str, Any]]:
    deployed, here = work / f"{function}-deployed", work / function
    build(function, deployed, **DEPLOYED)
    build(function, here, **HERE)
    plain = _import(function, here, runs=runs)
    yield f"{function}_package_mb", _megabytes(path.stat().st_size for path in deployed.rglob("*") if path.is_file())
    yield f"{function}_zip_mb", _megabytes([_zipped(deployed)])
    yield f"{function}_import_ms", plain.wall_ms
    if function == "ingest":
        yield "ingest_import_traced_ms", _import(function, here, runs=runs, tracing=True).wall_ms
    yield (
        f"{function}_package",
        {
            "import_processor_ms": plain.processor_ms,
            "import_not_compiled_ms": _import(function, here, runs=runs, compiled=False).wall_ms,
            "largest_mb": _largest(deployed),
        },
    )


class _Import(NamedTuple):
    wall_ms: float
    processor_ms: float  # what else runs on the machine changes it least


def _import(function: str, package: Path, *, runs: int, tracing: bool = False, compiled: bool = True) -> _Import:
    """The medians of fresh processes, after one that warms the files up.

    What is not `compiled` is compiled at each start, as on Lambda where a package has no compiled files of its Python.
    With tracing the SDK needs botocore, which Lambda brings.
    """
    environment = {"PATH": os.environ["PATH"], "ODDLINE_TRACING": str(tracing), "PYTHONDONTWRITEBYTECODE": "1"}
    brought = [str(Path(str(distribution("botocore").locate_file(""))))] if tracing else []
    environment |= {"PYTHONPATH": os.pathsep.join([str(package), *brought])}
    if not compiled:
        environment["PYTHONPYCACHEPREFIX"] = str(package.with_suffix(".nothing"))
    times = []
    for _ in range(runs + 1):
        command = [sys.executable, "-S", "-c", _IMPORT.format(function)]
        ran = subprocess.run(command, env=environment, cwd=package, stdout=subprocess.PIPE, text=True, check=True)
        times.append([float(seconds) * 1_000 for seconds in ran.stdout.split()])
    return _Import(*(round(statistics.median(column), 1) for column in zip(*times[1:], strict=True)))


def _zipped(package: Path) -> int:
    archive = package.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in package.rglob("*"):
            packed.write(path, path.relative_to(package))
    return archive.stat().st_size


def _largest(package: Path) -> dict[str, float]:
    sizes = {
        top.name: sum(path.stat().st_size for path in [top, *top.rglob("*")] if path.is_file())
        for top in package.iterdir()
    }
    return {name: _megabytes([sizes[name]]) for name in sorted(sizes, key=sizes.__getitem__)[-8:]}


def _megabytes(sizes: Any) -> float:
    return round(sum(sizes) / 1024**2, 1)
