"""Faults of Valkey and its replica: killed, full, out of memory, corrupted, hung."""

import contextlib
import signal
from pathlib import Path

import redis

from bench.sample_corpus import valkey
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import CELERY_ERRORS, CELERY_LOST_BROKER, WEB_FALLOUT, says
from bench.sample_corpus.site import Site, changed_file, filled_disk, send_raw

_FALLOUT = (*WEB_FALLOUT, *CELERY_ERRORS, *CELERY_LOST_BROKER)
_REPLICA_LOST = (
    says(
        "valkey(-replica)?",
        "Connection with (primary|replica).* lost",
        "Error condition on socket",
        "(Connecting|Reconnecting) to PRIMARY",
        "timedout replica",
        "Failed to read response",
        "PRIMARY timeout",
        "I/O error reading",
        "Unable to connect",
    ),
)
_REPLICA_DUMP = Path("/var/lib/valkey-replica/dump.rdb")


def _client() -> redis.Redis:
    return redis.Redis(*valkey.ADDRESS, socket_timeout=5)


def _kill(site: Site) -> None:
    site.valkey.kill()
    site.pause(2.5, 4)
    site.valkey.start()


def _stop(site: Site) -> None:
    site.valkey.stop()
    site.pause(4, 6)
    site.valkey.start()


def _fill_disk(site: Site) -> None:
    with _client() as client, filled_disk(str(valkey.DATA)):
        for _ in range(2):
            # Refused when the last attempt has failed already; its line is in the log then.
            with contextlib.suppress(redis.RedisError):
                client.bgsave()
            site.pause(1.5, 2.5)
    with _client() as client:
        client.bgsave()


def _limit_memory(site: Site) -> None:
    with _client() as client:
        client.config_set("maxmemory", "1mb")
        site.pause(3.5, 5)
        client.config_set("maxmemory", "0")


def _limit_clients(site: Site) -> None:
    with _client() as client:
        client.config_set("maxclients", "4")
        # Who is connected stays so; all but this connection have to come again.
        client.client_kill_filter(_type="normal", skipme=True)
        site.pause(3.5, 5)
        client.config_set("maxclients", "1000")


def _corrupt_dump(site: Site) -> None:
    site.valkey_replica.stop()
    sound = _REPLICA_DUMP.read_bytes()
    middle = len(sound) // 2
    for damaged in (sound[:middle], sound[:middle] + b"\xf3\x07" * 300 + sound[middle + 600 :], b"REDOS" + sound[5:]):
        _REPLICA_DUMP.write_bytes(damaged)
        site.valkey_replica.start(wait=False)
        site.pause(1, 1.5)
        site.valkey_replica.stop()
    _REPLICA_DUMP.write_bytes(sound)
    site.valkey_replica.start()


def _write_bad_config(site: Site) -> None:
    sound = valkey.REPLICA_CONFIG.read_text(encoding="utf-8")
    site.valkey_replica.stop()
    for mistake in ("maxmemory-policy sometimes", "tcp-backlog many", "replica-of nobody"):
        with changed_file(valkey.REPLICA_CONFIG, f"{sound}\n{mistake}\n"):
            site.valkey_replica.start(wait=False)
            site.valkey_replica.wait()
        site.pause(0.3, 0.8)
    site.valkey_replica.start()


def _hang_replica(site: Site) -> None:
    site.valkey_replica.signal(signal.SIGSTOP)
    site.pause(8, 9)
    site.valkey_replica.signal(signal.SIGCONT)


def _kill_replica(site: Site) -> None:
    site.valkey_replica.kill()
    site.pause(2, 3)
    site.valkey_replica.start()


def _send_garbage(site: Site) -> None:
    garbage = (
        b"POST / HTTP/1.1\r\nHost: cache\r\n\r\n",
        b"*1\r\n$999999999999\r\n",
        b"*-77\r\n*abc\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n+1\r\n",
        b"x" * 70_000,
    )
    for raw in garbage * 2:
        send_raw(raw, address=valkey.ADDRESS, source=f"192.0.2.{site.chance.randint(2, 250)}")
        site.pause(0.2, 0.6)


CACHE_FAULTS: tuple[Fault, ...] = (
    Fault(
        "server_killed", "valkey", "Valkey is killed with SIGKILL and started again", _kill, (*_REPLICA_LOST, *_FALLOUT)
    ),
    Fault(
        "connection_refused",
        "valkey",
        "Valkey is down for some seconds while the shop runs",
        _stop,
        (*_REPLICA_LOST, *_FALLOUT),
    ),
    Fault(
        "disk_full",
        "valkey",
        "The disk for Valkey's snapshot is full; writes are refused",
        _fill_disk,
        (
            says(
                "valkey",
                "No space left",
                "rite error",
                "Short write",
                "Background saving error",
                "Failed opening",
                "MISCONF",
            ),
            *_FALLOUT,
        ),
    ),
    Fault(
        "out_of_memory",
        "valkey",
        "Valkey's memory limit is reached; writes are refused",
        _limit_memory,
        (says("valkey", "WARNING: the new maxmemory", "OOM"), *_FALLOUT),
    ),
    Fault(
        "connection_limit",
        "valkey",
        "Valkey takes no more clients",
        _limit_clients,
        (r"^valkey\t.*maxclients|max number of clients", *_FALLOUT),
    ),
    Fault(
        "corrupted_file",
        "valkey-replica",
        "The replica's snapshot is damaged; it does not start",
        _corrupt_dump,
        (
            says(
                "valkey-replica",
                "Short read",
                "Wrong signature",
                "Unrecoverable",
                "Internal error",
                "Fatal error",
                "corrupt",
                "Bad file format",
                "Terminating",
            ),
            r"^valkey-replica\t(\[(offset|additional|info)|--- )",
            *_REPLICA_LOST,
        ),
    ),
    Fault(
        "config_error",
        "valkey-replica",
        "The replica's configuration is wrong; it does not start",
        _write_bad_config,
        (
            r"^valkey-replica\t(\*\*\* FATAL CONFIG|Reading the configuration|>>>|argument|Bad directive)",
            *_REPLICA_LOST,
        ),
    ),
    Fault(
        "hang",
        "valkey-replica",
        "The replica hangs (SIGSTOP) past the replication timeout",
        _hang_replica,
        _REPLICA_LOST,
    ),
    Fault(
        "server_killed",
        "valkey-replica",
        "The replica is killed with SIGKILL and started again",
        _kill_replica,
        _REPLICA_LOST,
    ),
    Fault(
        "malformed_request",
        "valkey",
        "Bytes that are no Valkey protocol, HTTP among them",
        _send_garbage,
        (says("valkey", "Protocol error", "SECURITY ATTACK", r"192\.0\.2\."),),
    ),
)
