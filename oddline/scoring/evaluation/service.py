"""Run every measurement of the detector and put it beside its bar."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oddline.errors import NotConfigured
from oddline.patterns import Masker
from oddline.sample import read_corpus
from oddline.scoring.encoder import Encoder
from oddline.scoring.evaluation import (
    bgl,
    calibration,
    explanations,
    memory,
    rates,
    sample,
    sequences,
    severities,
    speed,
)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure is to reach: at least `value`, or at most."""

    path: tuple[str, ...]
    value: float
    at_most: bool = False

    def reached_by(self, results: dict[str, Any]) -> tuple[float | None, bool]:
        """The figure (None where it was not measured), and whether it is good enough."""
        found: Any = results
        for name in self.path:
            found = None if found is None else found.get(name)
        if found is None:
            return None, False
        return float(found), found <= self.value if self.at_most else found >= self.value


RATE_DAYS: Final = 7  # of simulated rates: some minutes
MOST_REALISED: Final = 1.3  # of what was asked for
BARS: Final = (
    Bar(("bgl100k", "auc"), 0.998),
    Bar(("bgl100k", "ap"), 0.96),
    Bar(("bgl100k", "f1"), 0.90),
    Bar(("bgl100k", "false_alarms_per_1000"), 6, at_most=True),
    Bar(("hdfs", "f1_mean"), 0.95),
    Bar(("hdfs", "f1_worst"), 0.94),
    Bar(("hdfs", "auc"), 0.9995),
    Bar(("severity", "auc"), 0.92),
    Bar(("unseen", "above_word_list"), 0.0),
    Bar(("sample", "windows_found"), 0.95),
    Bar(("sample", "false_alarms_per_100000"), 10, at_most=True),
    Bar(("explanation", "ratio"), 3),
    Bar(("int8", "auc_change"), 0.001, at_most=True),
    Bar(("int8", "max_score_change"), 0.05, at_most=True),
    Bar(("speed", "distinct_lines_per_s"), 400),
    Bar(("speed", "vs_pytorch"), 3),
    Bar(("speed", "vs_drain3_masked"), 3),
)


def measure(*, model: Path, data: Path | None, report: Callable[[str], None]) -> dict[str, Any]:
    """All figures of the model in a folder; those that need public logs only where `data` holds them.

    Args:
        data: a folder with `bgl100k/` and `hdfs_sessions/`.
        report: is told what comes next.

    Raises:
        NotConfigured: `data` lacks one of them.
    """
    encoder, masker = Encoder.load(model), Masker()
    results: dict[str, Any] = {"model": encoder.version, "threshold": encoder.default_threshold}
    raw = None
    if data is not None:
        for name in (bgl.FILE, sequences.FOLDER):
            if not (data / name).exists():
                raise NotConfigured(f"{data} holds no {name}")
        report("BGL")
        raw = bgl.raw_lines(data)
        results["bgl100k"] = bgl.measure(raw, encoder=encoder, masker=masker)
        report("HDFS")
        results["hdfs"] = sequences.measure(data)
    report("severity of kinds of software and of patterns that are new")
    results |= severities.measure(encoder=encoder, masker=masker)
    report("the sample corpus with caused faults")
    results["sample"] = sample.measure(encoder=encoder, masker=masker)
    report("calibration, simulated")
    results["calibration"] = calibration.measure()
    results["memory"] = memory.measure()
    report("rates, simulated")
    results["rates"] = rates.measure(days=RATE_DAYS)
    report("explanations")
    results["explanation"] = explanations.measure(encoder=encoder, masker=masker)
    results["int8"] = encoder.config["int8"]
    report("speed")
    lines = [line.text for line in read_corpus()] if raw is None else raw
    results["speed"] = speed.measure(lines, encoder=encoder, model=model)
    return results
