"""A cold start of a function is short, because each loads only what it needs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEWEST_RUNS, MOST_RUNS = 3, 9  # one below the ceiling is enough: what else the machine does only ever adds
# Processor time as a multiple of what importing FastAPI alone takes, so that how fast the machine is does not count;
# bench/ measures seconds by the clock.
CEILINGS = {"ingest": 3.2, "console": 3.8, "search": 4.2, "schedules": 2.6, "triggers": 2.6}
CEILING_TRACED = 4.0
KEPT_OUT = {
    "alembic", "boto3", "botocore", "celery", "numpy", "onnxruntime", "polars", "sqlalchemy", "tokenizers",
    "worker_image",
}  # fmt: skip
NEEDED = {"search": {"numpy", "polars"}}
# Tests have a client of OTLP, with which redis would load 60 modules more; no package of a function has it.
PROGRAM = """
import json, sys, time
sys.modules["opentelemetry.sdk"] = None
begun = time.process_time()
import {}
print(json.dumps([time.process_time() - begun, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def fresh_import(module: str, *, tracing: bool = False) -> tuple[float, set[str]]:
    program, environment = PROGRAM.format(module), os.environ | {"ODDLINE_TRACING": str(tracing)}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    seconds, modules = json.loads(ran.stdout)
    return seconds, set(modules)


def app(function: str) -> str:
    return f"functions.{function}.app"


def ratios(function: str, *, tracing: bool = False) -> Iterator[float]:
    """The least time of a function's import so far ÷ the least of FastAPI's, after each run but the first few."""
    ours = fastapis = inf
    for run in range(1, MOST_RUNS + 1):
        ours = min(ours, fresh_import(app(function), tracing=tracing)[0])
        fastapis = min(fastapis, fresh_import("fastapi")[0])
        if run >= FEWEST_RUNS:
            yield ours / fastapis


@pytest.mark.parametrize("function", CEILINGS)
def test_it_loads_nothing_that_it_has_no_need_of(function: str) -> None:
    _, modules = fresh_import(app(function))

    assert not modules & (KEPT_OUT - NEEDED.get(function, set()))


def test_the_console_does_not_load_what_only_publishing_needs() -> None:
    _, modules = fresh_import(app("console"))

    assert not modules & {"kombu", "redis"}


def test_taking_logs_does_not_load_what_only_shippers_protocols_need() -> None:
    _, modules = fresh_import(app("ingest"))

    assert "google" not in modules  # protobuf


@pytest.mark.parametrize("function", CEILINGS)
def test_its_import_stays_below_its_ceiling(function: str) -> None:
    assert any(ratio < CEILINGS[function] for ratio in ratios(function))


def test_with_tracing_on_taking_logs_stays_below_its_ceiling() -> None:
    assert any(ratio < CEILING_TRACED for ratio in ratios("ingest", tracing=True))
