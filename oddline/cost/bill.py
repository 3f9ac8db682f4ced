"""The lines of the bill, service by service: each a quantity a month and the name of its price."""

import math
from collections.abc import Iterator

from oddline.cost.flow import Flow
from oddline.cost.model import DAYS_A_MONTH, GIB, HOURS_A_MONTH, SECONDS_A_MONTH, Egress, Service

Charge = tuple[str, str, float, str]
"""Service, what, quantity a month, name of the price."""

METERED_BYTES = 512 * 1_024  # of an HTTP API's request
FIRST_TIER = 300e6  # requests
PROXY_MINIMUM = 8.0  # ACUs (Amazon RDS Proxy pricing)
ACU_PER_VCPU = 4.0  # at full load (aws/agent-toolkit-for-aws, "ACU sizing formula")
IO_BYTES = 4_096  # of log that one write takes (Amazon Aurora pricing, "What are I/O operations?")
OBJECT_BYTES = 16 * 2**20  # of a compacted object, at most
MERGES = 2.0  # of a line on its way into its last object (STORAGE, 5)
SECRET_READS_AN_HOUR = 12.0  # of an environment, one for each connection that it opens: assumed
SCHEDULE_FUNCTIONS = 4.0
BODY_DAYS = 3.0  # two, and the one that goes on
HOT_DAYS = 4.0  # three, and the one that goes on


def api(flow: Flow) -> Iterator[Charge]:
    """The HTTP API, metered by 512 KiB."""
    metered = flow.requests * math.ceil(flow.request_bytes / METERED_BYTES) + flow.searches
    yield "API Gateway", "requests", min(metered, FIRST_TIER), "http_api_request"
    yield "API Gateway", "requests above 300 million", max(0.0, metered - FIRST_TIER), "http_api_request_above"


def functions(flow: Flow) -> Iterator[Charge]:
    """Lambda, without cold starts."""
    deployment, assumed = flow.deployment, flow.assumed
    yield "Lambda", "requests", flow.invocations, "lambda_request"
    taking = flow.requests * flow.ingest_s * deployment.ingest_mb
    searching = flow.searches * assumed.search_s * deployment.search_mb
    scheduled = flow.scheduled * assumed.schedule_s * deployment.schedule_mb
    yield "Lambda", "taking submissions", taking / 1_024, "lambda_gb_s"
    yield "Lambda", "searches", searching / 1_024, "lambda_gb_s"
    yield "Lambda", "schedules", scheduled / 1_024, "lambda_gb_s"


def tasks(flow: Flow) -> Iterator[Charge]:
    """Fargate: as many task hours as the work needs, and never fewer than the least number of tasks has."""
    deployment, scoring = flow.deployment, flow.deployment.scoring
    spot = Service(scoring.vcpu, scoring.memory_gb, scoring.fewest, flow.workload.spot_share)
    yield from _service(flow, "scoring", spot, flow.score_cpu_s)
    yield from _service(flow, "general", deployment.general, flow.cpu_s("fold", "detect"))
    yield from _service(flow, "background", deployment.background, flow.cpu_s("compact"))


def _service(flow: Flow, name: str, service: Service, cpu_s: float) -> Iterator[Charge]:
    needed = cpu_s / 3_600 / flow.assumed.busy / service.vcpu
    hours = max(needed, service.fewest * HOURS_A_MONTH)
    for kind, share in (("fargate", 1 - service.spot_share), ("spot", service.spot_share)):
        where = f"{name}, Spot" if kind == "spot" else name
        yield "Fargate", f"{where}: processors", hours * share * service.vcpu, f"{kind}_vcpu_hour"
        yield "Fargate", f"{where}: memory", hours * share * service.memory_gb, f"{kind}_gb_hour"


def database_acus(flow: Flow) -> float:
    """Aurora's mean capacity, of all instances."""
    needed = flow.database_cpu_s / SECONDS_A_MONTH * ACU_PER_VCPU / flow.assumed.busy
    return max(needed, flow.deployment.database_minimum) * flow.deployment.database_instances


def database(flow: Flow, *, optimized: bool) -> Iterator[Charge]:
    """Aurora in one of its two storage configurations. Reads are taken to come from its cache."""
    stored = flow.stored_bytes_a_day
    rows = stored["hot"] * HOT_DAYS + stored["odd"] * flow.workload.retention_days
    if not flow.has_body_objects:
        rows += stored["bodies"] * BODY_DAYS
    kind, prefix = ("I/O-Optimized", "aurora_optimized") if optimized else ("Standard", "aurora")
    yield "Aurora", f"capacity, {kind}", database_acus(flow) * HOURS_A_MONTH, f"{prefix}_acu_hour"
    yield "Aurora", "storage", rows / GIB + flow.assumed.spare_gb, f"{prefix}_gb_month"
    if not optimized:
        yield "Aurora", "writes", flow.log_bytes / IO_BYTES, "aurora_io"
    backup = flow.log_bytes / DAYS_A_MONTH * (flow.deployment.backup_days - 1)
    yield "Aurora", "backups", backup / GIB, "aurora_backup_gb_month"


def around_database(flow: Flow) -> Iterator[Charge]:
    """RDS Proxy and the broker."""
    if flow.deployment.has_proxy:
        proxied = max(database_acus(flow), PROXY_MINIMUM)
        yield "RDS Proxy", "capacity", proxied * HOURS_A_MONTH, "rds_proxy_acu_hour"
    yield "ElastiCache", "Valkey nodes", flow.deployment.valkey_nodes * HOURS_A_MONTH, "valkey_micro_node_hour"


def objects(flow: Flow) -> Iterator[Charge]:
    """S3."""
    stored = flow.stored_bytes_a_day
    kept = stored["kept"] * flow.workload.retention_days
    bodies = flow.requests if flow.has_body_objects else 0.0
    if flow.has_body_objects:
        kept += stored["bodies"] * BODY_DAYS
    merged = stored["kept"] * DAYS_A_MONTH * MERGES / OBJECT_BYTES
    reads = merged + bodies + flow.searches * flow.assumed.search_objects
    yield "S3", "storage", kept / GIB, "s3_gb_month"
    yield "S3", "writes", merged + bodies, "s3_write"
    yield "S3", "reads", reads, "s3_read"
    yield "ECR", "images", flow.deployment.image_gb, "image_gb_month"


def network(flow: Flow) -> Iterator[Charge]:
    """The way out, what crosses zones (half of what goes to the database and back), and answers."""
    deployment, egress = flow.deployment, flow.workload.egress
    if egress is Egress.ENDPOINTS:
        hours = deployment.endpoints * deployment.zones * HOURS_A_MONTH
        yield "Network", "interface endpoints", hours, "endpoint_hour"
        yield "Network", "through endpoints", flow.assumed.egress_gb, "endpoint_gb"
    else:
        gateways = deployment.zones if egress is Egress.NAT_PER_ZONE else 1
        yield "Network", "NAT gateways", gateways * HOURS_A_MONTH, "nat_hour"
        yield "Network", "their addresses", gateways * HOURS_A_MONTH, "public_address_hour"
        yield "Network", "through NAT", flow.assumed.egress_gb, "nat_gb"
    stored = flow.stored_bytes_a_day
    bodies = 0.0 if flow.has_body_objects else 2 * stored["bodies"]
    crossing = (bodies + 2 * stored["hot"] + stored["odd"]) * DAYS_A_MONTH / 2
    answers = flow.requests * flow.assumed.answer_bytes + flow.searches * flow.assumed.page_bytes
    yield "Network", "between zones", crossing / GIB, "between_zones_gb"
    yield "Network", "answers to the Internet", answers / GIB, "internet_gb"


def watching(flow: Flow) -> Iterator[Charge]:
    """CloudWatch and X-Ray."""
    deployment = flow.deployment
    logged = flow.invocations * flow.assumed.logged_bytes / GIB
    yield "CloudWatch", "logs", logged, "logs_gb"
    yield "CloudWatch", "logs kept", logged * deployment.log_days / DAYS_A_MONTH, "logs_gb_month"
    yield "CloudWatch", "metrics", float(deployment.metrics), "metric_month"
    yield "CloudWatch", "alarms", float(deployment.alarms), "alarm_month"
    yield "CloudWatch", "dashboard", float(deployment.dashboards), "dashboard_month"
    yield "X-Ray", "traces", flow.traces, "trace"


def keeping(flow: Flow) -> Iterator[Charge]:
    """Secrets and schedules."""
    at_once = flow.requests * flow.ingest_s / SECONDS_A_MONTH  # Little's law
    reads = (1 + at_once + SCHEDULE_FUNCTIONS) * SECRET_READS_AN_HOUR * HOURS_A_MONTH
    yield "Secrets Manager", "secrets", float(flow.deployment.secrets), "secret_month"
    yield "Secrets Manager", "reads", reads, "secret_call"
    yield "EventBridge Scheduler", "invocations", flow.scheduled, "scheduler_invocation"
