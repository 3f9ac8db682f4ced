"""An example of each route: what a tenant asks there about its own things. A new route is one more of EXAMPLES."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduling import MAIL
from tenants import Tenant, numbers


@dataclass(frozen=True, slots=True)
class Call:
    """A request."""

    path: str
    json: Any = None
    params: dict[str, Any] = field(default_factory=dict)


Ask = Callable[[Tenant], Call]


@dataclass(frozen=True, slots=True)
class Example:
    """What is asked at a route, each time about something fresh.

    Args:
        ask: about the things of a tenant.
        status: of the answer to who may ask about their own.
        others: the same for callers whose name begins so, where it differs.
        shows: whether the answer holds something of the tenant's.
        by_id: questions that name a thing by its id: about another tenant's the answer is 404.
    """

    ask: Ask
    status: int = 200
    others: Mapping[str, int] = field(default_factory=dict)
    shows: bool = False
    by_id: tuple[Ask, ...] = ()

    def status_for(self, caller: str) -> int:
        return next((status for beginning, status in self.others.items() if caller.startswith(beginning)), self.status)


def at(path: str, json: Any = None, **options: Any) -> Example:
    """A route that names nothing."""
    call = Call(path, json)
    return Example(lambda _: call, **options)


def after(make: Callable[[Tenant], Any], path: str, json: Any = None, **options: Any) -> Example:
    """A route that names nothing, asked once the tenant has one more of what it is about."""

    def ask(of: Tenant) -> Call:
        make(of)
        return Call(path, json, options.get("params", {}))

    return Example(ask, **{name: value for name, value in options.items() if name != "params"})


def about(ask: Ask, **options: Any) -> Example:
    """A route that names a thing by its id."""
    return Example(ask, by_id=(ask,), **options)


ENTRY = {"message": "an entry"}
RECORD = {"body": {"stringValue": "an entry"}}
STREAM = {"stream": {"app": "cart"}, "values": [["1762330530123456789", "an entry"]]}
FILES = "/api/v1/files"
CONNECTIONS = "/api/v1/connections"
DEAD_LETTERS, SCHEDULES, ERASURES = "/api/v1/tasks/dead-letters", "/api/v1/schedules", "/api/v1/erasures"

EXAMPLES: dict[tuple[str, str], Example] = {
    ("POST", "/api/v1/logs"): at("/api/v1/logs", json=ENTRY, status=202),
    ("POST", "/api/v1/logs/batch"): at("/api/v1/logs/batch", json=[ENTRY], status=202),
    ("POST", "/api/logs"): at("/api/logs", json=ENTRY, status=202),
    ("POST", "/api/logs/"): at("/api/logs/", json=ENTRY, status=202),
    ("POST", "/api/batch-analysis"): at("/api/batch-analysis", json={"log_entries": [ENTRY]}, status=202),
    ("POST", "/api/batch-analysis/"): at("/api/batch-analysis/", json={"log_entries": [ENTRY]}, status=202),
    ("POST", "/v1/logs"): at("/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [RECORD]}]}]}),
    ("POST", "/loki/api/v1/push"): at("/loki/api/v1/push", json={"streams": [STREAM]}, status=204),
    ("GET", "/api/v1/monitoring/health"): at("/api/v1/monitoring/health", status=503),  # nobody has looked yet
    ("GET", "/api/v1/me"): at("/api/v1/me", shows=True),
    ("POST", "/api/v1/session"): at("/api/v1/session", status=201, others={"person": 403}),
    ("GET", "/api/v1/keys"): at("/api/v1/keys", shows=True),
    ("POST", "/api/v1/keys"): at("/api/v1/keys", json={"scopes": ["read"]}, status=201),
    ("DELETE", "/api/v1/keys/{key_id}"): about(lambda of: Call(f"/api/v1/keys/{of.key().id}"), status=204),
    ("POST", "/api/v1/keys/{key_id}/signing-secret"): about(
        lambda of: Call(f"/api/v1/keys/{of.key(signed=True).id}/signing-secret")
    ),
    ("GET", "/api/v1/members"): at("/api/v1/members", shows=True),
    ("POST", "/api/v1/members"): Example(
        lambda _: Call("/api/v1/members", {"subject": f"new-{next(numbers)}", "role": "viewer"}), status=201
    ),
    ("PUT", "/api/v1/members/{member_id}"): about(
        lambda of: Call(f"/api/v1/members/{of.member()}", {"role": "member"}), shows=True
    ),
    ("DELETE", "/api/v1/members/{member_id}"): about(lambda of: Call(f"/api/v1/members/{of.member()}"), status=204),
    ("GET", "/api/v1/project"): at("/api/v1/project", shows=True),
    ("PUT", "/api/v1/project"): at("/api/v1/project", json={"retention_days": 31}, shows=True),
    ("GET", "/api/v1/usage"): at("/api/v1/usage"),
    ("GET", "/api/v1/analytics/timeline"): at("/api/v1/analytics/timeline"),
    ("GET", "/api/v1/analytics/summary"): at("/api/v1/analytics/summary"),
    ("GET", "/api/v1/analytics/compare"): Example(
        lambda _: Call("/api/v1/analytics/compare", params={"after_from": "2026-11-05T08:00:00Z"})
    ),
    ("GET", "/api/v1/sources"): at("/api/v1/sources", shows=True),
    ("PUT", "/api/v1/sources/{name:path}"): about(
        lambda of: Call(f"/api/v1/sources/cart/of/{of.name}", {"alarms_per_day": 5}), shows=True
    ),
    ("GET", "/api/v1/anomalies"): at("/api/v1/anomalies", shows=True),
    ("GET", "/api/v1/audit"): after(Tenant.deed, "/api/v1/audit", shows=True),
    ("GET", "/api/v1/masking"): after(Tenant.masking, "/api/v1/masking", shows=True),
    ("PUT", "/api/v1/masking"): Example(
        lambda of: Call("/api/v1/masking", {"own": [{"name": of.name, "expression": "E-[0-9]+"}]}), shows=True
    ),
    ("GET", "/api/v1/erasures"): after(Tenant.erasure, ERASURES, shows=True),
    ("POST", "/api/v1/erasures"): at(ERASURES, {"values": ["ada@example.org"], "reason": "she asks"}, status=202),
    ("GET", "/api/v1/erasures/{erasure_id}"): about(lambda of: Call(f"{ERASURES}/{of.erasure()}"), shows=True),
    ("GET", "/api/v1/files"): after(Tenant.file, FILES, shows=True),
    ("POST", "/api/v1/files"): Example(lambda of: Call(FILES, {"name": of.name}), status=201, shows=True),
    ("POST", "/api/v1/files/process"): about(
        lambda of: Call(f"{FILES}/process", {"file_ids": [str(of.file())]}), status=202
    ),
    ("GET", "/api/v1/files/{file_id}"): about(lambda of: Call(f"{FILES}/{of.file()}"), shows=True),
    ("DELETE", "/api/v1/files/{file_id}"): about(lambda of: Call(f"{FILES}/{of.file()}"), status=204),
    ("GET", "/api/v1/files/{file_id}/upload"): about(lambda of: Call(f"{FILES}/{of.upload()}/upload")),
    ("PUT", "/api/v1/files/{file_id}/parts/{number}"): about(
        lambda of: Call(f"{FILES}/{of.upload()}/parts/1", json=1), status=204
    ),
    ("POST", "/api/v1/files/{file_id}/complete"): about(
        lambda of: Call(f"{FILES}/{of.upload()}/complete", {}), shows=True
    ),
    ("GET", "/api/v1/files/origin/{entry_id}"): about(lambda of: Call(f"{FILES}/origin/{of.entry_of_a_file()}")),
    ("POST", "/api/v1/logs/process/{log_file_id}"): about(
        lambda of: Call(f"/api/v1/logs/process/{of.file()}"), status=202
    ),
    ("GET", "/api/v1/tasks"): after(Tenant.dead_letter, "/api/v1/tasks", shows=True),
    ("POST", "/api/v1/tasks"): at(
        "/api/v1/tasks",
        {"name": "send_email", "payload": MAIL},
        status=202,
        others={"key: write": 403, "person: member": 403},  # the catalogue has nothing yet that these may start
    ),
    ("GET", "/api/v1/tasks/catalogue"): at("/api/v1/tasks/catalogue"),
    ("GET", "/api/v1/tasks/active"): after(lambda of: of.task("STARTED"), "/api/v1/tasks/active", shows=True),
    ("GET", "/api/v1/tasks/scheduled"): after(lambda of: of.task("PENDING"), "/api/v1/tasks/scheduled", shows=True),
    ("DELETE", "/api/v1/tasks/cancel/{task_id}"): about(lambda of: Call(f"/api/v1/tasks/cancel/{of.task('PENDING')}")),
    ("GET", "/api/v1/tasks/dead-letters"): after(Tenant.dead_letter, DEAD_LETTERS, shows=True),
    ("GET", "/api/v1/tasks/dead-letters/{task_id}"): about(
        lambda of: Call(f"{DEAD_LETTERS}/{of.dead_letter()}"), shows=True
    ),
    ("POST", "/api/v1/tasks/dead-letters/{task_id}/replay"): about(
        lambda of: Call(f"{DEAD_LETTERS}/{of.dead_letter()}/replay"), status=202
    ),
    ("DELETE", "/api/v1/tasks/dead-letters/{task_id}"): about(
        lambda of: Call(f"{DEAD_LETTERS}/{of.dead_letter()}"), status=204
    ),
    ("POST", "/api/v1/tasks/dead-letters/replay"): after(Tenant.dead_letter, f"{DEAD_LETTERS}/replay", {}),
    ("DELETE", "/api/v1/tasks/dead-letters"): after(
        Tenant.dead_letter, DEAD_LETTERS, params={"name": "cleanup_old_results"}
    ),
    ("GET", "/api/v1/tasks/{task_id}"): about(lambda of: Call(f"/api/v1/tasks/{of.dead_letter()}"), shows=True),
    ("GET", "/api/v1/tasks/status/{task_id}"): about(
        lambda of: Call(f"/api/v1/tasks/status/{of.dead_letter()}"), shows=True
    ),
    ("GET", "/api/task-status/{task_id}"): about(lambda of: Call(f"/api/task-status/{of.dead_letter()}"), shows=True),
    ("GET", "/api/task-status/{task_id}/"): about(lambda of: Call(f"/api/task-status/{of.dead_letter()}/"), shows=True),
    ("GET", "/api/v1/system-alerts"): after(Tenant.alert, "/api/v1/system-alerts", shows=True),
    ("GET", "/api/v1/schedules"): after(Tenant.schedule, SCHEDULES, shows=True),
    ("POST", "/api/v1/schedules"): Example(
        lambda of: Call(
            SCHEDULES,
            {"name": f"{of.name} {next(numbers)}", "task": "send_email", "payload": MAIL, "expression": "rate(1 day)"},
        ),
        status=201,
        shows=True,
    ),
    ("GET", "/api/v1/schedules/{schedule_id}"): about(lambda of: Call(f"{SCHEDULES}/{of.schedule()}"), shows=True),
    ("PUT", "/api/v1/schedules/{schedule_id}"): about(
        lambda of: Call(f"{SCHEDULES}/{of.schedule()}", {"expression": "rate(2 days)"}), shows=True
    ),
    ("DELETE", "/api/v1/schedules/{schedule_id}"): about(lambda of: Call(f"{SCHEDULES}/{of.schedule()}"), status=204),
    ("POST", "/api/v1/schedules/{schedule_id}/pause"): about(
        lambda of: Call(f"{SCHEDULES}/{of.schedule()}/pause"), shows=True
    ),
    ("POST", "/api/v1/schedules/{schedule_id}/resume"): about(
        lambda of: Call(f"{SCHEDULES}/{of.schedule()}/resume"), shows=True
    ),
    ("POST", "/api/v1/schedules/{schedule_id}/run"): about(
        lambda of: Call(f"{SCHEDULES}/{of.schedule()}/run"), status=202
    ),
    ("GET", "/api/v1/schedules/{schedule_id}/runs"): about(
        lambda of: Call(f"{SCHEDULES}/{of.schedule()}/runs"), shows=True
    ),
    ("GET", "/api/v1/connections"): after(Tenant.connection, CONNECTIONS, shows=True),
    ("POST", "/api/v1/connections"): Example(
        lambda of: Call(
            CONNECTIONS,
            {
                "name": f"{of.name} {next(numbers)}",
                "type": "http",
                "source": "feed",
                "configuration": {"url": "https://logs.example.org/"},
                "credentials": {"headers": {"Authorization": "Bearer abc"}},
            },
        ),
        status=201,
        shows=True,
    ),
    ("GET", "/api/v1/connections/{connection_id}"): about(
        lambda of: Call(f"{CONNECTIONS}/{of.connection()}"), shows=True
    ),
    ("PUT", "/api/v1/connections/{connection_id}"): about(
        lambda of: Call(
            f"{CONNECTIONS}/{of.connection()}",
            {"source": of.name, "configuration": {"url": f"https://{of.name}.example.org/other"}},
        ),
        shows=True,
    ),
    ("DELETE", "/api/v1/connections/{connection_id}"): about(
        lambda of: Call(f"{CONNECTIONS}/{of.connection()}"), status=204
    ),
    ("POST", "/api/v1/connections/{connection_id}/pause"): about(
        lambda of: Call(f"{CONNECTIONS}/{of.connection()}/pause"), shows=True
    ),
    ("POST", "/api/v1/connections/{connection_id}/resume"): about(
        lambda of: Call(f"{CONNECTIONS}/{of.connection()}/resume"), shows=True
    ),
    ("POST", "/api/v1/connections/{connection_id}/test"): about(
        lambda of: Call(f"{CONNECTIONS}/{of.connection()}/test"), status=202
    ),
    ("GET", "/api/v1/workers"): at("/api/v1/workers"),
    ("POST", "/api/v1/workers/restart"): at("/api/v1/workers/restart", {"classes": ["general"]}, status=202),
    ("GET", "/api/v1/queues"): at("/api/v1/queues"),
    ("POST", "/api/v1/queues/{queue}/hold"): at("/api/v1/queues/default/hold", {"reason": "a test"}),
    ("POST", "/api/v1/queues/{queue}/purge"): at("/api/v1/queues/default/purge", {}),
    ("POST", "/api/v1/queues/{queue}/release"): after(Tenant.holds_a_queue, "/api/v1/queues/default/release"),
    ("GET", "/api/v1/rate-limits"): at("/api/v1/rate-limits"),
    ("PUT", "/api/v1/rate-limits/{task}"): at("/api/v1/rate-limits/send_email", {"rate": "10/m"}, status=204),
    ("DELETE", "/api/v1/rate-limits/{task}"): after(Tenant.limits_a_task, "/api/v1/rate-limits/send_email", status=204),
    ("GET", "/api/v1/logs"): Example(
        lambda _: Call("/api/v1/logs"),
        shows=True,
        by_id=(lambda of: Call("/api/v1/logs", params={"replay": of.replay()}),),
    ),
    ("GET", "/api/v1/search"): Example(
        lambda of: Call("/api/v1/search", params={"q": f"out of memory in {of.name}"}), shows=True
    ),
    ("GET", "/api/v1/logs/tail"): Example(lambda _: Call("/api/v1/logs/tail", params={"after": "86400"}), shows=True),
    ("GET", "/api/v1/logs/searches/{task_id}"): about(
        lambda of: Call(f"/api/v1/logs/searches/{of.search()}"), status=202
    ),
    ("GET", "/api/v1/logs/{entry_id}"): about(lambda of: Call(f"/api/v1/logs/{of.entry}"), shows=True),
    ("GET", "/api/v1/models/shadow-report"): at("/api/v1/models/shadow-report", status=404),  # no model is tried
    ("GET", "/api/v1/feedback"): at("/api/v1/feedback", shows=True),
    ("GET", "/api/v1/feedback/preview"): about(
        lambda of: Call("/api/v1/feedback/preview", params={"entry_id": of.entry})
    ),
    ("POST", "/api/v1/feedback"): about(
        lambda of: Call("/api/v1/feedback", {"entry_id": str(of.entry), "verdict": "confirmed", "note": of.name}),
        shows=True,
    ),
    ("DELETE", "/api/v1/feedback/{feedback_id}"): about(
        lambda of: Call(f"/api/v1/feedback/{of.verdict()}"), status=204
    ),
}
