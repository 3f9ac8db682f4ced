"""A cold start of a function is short, because each loads only what it needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNS = 9  # one below the ceiling is enough: what else the machine does only ever adds
# Seconds of processor time, which what else runs on the machine changes least; bench/ measures by the clock.
CEILINGS_S = {"ingest": 0.6, "console": 0.7, "search": 1.2, "schedules": 0.5, "triggers": 0.5}
CEILING_TRACED_S = 0.9
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
import functions.{}.app
print(json.dumps([time.process_time() - begun, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def fresh_import(function: str, *, tracing: bool = False) -> tuple[float, set[str]]:
    program, environment = PROGRAM.format(function), os.environ | {"ODDLINE_TRACING": str(tracing)}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    seconds, modules = json.loads(ran.stdout)
    return seconds, set(modules)


@pytest.mark.parametrize("function", CEILINGS_S)
def test_it_loads_nothing_that_it_has_no_need_of(function: str) -> None:
    _, modules = fresh_import(function)

    assert not modules & (KEPT_OUT - NEEDED.get(function, set()))


def test_the_console_does_not_load_what_only_publishing_needs() -> None:
    _, modules = fresh_import("console")

    assert not modules & {"kombu", "redis"}


def test_taking_logs_does_not_load_what_only_shippers_protocols_need() -> None:
    _, modules = fresh_import("ingest")

    assert "google" not in modules  # protobuf


@pytest.mark.parametrize("function", CEILINGS_S)
def test_its_import_stays_below_its_ceiling(function: str) -> None:
    assert any(fresh_import(function)[0] < CEILINGS_S[function] for _ in range(RUNS))


def test_with_tracing_on_taking_logs_stays_below_its_ceiling() -> None:
    assert any(fresh_import("ingest", tracing=True)[0] < CEILING_TRACED_S for _ in range(RUNS))
