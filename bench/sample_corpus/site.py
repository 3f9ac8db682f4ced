"""The whole site: its programs, started in order, and the few gestures that faults and traffic share."""

import contextlib
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.sample_corpus import haproxy, nginx, postgres, shop_programs, syslog, valkey
from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder


@dataclass(frozen=True)
class Site:
    """Every program of the site, the recorder of their lines, and the source of chance."""

    recorder: Recorder
    chance: random.Random
    postgres: Program
    valkey: Program
    valkey_replica: Program
    nginx: Program
    haproxy: Program
    api: Program
    inventory: Program
    worker: Program
    beat: Program
    rsyslog: Program
    sshd: Program
    cron: Program

    def programs(self) -> tuple[Program, ...]:
        """The programs in the order in which they start."""
        return (
            self.rsyslog,
            self.sshd,
            self.cron,
            self.postgres,
            self.valkey,
            self.valkey_replica,
            self.inventory,
            self.haproxy,
            self.worker,
            self.beat,
            self.api,
            self.nginx,
        )

    def pause(self, low: float, high: float) -> None:
        """Let the site run for a while, in seconds."""
        time.sleep(self.chance.uniform(low, high))


def make_site(recorder: Recorder, *, chance: random.Random) -> Site:
    """Create every program's files, start everything, and fill the database."""
    for part in (postgres, valkey, nginx, haproxy, syslog, shop_programs):
        part.create()
    primary, replica = valkey.make(recorder)
    rsyslog, sshd, cron = syslog.make(recorder)
    site = Site(
        recorder=recorder,
        chance=chance,
        postgres=postgres.make(recorder),
        valkey=primary,
        valkey_replica=replica,
        nginx=nginx.make(recorder),
        haproxy=haproxy.make(recorder),
        api=shop_programs.make_api(recorder),
        inventory=shop_programs.make_inventory(recorder),
        worker=shop_programs.make_worker(recorder),
        beat=shop_programs.make_beat(recorder),
        rsyslog=rsyslog,
        sshd=sshd,
        cron=cron,
    )
    for program in site.programs():
        program.start()
        if program is site.postgres:
            postgres.fill()
            # The archives leave the server's memory, so that a fault on disk is seen when they are read.
            program.restart()
    return site


def send_raw(raw: bytes, *, address: tuple[str, int], source: str) -> bytes:
    """Send bytes over a new connection from the address `source` and return up to 4 KiB of the answer."""
    with socket.create_connection(address, timeout=3.0, source_address=(source, 0)) as connection:
        connection.sendall(raw)
        # A server may hang up, or say nothing: both are answers to bytes that mean nothing.
        with contextlib.suppress(ConnectionError, TimeoutError):
            return connection.recv(4096)
    return b""


@contextlib.contextmanager
def filled_disk(folder: str) -> Iterator[None]:
    """Fill the small file system of a folder, and give the room back at the end."""
    ballast = Path(folder) / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 512):
            # The write that no longer fits is the one that is wanted.
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def changed_file(path: Path, text: str) -> Iterator[None]:
    """Put other text into a file, and the old one back at the end."""
    before = path.read_bytes()
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)
