"""The client can be taken into any program: it brings nothing but the standard library."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, sys
known = set(sys.modules)
import oddline.client
print(json.dumps(sorted(set(sys.modules) - known)))
"""


def test_importing_it_loads_the_standard_library_and_itself_alone() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    loaded = json.loads(ran.stdout)
    assert [name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names | {"oddline"}] == []
    assert [name for name in loaded if name.startswith("oddline.") and name.split(".")[1] != "client"] == []
