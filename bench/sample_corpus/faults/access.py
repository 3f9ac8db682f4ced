"""Faults around logging in over SSH: guessing, misuse, floods, wrong modes, a broken configuration."""

import contextlib
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.sample_corpus import syslog
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import says
from bench.sample_corpus.site import Site, changed_file, send_raw


def _guess_passwords(site: Site) -> None:
    source = f"192.0.2.{site.chance.randint(2, 250)}"
    # At once, as sshd takes its time over each wrong password.
    with ThreadPoolExecutor(6) as pool:
        for user in ("root", "admin", "oracle", "carol", "test", "ubuntu"):
            pool.submit(syslog.ssh, user, source=source, password=f"{user}123")
            site.pause(0.1, 0.5)


def _misuse_password(site: Site) -> None:
    """A machine's account, which logs in by key from the office, logs in by password from elsewhere."""
    for _ in range(3):
        syslog.ssh("backupbot", source=f"192.0.2.{site.chance.randint(2, 250)}", password="correct horse backupbot")
        site.pause(0.5, 1.5)


def _flood(site: Site) -> None:
    with contextlib.ExitStack() as held:
        for number in range(45):
            source = (f"192.0.2.{number + 2}", 0)
            connection = socket.create_connection(syslog.SSH_ADDRESS, timeout=3, source_address=source)
            held.enter_context(contextlib.closing(connection))
            site.pause(0.01, 0.06)
        site.pause(6.5, 7)  # past sshd's LoginGraceTime


def _send_garbage(site: Site) -> None:
    for raw in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n",
        b"SSH-1.5-scanner\r\n",
        b"SSH-2.0-x\r\n" + b"\xff" * 40,
        b"\0" * 300 + b"\n",
    ) * 2:
        send_raw(raw, address=syslog.SSH_ADDRESS, source=f"192.0.2.{site.chance.randint(2, 250)}")
        site.pause(0.2, 0.6)


def _open_modes(site: Site) -> None:
    folder = Path("/home/deploy/.ssh")
    folder.chmod(0o777)
    for _ in range(4):
        syslog.ssh("deploy", source=f"10.20.4.{site.chance.randint(2, 30)}")
        site.pause(0.3, 1)
    folder.chmod(0o700)


def _write_bad_config(site: Site) -> None:
    sound = syslog.SSHD_CONFIG.read_text(encoding="utf-8")
    with changed_file(syslog.SSHD_CONFIG, f"{sound}\nPermitRootLogins no\nMaxAuthTries several\n"):
        site.sshd.signal(signal.SIGHUP)  # sshd replaces itself, and the new one gives up
        site.sshd.wait()
        site.pause(1, 2)
    site.sshd.start()


ACCESS_FAULTS: tuple[Fault, ...] = (
    Fault(
        "bad_login",
        "sshd",
        "Passwords are guessed from one address",
        _guess_passwords,
        (
            says(
                "sshd",
                r"192\.0\.2\.",
                "nvalid user",
                "check pass; user unknown",
                r"PAM \d more auth",
                "maximum authentication",
                "Too many auth",
            ),
        ),
    ),
    Fault(
        "credential_misuse",
        "sshd",
        "An account that uses a key logs in by password from a foreign address",
        _misuse_password,
        (r"^sshd\t.*192\.0\.2\.",),
    ),
    Fault(
        "connection_flood",
        "sshd",
        "Idle connections up to the limit of unauthenticated ones",
        _flood,
        (says("sshd", r"192\.0\.2\.", "MaxStartups", "drop connection", "Timeout before auth"),),
    ),
    Fault(
        "malformed_request",
        "sshd",
        "Bytes that are no SSH protocol",
        _send_garbage,
        (
            says(
                "sshd",
                r"192\.0\.2\.",
                "banner",
                "Bad protocol",
                "send_error",
                "Protocol major versions",
                "kex_exchange_identification",
                "Bad packet",
            ),
        ),
    ),
    Fault(
        "permission_denied",
        "sshd",
        "The folder of a user's keys may be written by all; the keys are refused",
        _open_modes,
        (
            says(
                "sshd",
                "bad ownership or modes",
                "Failed publickey for deploy",
                "Connection closed by authenticating user deploy",
            ),
        ),
    ),
    Fault(
        "config_error",
        "sshd",
        "Mistakes in sshd_config, then a reload that ends the server",
        _write_bad_config,
        (says("sshd", "Bad configuration", "terminating", "bad configuration", "missing", "sshd_config"),),
    ),
)
