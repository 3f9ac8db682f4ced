"""A cold start of the functions that read is short, because each loads only what it needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CEILINGS_S = {"console": 0.6, "search": 1.2}
KEPT_OUT = {"onnxruntime", "tokenizers", "boto3", "botocore", "sqlalchemy", "alembic", "celery", "worker_image"}
KEPT_OUT_OF = {"console": KEPT_OUT | {"numpy", "polars"}, "search": KEPT_OUT}
PROGRAM = """
import json, sys, time
begun = time.process_time()
import functions.{}.app
print(json.dumps([time.process_time() - begun, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def fresh_import(function: str) -> tuple[float, set[str]]:
    program = PROGRAM.format(function)
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, modules = json.loads(ran.stdout)
    return seconds, set(modules)


@pytest.mark.parametrize("function", CEILINGS_S)
def test_it_loads_nothing_that_it_has_no_need_of(function: str) -> None:
    _, modules = fresh_import(function)

    assert not modules & KEPT_OUT_OF[function]


@pytest.mark.parametrize("function", CEILINGS_S)
def test_its_import_stays_below_its_ceiling(function: str) -> None:
    seconds = min(fresh_import(function)[0] for _ in range(5))  # what else the machine does only ever adds

    assert seconds < CEILINGS_S[function]
