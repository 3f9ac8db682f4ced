"""What a server of the local stack remembers between its starts: its port and its passwords."""

import json
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Self

from oddline.errors import StackFailed

LOOPBACK = "127.0.0.1"

# Below the ports that Linux gives to outgoing connections (32768 and up): there, a client that keeps trying while its
# server is down can come to be connected with itself, and the server then finds its port taken.
PORTS = range(15_000, 32_000)
PORT_TRIES = 100
PORTS_NEAR = 20


@dataclass(frozen=True)
class ServerState:
    """A server's port (0: none yet) and the password of each of its roles."""

    port: int
    passwords: dict[str, str]

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `path` holds.

        Raises:
            StackFailed: there is no such file.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as missing:
            raise StackFailed(
                f"{path}, made at the first start, is missing: it has the port and the passwords"
            ) from missing

    @classmethod
    def load_or_make(cls, path: Path, *, roles: Sequence[str]) -> Self:
        """What `path` holds; where it is missing, new passwords for `roles`, saved there."""
        if path.exists():
            return cls.load(path)
        return cls(port=0, passwords={role: secrets.token_urlsafe(24) for role in roles}).save(path)

    def with_free_port(self, path: Path) -> Self:
        """The same with a port that is free now: the one it had if possible; saved to `path` if it is another."""
        port = choose_port(self.port)
        return self if port == self.port else replace(self, port=port).save(path)

    def save(self, path: Path) -> Self:
        """Write it to `path` for nobody else to read."""
        write_private(path, json.dumps(asdict(self)))
        return self


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file that holds `text` and that its owner alone may read; it is never seen half-written."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def choose_port(preferred: int) -> int:
    """`preferred` if it is free on the loopback address (0: no preference), else one near it, else any that is.

    Raises:
        StackFailed: none was found free.
    """
    near = range(preferred, preferred + PORTS_NEAR) if preferred else range(0)
    anywhere = (PORTS.start + secrets.randbelow(len(PORTS)) for _ in range(PORT_TRIES))
    for port in chain(near, anywhere):
        if _is_free(port):
            return port
    raise StackFailed(f"no free port on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections that are only waiting to be forgotten do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
