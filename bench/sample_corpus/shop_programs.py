"""The shop's own programs: its API, its inventory service, its Celery worker and its Celery beat."""

import shutil
from pathlib import Path

from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder
from bench.sample_corpus.sandbox import PYTHON_BIN, PYTHON_ENV

API_ADDRESS = ("10.20.0.11", 8000)
INVENTORY_ADDRESS = ("10.20.0.12", 8001)
EXPORTS = Path("/var/lib/shop/exports")
MODE_FILE = Path("/etc/shop/inventory-mode")
PRICES_FILE = Path("/etc/shop/prices.json")
PRICES = '{"default": 12.5, "currency": "EUR"}\n'


def create() -> None:
    """Make the folders and files that the programs expect."""
    EXPORTS.mkdir(parents=True)
    shutil.chown(EXPORTS, "shop", "shop")
    shutil.chown(EXPORTS.parent, "shop", "shop")
    MODE_FILE.parent.mkdir()
    MODE_FILE.write_text("live\n", encoding="utf-8")
    PRICES_FILE.write_text(PRICES, encoding="utf-8")


def make_api(recorder: Recorder) -> Program:
    """The shop's API under uvicorn."""
    argv = [PYTHON_BIN, "-m", "uvicorn", "shop_api:app", "--host", API_ADDRESS[0], "--port", str(API_ADDRESS[1])]
    argv += ["--no-access-log", "--no-use-colors", "--timeout-graceful-shutdown", "3"]
    return Program("shop-api", argv, recorder, user="shop", address=API_ADDRESS, env=PYTHON_ENV, cwd="/opt/shop")


def make_inventory(recorder: Recorder) -> Program:
    """The inventory service."""
    argv = [PYTHON_BIN, "/opt/shop/inventory.py"]
    return Program("inventory", argv, recorder, user="shop", address=INVENTORY_ADDRESS, env=PYTHON_ENV, cwd="/opt/shop")


def make_worker(recorder: Recorder) -> Program:
    """The Celery worker with two processes."""
    argv = [PYTHON_BIN, "-m", "celery", "-A", "shop_tasks", "worker", "-l", "INFO", "-c", "2", "-n", "w1@%h"]
    worker = Program("celery", argv, recorder, user="shop", env=PYTHON_ENV, cwd="/opt/shop")
    worker.ready = lambda: len(worker.children()) >= 2
    return worker


def make_beat(recorder: Recorder) -> Program:
    """Celery beat, which sends the shop's periodic tasks."""
    argv = [PYTHON_BIN, "-m", "celery", "-A", "shop_tasks", "beat", "-l", "INFO", "-s", "/var/lib/shop/beat-schedule"]
    return Program("celery-beat", argv, recorder, user="shop", env=PYTHON_ENV, cwd="/opt/shop")
