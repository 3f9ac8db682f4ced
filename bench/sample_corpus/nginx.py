"""nginx of the site, before the shop's API: plain, TLS, static files, and a route whose upstream can be cut off."""

import shutil
import signal
import subprocess
from pathlib import Path

from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder

ADDRESS = ("10.20.0.10", 80)
TLS_PORT = 443
CONFIG = Path("/etc/nginx/nginx.conf")
CERTIFICATE = Path("/etc/nginx/tls/shop.crt")
STATIC = Path("/var/www/shop")

_CONFIG = """
user www-data;
worker_processes 2;
daemon off;
pid /run/nginx.pid;
error_log stderr info;
events { worker_connections 256; }
http {
    include /etc/nginx/mime.types;
    access_log /dev/stdout combined;
    client_body_temp_path /srv/sample/uploads/body;
    client_body_buffer_size 8k;
    client_max_body_size 2m;
    proxy_connect_timeout 2s;
    proxy_read_timeout 3s;
    keepalive_timeout 5s;
    limit_req_zone $binary_remote_addr zone=login:1m rate=5r/s;
    upstream shop_api { server 10.20.0.11:8000; keepalive 8; }
    server {
        listen 10.20.0.10:80;
        listen 10.20.0.10:443 ssl;
        server_name shop.example.net;
        ssl_certificate /etc/nginx/tls/shop.crt;
        ssl_certificate_key /etc/nginx/tls/shop.key;
        ssl_protocols TLSv1.3;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Real-IP $remote_addr;
        location / { root /var/www/shop; }
        location /api/ { proxy_pass http://shop_api; }
        location /api/login { limit_req zone=login burst=4 nodelay; proxy_pass http://shop_api; }
    }
}
"""


def make(recorder: Recorder) -> Program:
    """The server as a program; access and error lines get sources of their own."""
    return Program(
        "nginx",
        ["/usr/sbin/nginx", "-e", "stderr", "-c", str(CONFIG)],
        recorder,
        address=ADDRESS,
        source_of=_source_of,
        stop_signal=signal.SIGQUIT,
    )


def _source_of(line: str) -> str:
    # Error lines open with 2026/11/22 or nginx: ..., access lines with the client's address.
    return "nginx-error" if line[4:5] == "/" or line.startswith("nginx:") else "nginx-access"


def create() -> None:
    """Write configuration, certificate and static files."""
    CONFIG.write_text(_CONFIG, encoding="utf-8")
    CERTIFICATE.parent.mkdir()
    make_certificate()
    STATIC.mkdir(parents=True)
    for name in ("index.html", "about.html", "error-codes.html", "panic-sale.html", "app.js", "style.css", "logo.svg"):
        (STATIC / name).write_text(f"<!-- {name} -->\n" * 40, encoding="utf-8")
    (STATIC / "members").mkdir()
    (STATIC / "members" / "index.html").write_text("members\n", encoding="utf-8")
    uploads = Path("/srv/sample/uploads")
    shutil.chown(uploads, "www-data", "www-data")
    for folder in ("/var/lib/nginx", "/var/log/nginx"):
        Path(folder).mkdir(parents=True, exist_ok=True)


def make_certificate() -> None:
    """A new self-signed certificate for the site."""
    subject = ["-days", "30", "-subj", "/CN=shop.example.net"]
    files = ["-keyout", str(CERTIFICATE.with_suffix(".key")), "-out", str(CERTIFICATE)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
