"""Runs the measurements, prints a table and writes bench/results.json: `python -m bench [NAME …] [--quick]`."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.figures import table, with_ratios

FOLDER = Path(__file__).parent
MEASUREMENTS = (
    "end_to_end",
    "single_posts",
    "fair_share",
    "files",
    "seed_design",
    "score_command",
    "score_memory",
    "masking",
    "files_formats",
    "packages",
    "listing",
    "storage",
    "scale_storage",
    "storage_logs",
    "search",
    "semantic",
    "work",
    "handler",
    "scale",
)


def main() -> None:
    """Measure what was asked for, one after the other, and keep what was measured before of the rest."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="see in short whether it works; the figures mean little")
    parser.add_argument("--out", type=Path, help="file for the results (default: bench/results.json; --quick: none)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"there is no measurement called {', '.join(sorted(unknown))}")
    out = options.out or (None if options.quick else FOLDER / "results.json")
    results = json.loads(out.read_text()) if out and options.names and out.exists() else {}
    for name in options.names or MEASUREMENTS:
        results = with_ratios(results | _measure(name, quick=options.quick, before=results))
        if out:  # after each, since all of them take a while
            out.write_text(json.dumps(results, indent=2) + "\n")
    Console().print(table(results))
    if out:
        print(f"written to {out}")


def _measure(name: str, *, quick: bool, before: Mapping[str, Any]) -> dict[str, Any]:
    work = FOLDER / "scratch"
    work.mkdir(exist_ok=True)
    print(f"{name} …", file=sys.stderr, flush=True)
    conditions = {name: {"at": datetime.now(UTC).isoformat(timespec="seconds"), "load": round(os.getloadavg()[0], 2)}}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=work) as folder:
        measured: dict[str, Any] = import_module(f"bench.{name}").measure(quick=quick, work=Path(folder))
    print(f"{name} took {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return measured | {"machine": _machine(), "conditions": before.get("conditions", {}) | conditions}


def _machine() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


if __name__ == "__main__":
    main()
