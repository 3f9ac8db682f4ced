"""Faults of the PostgreSQL server: killed, down, full, damaged, misconfigured, out of memory."""

import contextlib
import itertools
import os
import signal

import psycopg

from bench.sample_corpus import postgres
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import CELERY_ERRORS, WEB_FALLOUT, says
from bench.sample_corpus.process import limited
from bench.sample_corpus.site import Site, filled_disk, send_raw

_FALLOUT = (*WEB_FALLOUT, *CELERY_ERRORS)
_archives = itertools.cycle(postgres.ARCHIVES[:5])
_FILL_AUDIT = "INSERT INTO audit (note) SELECT md5(n::text) || repeat('x', 900) FROM generate_series(1, 200) n"
_CRASH = (
    says(
        "postgres",
        "was terminated by signal 9",
        "Failed process was running",
        "terminating any other active server",
        "all server processes terminated",
        "database system was interrupted",
        "not properly shut down",
        "automatic recovery",
        "redo (starts|done|is not)",
        "the database system is (starting up|in recovery|not yet)",
        "because of crash",
        "The postmaster has commanded",
        "In a moment you should",
        "invalid record length",
        "postmaster exit",
        "[Cc]onsistent recovery",
        "end-of-recovery",
        "could not (send|receive) data",
        "pre-existing shared memory",
        "unexpected EOF",
    ),
    *_FALLOUT,
)


def _kill_backend(site: Site) -> None:
    with postgres.admin() as connection:
        row = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'shop-api' LIMIT 1"
        ).fetchone()
    os.kill(row[0] if row else site.postgres.children()[-1], signal.SIGKILL)
    site.pause(3, 5)
    site.postgres.wait_ready()


def _kill_postmaster(site: Site) -> None:
    site.postgres.kill()
    site.pause(2.5, 4)
    site.postgres.start()


def _stop(site: Site) -> None:
    site.postgres.stop()
    site.pause(3, 5)
    site.postgres.start()


def _fill_disk(site: Site) -> None:
    with filled_disk("/srv/sample/audit"):
        for _ in range(6):
            postgres.attempt(_FILL_AUDIT)
            site.pause(0.4, 0.8)


def _corrupt_table(site: Site) -> None:
    table = next(_archives)
    path = postgres.file_of(table)
    sound = path.read_bytes()
    path.write_bytes(sound[:2000] + bytes(reversed(sound[2000:9000])) + sound[9000:])
    for _ in range(5):
        postgres.attempt(f"SELECT count(*) FROM {table}")
        site.pause(0.2, 0.9)
    path.write_bytes(sound)


def _forbid_file(site: Site) -> None:
    table = next(_archives)
    path = postgres.file_of(table)
    path.chmod(0o000)
    for _ in range(5):
        postgres.attempt(f"SELECT max(id) FROM {table}")
        site.pause(0.2, 0.9)
    path.chmod(0o600)


def _write_bad_config(site: Site) -> None:
    config = postgres.DATA / "postgresql.conf"
    sound = config.read_text(encoding="utf-8")
    for mistake in ("work_mem = 'plenty'", "checkpoint_timeout = 1s", "log_conections = on"):
        config.write_text(f"{sound}\n{mistake}\n", encoding="utf-8")
        site.postgres.signal(signal.SIGHUP)
        site.pause(0.8, 1.5)
    config.write_text(sound, encoding="utf-8")
    site.postgres.signal(signal.SIGHUP)


def _exhaust_memory(site: Site) -> None:
    for _ in range(2):
        with postgres.connect("reporting", password="report-pass", application="report") as connection:
            connection.execute("SET work_mem = '1GB'")
            with (
                limited([connection.info.backend_pid], user="postgres", address_space=120 << 20),
                contextlib.suppress(psycopg.errors.OutOfMemory),
            ):
                connection.execute("SELECT array_agg(md5(n::text)) FROM generate_series(1, 3000000) n")
        site.pause(0.5, 1.5)


def _send_garbage(site: Site) -> None:
    for raw in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 64,
        b"\0\0\0\x08\x04\xd2\x16\x99",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\0\0\0\x20\0\x09\0\0" + b"x" * 24,
    ) * 2:
        send_raw(raw, address=postgres.ADDRESS, source=f"192.0.2.{site.chance.randint(2, 250)}")
        site.pause(0.1, 0.5)


DATABASE_FAULTS: tuple[Fault, ...] = (
    Fault("server_killed", "postgres", "A backend is killed with SIGKILL: crash recovery", _kill_backend, _CRASH),
    Fault(
        "server_killed", "postgres", "The postmaster is killed with SIGKILL and started again", _kill_postmaster, _CRASH
    ),
    Fault(
        "connection_refused",
        "postgres",
        "The server is down for some seconds while the shop runs",
        _stop,
        (
            says("postgres", "terminating connection due to admin", "the database system is (starting|shutting)"),
            *_FALLOUT,
        ),
    ),
    Fault(
        "disk_full",
        "postgres",
        "The disk of a tablespace is full",
        _fill_disk,
        (
            r"^postgres\t.*No space left on device",
            says("postgres", "HINT:  Check free disk space", "(statement|STATEMENT):  ?INSERT INTO audit .* SELECT"),
            *_FALLOUT,
        ),
    ),
    Fault(
        "corrupted_file",
        "postgres",
        "A page of a table is damaged on disk and read",
        _corrupt_table,
        (
            says("postgres", "page verification failed", "invalid page in block", "I/O worker executing"),
            r"^postgres\t.*STATEMENT:.*FROM archive_",
        ),
    ),
    Fault(
        "permission_denied",
        "postgres",
        "The server may not read a table's file",
        _forbid_file,
        (r"^postgres\t.*Permission denied", r"^postgres\t.*STATEMENT:.*FROM archive_"),
    ),
    Fault(
        "config_error",
        "postgres",
        "Mistakes in postgresql.conf, then a reload",
        _write_bad_config,
        (
            says(
                "postgres",
                "invalid value for parameter",
                "outside the valid range",
                "unrecognized configuration",
                "contains errors",
                "Valid units",
            ),
        ),
    ),
    Fault(
        "out_of_memory",
        "postgres",
        "A report's backend may allocate no more memory",
        _exhaust_memory,
        (
            says("postgres", "out of memory", "Failed on request of size", "STATEMENT:  SELECT array_agg"),
            r"^postgres\t(?!.*UTC \[).*( total in \d+ blocks|Grand total)",
            r"^postgres\t.*more child contexts",
        ),
    ),
    Fault(
        "malformed_request",
        "postgres",
        "Bytes that are no PostgreSQL protocol",
        _send_garbage,
        (
            says(
                "postgres",
                "invalid length of startup packet",
                "unsupported frontend protocol",
                "invalid startup packet",
                "incomplete startup packet",
                "SSL negotiation",
            ),
            r"^postgres\t.*host=192\.0\.2\.",
        ),
    ),
)
