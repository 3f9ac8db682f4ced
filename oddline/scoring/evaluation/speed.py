"""How fast the model reads lines that are all different, and how fast the command reads a log, beside their peers."""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from oddline.errors import NotConfigured
from oddline.scoring.encoder import Encoder

TOKENS: Final = 32
DISTINCT_LINES: Final = 400
TORCH_BATCH: Final = 64
DRAIN3_LINES: Final = 200_000  # it gets no faster with more
_WORDS: Final = (
    *("disk", "volume", "replica", "request", "worker", "session", "queue", "node", "cache", "table", "user", "token"),
    *("opened", "closed", "failed", "started", "moved", "waits", "reads", "writes", "drops", "sends", "holds", "lost"),
    *("for", "after", "with", "without", "on", "from", "to", "by", "at", "in", "again", "once"),
)
# examples/drain3.ini of logpai/Drain3, which its README calls the sample config file.
DRAIN3_MASKS: Final = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
)
ODDLINE: Final = Path(sys.executable).with_name("oddline")


def measure(lines: Sequence[str], *, encoder: Encoder, model: Path, repeated_to: int = 2_000_000) -> dict[str, Any]:
    """Speeds of one core.

    Args:
        lines: full raw lines of a log, read again and again by `oddline score` and by Drain3.
        encoder: the model of the folder `model`.
        repeated_to: how many lines the command reads.
    """
    distinct = distinct_lines_per_s(encoder)
    torch_speed = _torch_lines_per_s(encoder) if find_spec("torch") else None
    command = score_lines_per_s(lines, count=repeated_to, model=model)
    figures: dict[str, Any] = {
        "distinct_lines_per_s": round(distinct),
        "vs_pytorch": None if torch_speed is None else round(distinct / torch_speed, 2),
        "score_lines_per_s": round(command),
        "vs_drain3_masked": None,
    }
    if find_spec("drain3"):
        first = list(islice(cycle(lines), DRAIN3_LINES))
        masked, unmasked = (len(first) / drain3_seconds(first, masks=masks) for masks in (DRAIN3_MASKS, ()))
        figures["vs_drain3_masked"] = round(command / masked, 2)
        figures["baselines"] = {"drain3_masked_lines_per_s": round(masked), "drain3_lines_per_s": round(unmasked)}
    return figures


def distinct_lines_per_s(encoder: Encoder) -> float:
    """Patterns of TOKENS word pieces, all different, with tokenising and explaining; one thread."""
    rng = random.Random(1)
    patterns = [" ".join(rng.choices(_WORDS, k=TOKENS)) for _ in range(DISTINCT_LINES)]
    encoder.encode(patterns[:20])
    began = time.perf_counter()
    encoder.encode(patterns)
    return DISTINCT_LINES / (time.perf_counter() - began)


def score_lines_per_s(lines: Sequence[str], *, count: int, model: Path) -> float:
    """`oddline score` on `count` lines, by the whole process with its start: lines per second of one core."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "lines.log"
        with file.open("w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in islice(cycle(lines), count))
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [ODDLINE, "score", str(file)],
            env=os.environ | {"ODDLINE_MODEL_FOLDER": str(model)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / max(wall, used)


def drain3_seconds(lines: Iterable[str], *, masks: Sequence[tuple[str, str]] = DRAIN3_MASKS) -> float:
    """How long Drain3 takes to parse the lines alone, in memory, with the settings of its sample configuration.

    Raises:
        NotConfigured: Drain3 is not installed.
    """
    try:
        from drain3 import TemplateMiner
        from drain3.masking import MaskingInstruction
        from drain3.template_miner_config import TemplateMinerConfig
    except ModuleNotFoundError as error:
        raise NotConfigured("the comparison needs Drain3: pip install drain3") from error

    config = TemplateMinerConfig()
    config.mask_prefix, config.mask_suffix = "<:", ":>"
    config.drain_sim_th, config.drain_depth, config.drain_max_children = 0.4, 4, 100
    config.drain_max_clusters, config.drain_extra_delimiters = 1_024, ["_"]
    config.masking_instructions = [MaskingInstruction(pattern, mask) for pattern, mask in masks]
    miner = TemplateMiner(config=config)
    began = time.perf_counter()
    for line in lines:
        miner.add_log_message(line)
    return time.perf_counter() - began


def _torch_lines_per_s(encoder: Encoder) -> float:
    """The same network in PyTorch, eager, fp32, batches of TORCH_BATCH, one thread; its weights do not matter here."""
    import torch

    from oddline.scoring.training.network import Bert, Shape

    torch.set_num_threads(1)
    size = encoder.config
    network = Bert(
        Shape(
            vocabulary=size["vocabulary"],
            layers=size["layers"],
            width=size["dimension"],
            heads=size["heads"],
            positions=size["max_tokens"] + 2,
        )
    ).eval()
    ids = torch.ones((TORCH_BATCH, TOKENS + 2), dtype=torch.long)
    with torch.inference_mode():
        network(ids, torch.ones_like(ids))
        began = time.perf_counter()
        for _ in range(batches := max(1, DISTINCT_LINES // TORCH_BATCH)):
            network(ids, torch.ones_like(ids))
    return batches * TORCH_BATCH / (time.perf_counter() - began)
