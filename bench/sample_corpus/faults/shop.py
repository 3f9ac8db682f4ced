"""Faults of the shop's API and its inventory service: killed, hung, fed a damaged file, or quietly doing nothing."""

import signal

from bench.sample_corpus import shop_programs
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import (
    API_CALL_FAILED,
    API_ERRORS,
    HAPROXY_FAILED,
    NGINX_UPSTREAM,
    WEB_FALLOUT,
)
from bench.sample_corpus.process import Program
from bench.sample_corpus.site import Site, changed_file

_ALL_OF_UPSTREAM = (*WEB_FALLOUT, *API_CALL_FAILED, *HAPROXY_FAILED)


def _restart_after(site: Site, program: Program) -> None:
    program.kill()
    site.pause(2.5, 4)
    program.start()


def _freeze(site: Site, program: Program) -> None:
    program.signal(signal.SIGSTOP)
    site.pause(4.5, 5.5)
    program.signal(signal.SIGCONT)


def _corrupt_prices(site: Site) -> None:
    with changed_file(shop_programs.PRICES_FILE, shop_programs.PRICES[:17]):
        site.pause(4, 5)


def _dry_run(site: Site) -> None:
    with changed_file(shop_programs.MODE_FILE, "dry-run\n"):
        site.pause(9, 11)


SHOP_FAULTS: tuple[Fault, ...] = (
    Fault(
        "upstream_down",
        "nginx",
        "The API behind nginx is killed with SIGKILL and started again",
        lambda site: _restart_after(site, site.api),
        (r"^valkey\t.*Connection reset by peer", *NGINX_UPSTREAM),
    ),
    Fault(
        "hang",
        "shop-api",
        "The API behind nginx hangs (SIGSTOP)",
        lambda site: _freeze(site, site.api),
        (*NGINX_UPSTREAM, *API_ERRORS, *API_CALL_FAILED, *HAPROXY_FAILED),
    ),
    Fault(
        "server_killed",
        "inventory",
        "The inventory service is killed with SIGKILL and started again",
        lambda site: _restart_after(site, site.inventory),
        _ALL_OF_UPSTREAM,
    ),
    Fault(
        "hang",
        "inventory",
        "The inventory service hangs (SIGSTOP)",
        lambda site: _freeze(site, site.inventory),
        (r"^inventory\t.*level=(warn|error)", *_ALL_OF_UPSTREAM),
    ),
    Fault(
        "corrupted_file",
        "inventory",
        "The inventory's price list is cut off; each reservation fails",
        _corrupt_prices,
        (r"^inventory\t.*level=error", r"^inventory\t(Traceback|  File |    |json\.)", *_ALL_OF_UPSTREAM),
    ),
    Fault(
        "silent_data_loss",
        "inventory",
        "The stock sync runs dry: no row arrives, each line is of severity info",
        _dry_run,
        (r"^inventory\t.*stock sync finished.*mode=\"dry-run\"",),
    ),
)
