"""The built images as containers: without root, on a root that is read-only, as ECS and Lambda run them."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STORAGE = Path(__file__).resolve().parents[2] / ".image" / "storage.conf"
BASE, WORKER, SEARCH = (f"localhost/oddline-check-{name}" for name in ("base", "worker_image", "search"))
# The machine's own network, since PostgreSQL and Valkey listen there, and its cgroups.
RUN = [
    "run",
    "--runtime=runc",
    "--network=host",
    "--cgroupns=host",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=4096:4096",
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
]


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", *arguments],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CONTAINERS_STORAGE_CONF": str(STORAGE)},
        check=check,
        capture_output=True,
        text=True,
    )


def run(image: str, *command: str, env: Mapping[str, str] | None = None) -> str:
    """What a container that runs to its end says."""
    return _ended("--rm", *variables(env or {}), image, *command)


def python(image: str, code: str) -> str:
    """What a few lines of Python say in a container."""
    return _ended("--rm", "--entrypoint", "python", image, "-c", code)


@contextmanager
def started(image: str, *, name: str, env: Mapping[str, str]) -> Iterator[str]:
    """A container that runs until the block ends, if it has not been stopped before."""
    podman("rm", "--force", "--ignore", name)
    podman(*RUN, "--detach", "--name", name, *variables(env), image)
    try:
        yield name
    finally:
        podman("rm", "--force", "--time", "1", name)


def variables(env: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in env.items()]


def _ended(*arguments: str) -> str:
    done = podman(*RUN, *arguments, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
