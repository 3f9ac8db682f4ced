"""Read the tables that ship, count what the schedules fire, and estimate."""

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from oddline.catalogue import CATALOGUE
from oddline.cost import estimate as estimating
from oddline.cost.model import DAYS_A_MONTH, Estimate, Measured, Price, PriceTable, Step, Workload
from oddline.schedules import parse

_FOLDER = Path(__file__).parent
_WEEK = timedelta(days=7)  # every schedule comes round within it
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)  # any other would do


def estimate(workload: Workload) -> Estimate:
    """What a month costs at this volume, with the prices and the figures that ship."""
    return estimating.estimate(workload, prices=read_prices(), measured=read_measured(), scheduled=fired_a_month())


@cache
def read_prices() -> PriceTable:
    """The price table that ships."""
    table = _read("prices.toml")
    prices = {name: Price(name=name, **price) for name, price in table.items() if isinstance(price, dict)}
    return PriceTable(table["region"], table["made"], prices)


@cache
def read_measured() -> Measured:
    """The measured figures that ship."""
    table = _read("measured.toml")
    steps = {
        name: Step(step["cpu_ms"] / 1e3, step["database_cpu_ms"] / 1e3, step["log_kb"] * 1_024, step["writes"])
        for name, step in table["steps"].items()
    }
    sizes = {f"{name}_bytes": size for name, size in table["bytes"].items()}
    told = {name: table[name] for name in ("at", "machine", "command", "batch_lines", "backlog_batches")}
    return Measured(**told, **sizes, steps=steps)


def fired_a_month() -> float:
    """How often all schedules of the catalogue fire in a month."""
    return sum(_in_a_week(schedule.expression) for _, schedule in CATALOGUE.scheduled()) * DAYS_A_MONTH / _WEEK.days


def _in_a_week(expression: str) -> int:
    return sum(1 for _ in takewhile(lambda at: at <= _MONDAY + _WEEK, parse(expression).times(after=_MONDAY)))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))
