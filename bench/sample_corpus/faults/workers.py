"""Faults of the Celery worker: killed children, failing, slow, hungry and unknown tasks."""

import os
import shutil
import signal

from celery import Celery

from bench.sample_corpus import shop_programs
from bench.sample_corpus.faults.fault import Fault
from bench.sample_corpus.faults.shows import CELERY_ERRORS, says
from bench.sample_corpus.process import limited
from bench.sample_corpus.site import Site

_celery = Celery(broker="redis://cache.internal:6379/1")
_BROKEN_FEEDS: tuple[object, ...] = (
    {"supplier": "s3", "items": []},
    {"supplier": "s9", "items": [{"price": "12,50"}]},
    {"supplier": "s9"},
    {"supplier": "s14", "items": [{"price": None}]},
    "not a feed at all",
)


def _send(task: str, *arguments: object) -> None:
    _celery.send_task(f"shop_tasks.{task}", arguments, retry=False)


def _kill_child(site: Site) -> None:
    for _ in range(4):
        _send("recalculate", 1.8)
    site.pause(1, 1.5)
    for child in site.worker.children():
        os.kill(child, signal.SIGKILL)
    site.pause(2, 3)


def _fail_tasks(site: Site) -> None:
    for _ in range(2):
        for feed in _BROKEN_FEEDS:
            _send("parse_feed", feed)
            site.pause(0.1, 0.5)


def _overrun(site: Site) -> None:
    for _ in range(4):
        _send("recalculate", 5.0)
    site.pause(5, 5.5)


def _exhaust_memory(site: Site) -> None:
    for _ in range(4):
        _send("render_catalogue", 1500, 600)
        site.pause(0.5, 1)


def _forbid_exports(site: Site) -> None:
    shutil.chown(shop_programs.EXPORTS, "root", "root")
    shop_programs.EXPORTS.chmod(0o700)
    for _ in range(8):
        _send("export_orders", site.chance.randint(1, 900))
        site.pause(0.3, 0.7)
    shop_programs.EXPORTS.chmod(0o755)
    shutil.chown(shop_programs.EXPORTS, "shop", "shop")


def _limit_files(site: Site) -> None:
    with limited(site.worker.children(), user="shop", nofile=8):
        for _ in range(6):
            _send("export_orders", site.chance.randint(1, 900))
            site.pause(0.4, 0.8)


def _send_unknown(site: Site) -> None:
    for name in ("rebuild_index", "send_reciept", "export_orders_v2", "sweep"):
        _send(name, site.chance.randint(1, 99))
        site.pause(0.4, 1)


def _send_wrong_arguments(site: Site) -> None:
    for arguments in ((), (1, 2, 3), ("twelve",), ({"id": 4},)):
        _send("index_product", *arguments)
        site.pause(0.4, 1)


WORKER_FAULTS: tuple[Fault, ...] = (
    Fault(
        "worker_killed",
        "celery",
        "The worker's processes are killed with SIGKILL in the middle of tasks",
        _kill_child,
        (
            says(
                "celery",
                "exited with 'signal 9",
                "Worker exited prematurely",
                "WorkerLostError",
                "Timed out waiting for UP",
            ),
            *CELERY_ERRORS,
        ),
    ),
    Fault("task_exception", "celery", "A supplier's feed is broken; tasks raise", _fail_tasks, CELERY_ERRORS),
    Fault(
        "task_exception",
        "celery",
        "Callers send arguments that a task does not take",
        _send_wrong_arguments,
        (
            says("postgres", "invalid input syntax", "CONTEXT:  unnamed portal", "STATEMENT:  SELECT length"),
            *CELERY_ERRORS,
        ),
    ),
    Fault(
        "task_timeout",
        "celery",
        "Tasks run past their time limits",
        _overrun,
        (says("celery", "Soft time limit", "Hard time limit", "TimeLimitExceeded"), *CELERY_ERRORS),
    ),
    Fault("out_of_memory", "celery", "Tasks want more memory than they may take", _exhaust_memory, CELERY_ERRORS),
    Fault("permission_denied", "celery", "The worker may not write its exports", _forbid_exports, CELERY_ERRORS),
    Fault(
        "too_many_open_files",
        "celery",
        "The worker's processes may open no more files",
        _limit_files,
        CELERY_ERRORS,
    ),
    Fault(
        "unknown_task",
        "celery",
        "Messages name tasks that this worker does not have",
        _send_unknown,
        (
            r"^celery\t(The message has been ignored|Did you remember|Or maybe you|Please see|The full contents)",
            r"^celery\t(https://docs\.celery|for more information|b'\[|\{'|The headers|The delivery info)",
            *CELERY_ERRORS,
        ),
    ),
)
