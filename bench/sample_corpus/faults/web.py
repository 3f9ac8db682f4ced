"""Faults of nginx: killed, short of files or disk, misconfigured, scanned, flooded, spoken to wrongly."""

import contextlib
import http.client
import os
import signal
import socket
import ssl
from collections.abc import Iterable

from bench.sample_corpus import nginx
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import (
    ACCESS_5XX,
    says,
)
from bench.sample_corpus.process import limited
from bench.sample_corpus.site import Site, changed_file, filled_disk, send_raw

_PROBES = (
    "/wp-login.php",
    "/.env",
    "/.git/config",
    "/phpmyadmin/",
    "/cgi-bin/luci",
    "/actuator/env",
    "/vendor/phpunit/eval-stdin.php",
    "/boaform/admin/formLogin",
    "/server-status",
    "/api/v1/pods",
    "/../../etc/passwd",
    "/solr/admin/info/system",
)


def _foreign(site: Site) -> str:
    return f"192.0.2.{site.chance.randint(2, 250)}"


def _ask(paths: Iterable[str], *, source: str, method: str = "GET", body: bytes | None = None) -> None:
    """Requests that may fail, one connection each, as the site may be broken."""
    for path in paths:
        connection = http.client.HTTPConnection(*nginx.ADDRESS, timeout=5, source_address=(source, 0))
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request(
                method, path, body, {"Host": "shop.example.net", "User-Agent": "Mozilla/5.0 (compatible)"}
            )
            connection.getresponse().read()


def _kill_nginx_workers(site: Site) -> None:
    for _ in range(2):
        for worker in site.nginx.children():
            os.kill(worker, signal.SIGKILL)
        site.pause(0.8, 1.5)


def _limit_files(site: Site, pids: Iterable[int], *, user: str, files: int) -> None:
    with limited(pids, user=user, nofile=files):
        site.pause(3, 4)


def _break_handshakes(site: Site) -> None:
    address = (nginx.ADDRESS[0], nginx.TLS_PORT)
    for _ in range(2):
        for raw in (
            b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x16\x03\x01\x00\x05hello",
            b"\x80\x2e\x01\x03\x01",
        ):
            send_raw(raw, address=address, source=_foreign(site))
            site.pause(0.1, 0.3)
        old = ssl.create_default_context()  # checks the certificate, which is self-signed
        _handshake(old, source=_foreign(site))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        _handshake(old, source=_foreign(site))


def _handshake(context: ssl.SSLContext, *, source: str) -> None:
    address = (nginx.ADDRESS[0], nginx.TLS_PORT)
    # That the handshake fails is the point.
    with (
        socket.create_connection(address, timeout=3, source_address=(source, 0)) as plain,
        contextlib.suppress(OSError),
    ):
        context.wrap_socket(plain, server_hostname="shop.example.net").close()


def _send_garbage(site: Site) -> None:
    garbage = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%00%ff HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"MGLNDD_198.51.100.7_80\n",
        b"POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: shop\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"POST /api/uploads HTTP/1.1\r\nHost: shop\r\nContent-Length: 99999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header line\r\n\r\n",
        b"PUT /api/orders HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    )
    for raw in garbage * 2:
        send_raw(raw, address=nginx.ADDRESS, source=_foreign(site))
        site.pause(0.05, 0.3)


def _fill_disk(site: Site) -> None:
    with filled_disk("/srv/sample/uploads"):
        for _ in range(8):
            _ask(
                ["/api/uploads"], source=f"198.51.100.{site.chance.randint(2, 250)}", method="POST", body=bytes(60_000)
            )
            site.pause(0.2, 0.5)


def _forbid_static(site: Site) -> None:
    wanted = ("/app.js", "/members/index.html", "/style.css")
    hidden = [nginx.STATIC / path.lstrip("/") for path in ("/app.js", "/members", "/style.css")]
    before = [path.stat().st_mode for path in hidden]
    for path in hidden:
        path.chmod(0o000)
    for _ in range(4):
        _ask(wanted, source=f"198.51.100.{site.chance.randint(2, 250)}")
        site.pause(0.4, 1)
    for path, mode in zip(hidden, before, strict=True):
        path.chmod(mode)


def _write_bad_config(site: Site) -> None:
    sound = nginx.CONFIG.read_text(encoding="utf-8")
    for old, new in (
        ("keepalive_timeout", "keepalive_timout"),
        ("2s;", "soon;"),
        ("shop_api { server", "shop_api { serves"),
    ):
        with changed_file(nginx.CONFIG, sound.replace(old, new, 1)):
            site.nginx.signal(signal.SIGHUP)
            site.pause(1, 1.5)
    site.nginx.signal(signal.SIGHUP)


def _corrupt_certificate(site: Site) -> None:
    sound = nginx.CERTIFICATE.read_text(encoding="utf-8")
    for damaged in (sound[:400], sound.replace("M", "?"), ""):
        with changed_file(nginx.CERTIFICATE, damaged):
            site.nginx.signal(signal.SIGHUP)
            site.pause(0.8, 1.2)
    site.nginx.signal(signal.SIGHUP)


def _probe(site: Site) -> None:
    source = _foreign(site)
    for path in site.chance.sample(_PROBES, k=len(_PROBES)):
        _ask([path], source=source)
        site.pause(0.05, 0.3)


def _flood(site: Site) -> None:
    _ask([f"/api/login?user=u{number}&password=summer" for number in range(90)], source=_foreign(site), method="POST")


WEB_FAULTS: tuple[Fault, ...] = (
    Fault(
        "server_killed",
        "nginx",
        "nginx' worker processes are killed with SIGKILL",
        _kill_nginx_workers,
        (says("nginx-error", "exited on signal 9", r"\[alert\]"),),
    ),
    Fault(
        "too_many_open_files",
        "nginx",
        "nginx' worker processes may open no more files",
        lambda site: _limit_files(site, site.nginx.children(), user="www-data", files=8),
        (says("nginx-error", "24: Too many open", r"\[alert\]", r"\[crit\]", "worker_connections"), *ACCESS_5XX),
    ),
    Fault(
        "tls_error",
        "nginx",
        "Broken, plain and outdated TLS handshakes",
        _break_handshakes,
        (
            says("nginx-error", "SSL_do_handshake", "SSL routines", "plain HTTP request to HTTPS", "SSL_read"),
            r"^nginx-access\t192\.0\.2\.",
            r"^nginx-error\t.*client: 192\.0\.2\.",
        ),
    ),
    Fault(
        "malformed_request",
        "nginx",
        "Bytes that are no HTTP, and requests that break its rules",
        _send_garbage,
        (r"^nginx-access\t192\.0\.2\.", r"^nginx-error\t.*client: 192\.0\.2\."),
    ),
    Fault(
        "disk_full",
        "nginx",
        "The disk for request bodies is full",
        _fill_disk,
        (r"^nginx-error\t.*No space left on device", *ACCESS_5XX),
    ),
    Fault(
        "permission_denied",
        "nginx",
        "nginx may not read some static files",
        _forbid_static,
        (r"^nginx-error\t.*Permission denied", r'^nginx-access\t.*" 403 '),
    ),
    Fault(
        "config_error",
        "nginx",
        "Mistakes in nginx.conf, then reloads that are refused",
        _write_bad_config,
        (r"^nginx-error\t.*\[emerg\]",),
    ),
    Fault(
        "corrupted_file",
        "nginx",
        "The certificate's file is damaged; reloads are refused",
        _corrupt_certificate,
        (r"^nginx-error\t.*\[emerg\]",),
    ),
    Fault(
        "vulnerability_scan",
        "nginx",
        "Someone asks for the known weak spots of other software",
        _probe,
        (
            r"^nginx-access\t192\.0\.2\.",
            r"^nginx-error\t.*client: 192\.0\.2\.",
            r'^shop-api\t.*"client": "192\.0\.2\.',
        ),
    ),
    Fault(
        "request_flood",
        "nginx",
        "One address floods the login",
        _flood,
        (
            r"^nginx-access\t192\.0\.2\.",
            r"^nginx-error\t.*client: 192\.0\.2\.",
            r'^shop-api\t.*"client": "192\.0\.2\.',
            r'^shop-api\t.*"msg": "login failed',
        ),
    ),
)
