"""Lines per second and core that masking full raw lines takes: the masker, its expressions alone, and other engines.

CPU time of the one process, the least of some passes. Cold is a masker that has seen nothing; warm has read the same
lines once. polars has no look-around: its chain stands for the commonest masks only, and finds less. Drain3 masks with
its sample configuration and does not mine here.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import polars as pl
from drain3.masking import LogMasker, MaskingInstruction

from bench import raw_lines
from oddline.patterns import Masker, rules
from oddline.sample import read_corpus
from oddline.scoring.evaluation import bgl
from oddline.scoring.evaluation.speed import DRAIN3_MASKS

LINES = 100_000
SLOW_LINES = 10_000  # of what remembers nothing, and so gets no faster with more
PASSES = 3
Mask = Callable[[Sequence[str]], Sequence[str]]

# ASCII word boundaries: with those of Unicode its engine is the slower one.
_POLARS_MASKS = (
    (r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'<>]+", "<url>"),
    (r"(?-u:\b)[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?-u:\b)", "<uuid>"),
    (r"[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+\.[A-Za-z]+", "<email>"),
    (r"(?-u:\b)(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}(?-u:\b)", "<mac>"),
    (r"(?-u:\b)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?(?-u:\b)", "<ip>"),
    (
        r"(?-u:\b)[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T-][0-9]{2}[:.][0-9]{2}[:.][0-9]{2}(?:[.,][0-9]{1,9})?)?Z?(?-u:\b)",
        "<time>",
    ),
    (r"(?-u:\b)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?-u:\b)", "<time>"),
    (r"(^|[\s=(\"':])(?:~|\.{1,2})?/[^\s\"'<>,;:()\[\]{}|]+", "${1}<path>"),
    (r"(?-u:\b)(?:0[xX][0-9a-fA-F]+|[0-9a-f]{32,})(?-u:\b)", "<hex>"),
    (r"(?-u:\b)[0-9]+(?:[.,][0-9]+)*(?:ns|us|ms|s|secs?|seconds?|min|minutes?|h|hours?)(?-u:\b)", "<duration>"),
    (r"(?-u:\b)[0-9]+(?:[.,][0-9]+)*(?:B|[kKMGTP]i?[bB]|bytes?)(?-u:\b)", "<size>"),
    (r"[-+]?[0-9]+(?:[.,][0-9]+)*", "<num>"),
)


def measure(*, quick: bool, work: Path) -> dict[str, Any]:  # noqa: ARG001
    """`masking_<log>_<engine>_lines_per_s` of each log that is here."""
    count, passes = (5_000, 1) if quick else (LINES, PASSES)
    results: dict[str, Any] = {"masking": {"lines": count, "slow_lines": min(count, SLOW_LINES), "passes": passes}}
    for log, source in _logs():
        lines = list(islice(source, count))
        for engine, mask in _engines(lines):
            some = lines[:SLOW_LINES] if engine in {"uncached", "drain3"} else lines
            seconds = min(_cpu_seconds(mask(), some) for _ in range(passes))
            results[f"masking_{log}_{engine}_lines_per_s"] = round(len(some) / seconds)
    return results


def _logs() -> Iterator[tuple[str, Iterator[str]]]:
    """Lines without end of each log; what is not beside the checkout is said to be skipped."""
    yield "sample", cycle([line.text for line in read_corpus()])
    if raw_lines.BGL.exists():
        yield "bgl", cycle(bgl.raw_lines(raw_lines.DATA))
    else:
        print(f"BGL is SKIPPED: there is no {raw_lines.BGL}", file=sys.stderr)
    if raw_lines.OPENSTACK.exists():
        yield "openstack", raw_lines.openstack_lines()
    else:
        print(f"OpenStack is SKIPPED: there is no {raw_lines.OPENSTACK}", file=sys.stderr)


def _engines(lines: Sequence[str]) -> Iterator[tuple[str, Callable[[], Mask]]]:
    """Name and maker of each: a pass gets what the maker makes, so that a cold cache is cold in each."""
    warm = Masker()
    warm.mask_many(lines)
    yield "cold", lambda: Masker().mask_many
    yield "warm", lambda: warm.mask_many
    yield "uncached", lambda: _uncached
    yield "polars", lambda: _polars
    yield "drain3", _drain3


def _cpu_seconds(mask: Mask, lines: Sequence[str]) -> float:
    began = time.process_time()
    masked = mask(lines)
    used = time.process_time() - began
    if len(masked) != len(lines):
        raise RuntimeError(f"{len(lines)} lines gave {len(masked)}")
    return used


def _uncached(lines: Sequence[str]) -> list[str]:
    """The masker's expressions, each line for itself."""
    masked = []
    for line in lines:
        tokens = line.split(" ")
        first = rules.mask_token(line)
        positions = rules.code_positions(first.split(" "))
        codes = rules.codes_at(positions, tokens=tokens)
        masked.append(rules.mask_line(first, positions=positions, codes=codes))
    return masked


def _polars(lines: Sequence[str]) -> list[str]:
    masked = pl.col("line")
    for expression, placeholder in _POLARS_MASKS:
        masked = masked.str.replace_all(expression, placeholder)
    return pl.DataFrame({"line": lines}).select(masked)["line"].to_list()


def _drain3() -> Mask:
    instructions = [MaskingInstruction(pattern, name) for pattern, name in DRAIN3_MASKS]
    masker = LogMasker(instructions, "<:", ":>")
    return lambda lines: [masker.mask(line) for line in lines]
