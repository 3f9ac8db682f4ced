"""What an estimate is made of: prices, measured figures, what is deployed, how much comes in, lines of the bill."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property

GIB = 2**30  # what AWS means by a GB of memory, storage and traffic; a GB of logs is 10^9 bytes
HOURS_A_MONTH = 730.0
DAYS_A_MONTH = HOURS_A_MONTH / 24
SECONDS_A_MONTH = HOURS_A_MONTH * 3_600
FROM_MEMORY = "memory"


class Egress(StrEnum):
    """The way out of the private subnets, as infra/network.yaml offers them."""

    NAT = "nat"
    NAT_PER_ZONE = "nat-per-zone"
    ENDPOINTS = "endpoints"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per unit; `seen` is where it was read, `as_of` the month for which it is known to be true."""

    name: str
    usd: float
    per: str
    page: str
    as_of: str
    seen: str


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The prices of a region, with the day on which they were put together."""

    region: str
    made: date
    prices: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]

    @property
    def from_memory(self) -> list[str]:
        """The names of the prices that were not looked up."""
        return sorted(price.name for price in self.prices.values() if price.seen == FROM_MEMORY)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of the work takes per batch of the measurement.

    `cpu_s` are seconds of a core in the step's own process, `database_cpu_s` in PostgreSQL, `log_bytes` what is written
    to its log, `writes` the transactions that write.
    """

    cpu_s: float
    database_cpu_s: float
    log_bytes: float
    writes: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What `python -m bench work` found, with day and machine; bytes are per line, steps per batch of `batch_lines`.

    A claim that finds a backlog takes `backlog_batches`.
    """

    at: date
    machine: str
    command: str
    batch_lines: int
    backlog_batches: float
    line_bytes: float
    wire_bytes: float
    body_bytes: float
    hot_bytes: float
    odd_bytes: float
    kept_bytes: float
    steps: Mapping[str, Step]

    @property
    def lines_per_s(self) -> float:
        """Lines that one core of a worker scores in a second when there is a backlog."""
        return self.batch_lines / self.steps["score"].cpu_s


@dataclass(frozen=True, slots=True)
class Service:
    """An ECS service: the size of its tasks and how many there are at least."""

    vcpu: float
    memory_gb: float
    fewest: int
    spot_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """What template.yaml and infra/ make by default, as far as it has a price."""

    zones: int = 2
    endpoints: int = 5  # ecr.api, ecr.dkr, logs, secretsmanager, email
    scoring: Service = Service(vcpu=2, memory_gb=4, fewest=1)
    general: Service = Service(vcpu=1, memory_gb=4, fewest=1)
    background: Service = Service(vcpu=1, memory_gb=4, fewest=1, spot_share=1.0)
    ingest_mb: int = 1_024
    search_mb: int = 2_048
    schedule_mb: int = 512
    database_minimum: float = 0.5  # ACUs
    database_instances: int = 1  # 2 with a standby
    has_proxy: bool = True
    backup_days: int = 7
    valkey_nodes: int = 2
    secrets: int = 13  # that of the database's owner is made by RDS
    metrics: int = 41
    alarms: int = 16
    dashboards: int = 1
    image_gb: float = 1.5  # of the worker and of search, two versions each
    log_days: int = 30


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is neither measured nor deployed: how busy things are, how people read, how much is logged about it all."""

    busy: float = 0.6  # of its processor, a task on average; autoscaling needs the rest
    schedule_s: float = 0.5  # that a schedule's handler runs
    searches_a_day: float = 1_000.0
    search_s: float = 1.0
    search_objects: float = 16.0  # read by a search
    answer_bytes: float = 600.0  # of a POST
    page_bytes: float = 50_000.0  # of a search
    logged_bytes: float = 900.0  # per invocation: START, END, REPORT, one line and its metrics
    egress_gb: float = 5.0  # a month, beside S3: logs and traces of the tasks, mail, secrets, what names an image
    trace_share: float = 0.05  # beside the first trace of each second: X-Ray's default rule
    spare_gb: float = 1.0  # of an empty database: catalogue, indexes, partitions ahead


@dataclass(frozen=True, slots=True)
class Workload:
    """How much comes in and how.

    Args:
        gb_per_day: of log text, without what JSON wraps around it.
        line_bytes: of one line's text; None for those that were measured.
        batch_lines: lines per request.
        retention_days: entries are kept so long.
        body_object_bytes: a packed body over this is an object and not a row (`ODDLINE_BODY_OBJECT_BYTES`).
        spot_share: of the scoring tasks, on Spot (0 to 1).
        lines_per_s: that one vCPU scores; None for what was measured.
    """

    gb_per_day: float
    line_bytes: float | None = None
    batch_lines: int = 1_000
    retention_days: int = 30
    body_object_bytes: int = 262_144
    egress: Egress = Egress.NAT
    spot_share: float = 0.0
    lines_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill: a quantity a month at a price."""

    service: str
    what: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        """US dollars a month."""
        return self.quantity * self.price.usd


@dataclass(frozen=True)
class Estimate:
    """A month's bill at one volume."""

    workload: Workload
    lines: float  # a month
    items: tuple[Item, ...] = field(default=())

    @cached_property
    def usd(self) -> float:
        """US dollars a month."""
        return sum(item.usd for item in self.items)

    @property
    def usd_per_million_lines(self) -> float | None:
        """All of it over all lines; None where none come in."""
        return self.usd / self.lines * 1e6 if self.lines else None
