"""Put the zip package of a function together: its own code, `oddline` without engines, and wheels for Lambda.

`sam build` runs it by the Makefile; it needs nothing but Python and pip.
"""

import argparse
import compileall
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / ".aws-sam" / "wheels"  # installed once for all functions with the same requirements

# Each function by what it needs of functions/ beside its own folder.
SHARED = {"ingest": ["http"], "console": ["http"], "schedules": [], "triggers": []}
LEFT_OUT = (
    "functions/schedules/local.py",
    "oddline/cli",
    "oddline/client",
    "oddline/cost",
    "oddline/database/migrations",
    "oddline/local",
    "oddline/sample",
    "oddline/scoring/evaluation",
    "oddline/scoring/models",
    "oddline/search/models",
    "oddline/scoring/training",
)
# Of distributions: zstandard's second backend, of 11 MB, which it takes where the first cannot be loaded.
USELESS = ("zstandard/_cffi.*", "bin")
# Names of wheels that run on Amazon Linux 2023, which has glibc 2.34.
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def build(function: str, target: Path, *, python: str, architecture: str) -> None:
    """Fill the folder `target` with the function's package.

    Args:
        python: version of Lambda's Python, such as 3.14. Where this Python is of the same version, compiled files
            are put beside the sources: Lambda could not keep them, and compiles anew at each cold start.
        architecture: `arm64` or `x86_64`.
    """
    requirements = ROOT / "functions" / function / "requirements.txt"
    shutil.copytree(_installed(requirements, python=python, architecture=architecture), target, dirs_exist_ok=True)
    for file in own_files(function):
        copied = target / file.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copied)
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        # To where `sam build` shows it.
        sys.stdout.write(f"{function}: not compiled, so that cold starts are slow: only Python {python} can do it\n")
    else:
        unchecked = PycInvalidationMode.UNCHECKED_HASH  # the files' times change on their way into a zip and out of it
        compileall.compile_dir(target, quiet=1, stripdir=str(target), invalidation_mode=unchecked)


def own_files(function: str) -> Iterator[Path]:
    """The files of the repository that the function's package holds."""
    functions = ROOT / "functions"
    yield from sorted(functions.glob("*.py"))
    for folder in (ROOT / "oddline", *(functions / part for part in (function, *SHARED[function]))):
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(ROOT)
            if file.is_file() and "__pycache__" not in inside.parts and not _is_left_out(inside):
                yield file


def _is_left_out(inside: Path) -> bool:
    """Whether a file of the repository is one of LEFT_OUT or lies in one of them."""
    return any(inside.is_relative_to(left_out) for left_out in LEFT_OUT)


def _installed(requirements: Path, *, python: str, architecture: str) -> Path:
    """A folder with the wheels of the requirements unpacked."""
    wanted = f"{python} {architecture} {USELESS}\n{requirements.read_text()}"
    folder = WHEELS / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    if folder.exists():
        return folder
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    platforms = [f"--platform={platform}_{MACHINES[architecture]}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    exactly = ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={requirements}"]
    where = [f"--target={unfinished}", "--implementation=cp", f"--python-version={python}", *platforms]
    subprocess.run([*command, *exactly, *where], check=True)
    for useless in (path for pattern in USELESS for path in unfinished.glob(pattern)):
        shutil.rmtree(useless) if useless.is_dir() else useless.unlink()
    unfinished.rename(folder)
    return folder


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", choices=SHARED)
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--python", required=True, metavar="VERSION")
    parser.add_argument("--architecture", choices=MACHINES, required=True)
    given = parser.parse_args()
    build(given.function, given.to, python=given.python, architecture=given.architecture)


if __name__ == "__main__":
    main()
