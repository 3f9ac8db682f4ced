"""`oddline score` on large files of full raw lines, beside Drain3 only parsing the same lines.

The command's time is that of its whole process, with start and reading; Drain3's is that of the parsing alone, in
memory, and of the first lines only, since it gets no faster. Its masks are those of its own sample configuration.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from bench import raw_lines

LINES = 1_000_000
DRAIN3_LINES = 200_000
# examples/drain3.ini of logpai/Drain3, which its README calls the sample config file.
DRAIN3_MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
)
ODDLINE = Path(sys.executable).with_name("oddline")


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """Lines per second of both on both logs."""
    lines, drain3_lines = (20_000, 5_000) if quick else (LINES, DRAIN3_LINES)
    results: dict[str, Any] = {}
    for name, source in _logs():
        file = work / "lines.log"
        raw_lines.write(file, source(), count=lines)
        results[f"score_{name}lines_per_s"] = round(lines / _score(file))
        results[f"drain3_{name}lines_per_s"] = round(drain3_lines / _drain3(list(islice(source(), drain3_lines))))
        file.unlink()
    return results | {"score_command": {"lines": lines, "drain3_lines": drain3_lines, **raw_lines.material()}}


def _logs() -> Sequence[tuple[str, Callable[[], Iterator[str]]]]:
    return ("", raw_lines.bgl_lines), ("openstack_", raw_lines.openstack_lines)


def _score(file: Path) -> float:
    """Seconds of the whole command."""
    began = time.perf_counter()
    subprocess.run([ODDLINE, "score", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _drain3(lines: Sequence[str]) -> float:
    """Seconds of the parsing."""
    config = TemplateMinerConfig()
    config.mask_prefix, config.mask_suffix = "<:", ":>"
    config.drain_sim_th, config.drain_depth, config.drain_max_children = 0.4, 4, 100
    config.drain_max_clusters, config.drain_extra_delimiters = 1_024, ["_"]
    config.masking_instructions = [MaskingInstruction(pattern, mask) for pattern, mask in DRAIN3_MASKS]
    miner = TemplateMiner(config=config)
    began = time.perf_counter()
    for line in lines:
        miner.add_log_message(line)
    return time.perf_counter() - began
