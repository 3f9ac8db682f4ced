"""HAProxy of the site, between the shop's API and the inventory service."""

from pathlib import Path

from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder

ADDRESS = ("10.20.0.13", 8002)
_CONFIG_FILE = Path("/etc/haproxy/haproxy.cfg")
_CONFIG = """
global
    log stdout format timed local0
    maxconn 200
defaults
    mode http
    log global
    option httplog
    option redispatch
    retries 2
    timeout connect 1s
    timeout client 30s
    timeout server 1200ms
    timeout http-request 2s
frontend stock
    bind 10.20.0.13:8002
    default_backend inventory
backend inventory
    option httpchk GET /health
    server inventory1 10.20.0.12:8001 check inter 2s fall 2 rise 2
"""


def make(recorder: Recorder) -> Program:
    """The balancer as a program."""
    return Program("haproxy", ["/usr/sbin/haproxy", "-db", "-f", str(_CONFIG_FILE)], recorder, address=ADDRESS)


def create() -> None:
    """Write its configuration."""
    _CONFIG_FILE.parent.mkdir(exist_ok=True)
    _CONFIG_FILE.write_text(_CONFIG, encoding="utf-8")
