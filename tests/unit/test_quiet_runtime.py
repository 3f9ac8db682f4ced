"""The runtime of the models tells nobody outside that it runs."""

import os
import subprocess
import sys
from pathlib import Path

QUIET_ANYWAY = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "TF_BUILD", "GITHUB_ACTIONS")
PROGRAM = """
from oddline.scoring.encoder import Encoder
from oddline.settings import DEFAULT_MODEL

Encoder.load(DEFAULT_MODEL)
"""


def test_a_process_that_loads_a_model_keeps_no_identifier_and_no_events_to_send(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in QUIET_ANYWAY}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}

    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)

    assert not list(tmp_path.rglob("*"))
