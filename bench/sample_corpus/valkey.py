"""Valkey of the site: a primary and a replica that log verbosely."""

import shutil
from pathlib import Path

from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder

ADDRESS = ("10.20.0.6", 6379)
REPLICA_ADDRESS = ("10.20.0.7", 6380)
CONFIG = Path("/etc/valkey/valkey.conf")
REPLICA_CONFIG = Path("/etc/valkey/replica.conf")
DATA = Path("/srv/sample/cache")

_PRIMARY = """
bind 10.20.0.6
port 6379
protected-mode no
loglevel verbose
dir /srv/sample/cache
dbfilename dump.rdb
save 20 100
maxmemory-policy noeviction
repl-diskless-sync-delay 1
repl-timeout 6
repl-ping-replica-period 2
"""
_REPLICA = """
bind 10.20.0.7
port 6380
protected-mode no
loglevel notice
dir /var/lib/valkey-replica
dbfilename dump.rdb
save 60 1000
replicaof 10.20.0.6 6379
repl-timeout 6
"""


def make(recorder: Recorder) -> tuple[Program, Program]:
    """The primary and its replica."""
    environment = {"HOME": "/srv/sample/cache"}
    primary = Program(
        "valkey", ["/usr/bin/valkey-server", str(CONFIG)], recorder, user="valkey", address=ADDRESS, env=environment
    )
    replica = Program(
        "valkey-replica",
        ["/usr/bin/valkey-server", str(REPLICA_CONFIG)],
        recorder,
        user="valkey",
        address=REPLICA_ADDRESS,
        env=environment,
    )
    return primary, replica


def create() -> None:
    """Write both configurations."""
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(_PRIMARY, encoding="utf-8")
    REPLICA_CONFIG.write_text(_REPLICA, encoding="utf-8")
    folder = Path("/var/lib/valkey-replica")
    folder.mkdir()
    shutil.chown(folder, "valkey", "valkey")
