"""The command `oddline` as an operator types it, for the servers of a test."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., subprocess.CompletedProcess[str]]


def command_for(home: Path, *, database_url: str, redis_url: str = "") -> Command:
    """Runs `oddline` with these arguments; `home` is empty, so that nothing but the URLs tells it where to go."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ODDLINE_")}
    env = ours | {
        "ODDLINE_DATABASE_URL_WORKER": database_url,
        "ODDLINE_REDIS_URL": redis_url,
        "ODDLINE_ENCRYPTION_KEYS": os.environ["ODDLINE_ENCRYPTION_KEYS"],
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "oddline", *arguments]
        return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)

    return run


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed that did what it was asked to."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr of a command that could not do what it was asked to."""
    assert (done.returncode, done.stdout) == (1, ""), done
    [line] = done.stderr.splitlines()
    return line
