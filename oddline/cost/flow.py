"""What flows through a deployment in a month at a volume: lines, requests, work, bytes."""

from dataclasses import dataclass

from oddline.cost.model import DAYS_A_MONTH, SECONDS_A_MONTH, Assumed, Deployment, Measured, Step, Workload

LAMBDA_MB_PER_VCPU = 1_769  # AWS Lambda developer guide, "Configure Lambda function memory"


@dataclass(frozen=True, slots=True)
class Flow:
    """Quantities a month; `work` counts the batches of the measurement that make as much work, byte for byte."""

    workload: Workload
    measured: Measured
    deployment: Deployment
    assumed: Assumed
    scheduled: float

    @property
    def line_bytes(self) -> float:
        """Text of one line."""
        return self.workload.line_bytes or self.measured.line_bytes

    @property
    def lines(self) -> float:
        """Lines a month."""
        return self.workload.gb_per_day * 1e9 / self.line_bytes * DAYS_A_MONTH

    @property
    def requests(self) -> float:
        """Requests a month that bring lines."""
        return self.lines / self.workload.batch_lines

    @property
    def work(self) -> float:
        """In batches of the measurement; a longer line makes as much more work as it has more bytes."""
        return self.lines * self._longer / self.measured.batch_lines

    @property
    def searches(self) -> float:
        """Searches and pages a month."""
        return self.assumed.searches_a_day * DAYS_A_MONTH

    @property
    def invocations(self) -> float:
        """Of all functions."""
        return self.requests + self.scheduled + self.searches

    @property
    def request_bytes(self) -> float:
        """Of one request's plain JSON."""
        around = self.measured.wire_bytes - self.measured.line_bytes
        return self.workload.batch_lines * (self.line_bytes + around)

    @property
    def body_bytes(self) -> float:
        """Of one request's lines, packed, as the inbox keeps them."""
        return self.workload.batch_lines * self.measured.body_bytes * self._longer

    @property
    def has_body_objects(self) -> bool:
        """Whether bodies are objects rather than rows."""
        return self.body_bytes > self.workload.body_object_bytes

    @property
    def ingest_s(self) -> float:
        """How long the function works on one request: its own processor's share, and PostgreSQL's time."""
        one, batch = self.measured.steps["take_single"], self.measured.steps["take"]
        per_line = (batch.cpu_s - one.cpu_s) / self.measured.batch_lines * self._longer
        share = min(1.0, self.deployment.ingest_mb / LAMBDA_MB_PER_VCPU)
        return (one.cpu_s + per_line * self.workload.batch_lines) / share + batch.database_cpu_s

    @property
    def score_cpu_s(self) -> float:
        """Seconds of a core for all scoring of a month."""
        if self.workload.lines_per_s:
            return self.lines / self.workload.lines_per_s
        return self.work * self.measured.steps["score"].cpu_s

    def cpu_s(self, *steps: str) -> float:
        """Seconds of a core for other steps of a month."""
        return sum(self.work * self.measured.steps[step].cpu_s for step in steps)

    @property
    def database_cpu_s(self) -> float:
        """Seconds of a core of PostgreSQL in a month."""
        return (
            sum(self.work * step.database_cpu_s for step in self._lasting) + self.requests * self._take.database_cpu_s
        )

    @property
    def log_bytes(self) -> float:
        """Bytes that PostgreSQL writes to its log in a month."""
        bodies = 0.0 if self.has_body_objects else self.requests * self.body_bytes
        lasting = sum(step.log_bytes for step in self._lasting)
        return self.work * lasting + self.requests * self._take.log_bytes + bodies

    @property
    def stored_bytes_a_day(self) -> dict[str, float]:
        """What each day adds: bodies, hot chunks, odd entries, and the objects that chunks become."""
        lines = self.lines * self._longer / DAYS_A_MONTH
        return {
            "bodies": lines * self.measured.body_bytes,
            "hot": lines * self.measured.hot_bytes,
            "odd": lines * self.measured.odd_bytes,
            "kept": lines * self.measured.kept_bytes,
        }

    @property
    def traces(self) -> float:
        """Traces recorded in a month: the first of each second and a share of the others."""
        per_s = self.invocations / SECONDS_A_MONTH
        return (min(per_s, 1.0) + self.assumed.trace_share * max(0.0, per_s - 1.0)) * SECONDS_A_MONTH

    @property
    def _longer(self) -> float:
        return self.line_bytes / self.measured.line_bytes

    @property
    def _take(self) -> Step:
        """Of a single entry: what a request takes whatever its lines; a body's bytes are counted by themselves."""
        return self.measured.steps["take_single"]

    @property
    def _lasting(self) -> list[Step]:
        return [self.measured.steps[name] for name in ("score", "fold", "detect", "compact")]
