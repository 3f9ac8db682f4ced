"""A cold start of the function that takes logs is short, because it loads little."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CEILING_S = 0.6  # of processor time, which what else runs on the machine changes least; bench/ measures by the clock
KEPT_OUT = {"numpy", "onnxruntime", "polars", "boto3", "botocore", "sqlalchemy", "alembic", "celery", "tokenizers"}
PROGRAM = """
import json, sys, time
begun = time.process_time()
import functions.ingest.app
print(json.dumps([time.process_time() - begun, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def fresh_import() -> tuple[float, set[str]]:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, modules = json.loads(ran.stdout)
    return seconds, set(modules)


def test_it_loads_nothing_that_belongs_to_the_workers() -> None:
    _, modules = fresh_import()

    assert not modules & KEPT_OUT
    assert "worker_image" not in modules


def test_its_import_stays_below_its_ceiling() -> None:
    seconds = min(fresh_import()[0] for _ in range(7))  # what else the machine does only ever adds

    assert seconds < CEILING_S
