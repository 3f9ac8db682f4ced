"""An example of each route: what a tenant asks there about its own things. A new route is one more of EXAMPLES."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.identity import NewKey, create_key
from oddline.submissions import new_id

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project in which everything that has a text holds the word `name`."""

    id: UUID
    name: str
    entry: UUID  # scored, and odd
    pattern: int
    db: Database  # as the owner

    def dead_letter(self) -> UUID:
        return self._insert(
            "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at)"
            " VALUES (%(id)s, %(project)s, 'cleanup_old_results', 'maintenance', '{}', 'FAILURE', %(name)s, %(now)s)"
        )

    def verdict(self) -> UUID:
        return self._insert(
            "INSERT INTO feedback (project_id, id, source_id, pattern_id, verdict, note, key_id, since)"
            " VALUES (%(project)s, %(id)s, 1, %(pattern)s, 'confirmed', %(name)s, %(id)s, %(now)s)"
        )

    def replay(self) -> UUID:
        return self._insert(
            "INSERT INTO replays (id, project_id, model_version, time_from, time_to, created_at)"
            " VALUES (%(id)s, %(project)s, %(name)s, %(now)s, %(now)s, %(now)s)"
        )

    def member(self) -> UUID:
        return self._insert(
            "INSERT INTO members (id, project_id, issuer, email, role, created_at)"
            " VALUES (%(id)s, %(project)s, 'https://login.example.org', %(name)s || %(number)s, 'viewer', %(now)s)"
        )

    def key(self, **options: Any) -> NewKey:
        usual: dict[str, Any] = {"project": self.id, "name": self.name, "key_id": new_id(), "now": datetime.now(UTC)}
        return create_key(self.db, **usual | options)

    def _insert(self, statement: str) -> UUID:
        values = {
            "id": new_id(),
            "project": self.id,
            "name": self.name,
            "pattern": self.pattern,
            "number": str(next(_numbers)),
            "now": datetime.now(UTC),
        }
        with self.db.transaction() as tx:
            tx.execute(statement, values)
        made: UUID = values["id"]  # type: ignore[assignment]  # one of several types
        return made


def rows_of(tx: Transaction, tenant: Tenant) -> dict[str, str]:
    """A digest of the tenant's rows in each table, but for when they were last used."""
    tables = tx.execute(
        "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        " AND (attname = 'project_id' OR relname = 'projects' AND attname = 'id') ORDER BY relname"
    ).fetchall()
    digests = " UNION ALL ".join(
        f"SELECT '{table}', md5(string_agg(row, ' ' ORDER BY row)) FROM"
        f" (SELECT (to_jsonb(t) - 'last_used_at' - 'last_seen_at')::text AS row FROM {table} t"
        f" WHERE {column} = %(project)s) AS r"
        for table, column in tables
    )
    return dict(tx.execute(digests, {"project": tenant.id}).fetchall())


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
        person_status: the same for people, where it differs.
        shows: whether the answer holds something of the tenant's.
        by_id: questions that name a thing by its id: about another tenant's the answer is 404.
    """

    ask: Ask
    status: int = 200
    person_status: int | None = None
    shows: bool = False
    by_id: tuple[Ask, ...] = ()


def at(path: str, **options: Any) -> Example:
    """A route that names nothing."""
    call = Call(path, options.pop("json", None))
    return Example(lambda _: call, **options)


def about(ask: Ask, **options: Any) -> Example:
    """A route that names a thing by its id."""
    return Example(ask, by_id=(ask,), **options)


ENTRY = {"message": "an entry"}

EXAMPLES: dict[tuple[str, str], Example] = {
    ("POST", "/api/v1/logs"): at("/api/v1/logs", json=ENTRY, status=202),
    ("POST", "/api/v1/logs/batch"): at("/api/v1/logs/batch", json=[ENTRY], status=202),
    ("POST", "/api/logs"): at("/api/logs", json=ENTRY, status=202),
    ("POST", "/api/logs/"): at("/api/logs/", json=ENTRY, status=202),
    ("POST", "/api/batch-analysis"): at("/api/batch-analysis", json={"log_entries": [ENTRY]}, status=202),
    ("POST", "/api/batch-analysis/"): at("/api/batch-analysis/", json={"log_entries": [ENTRY]}, status=202),
    ("GET", "/api/v1/monitoring/health"): at("/api/v1/monitoring/health", status=503),  # nobody has looked yet
    ("GET", "/api/v1/me"): at("/api/v1/me", shows=True),
    ("POST", "/api/v1/session"): at("/api/v1/session", status=201, person_status=403),
    ("GET", "/api/v1/keys"): at("/api/v1/keys", shows=True),
    ("POST", "/api/v1/keys"): at("/api/v1/keys", json={"scopes": ["read"]}, status=201),
    ("DELETE", "/api/v1/keys/{key_id}"): about(lambda of: Call(f"/api/v1/keys/{of.key().id}"), status=204),
    ("POST", "/api/v1/keys/{key_id}/signing-secret"): about(
        lambda of: Call(f"/api/v1/keys/{of.key(signed=True).id}/signing-secret")
    ),
    ("GET", "/api/v1/members"): at("/api/v1/members", shows=True),
    ("POST", "/api/v1/members"): Example(
        lambda _: Call("/api/v1/members", {"subject": f"new-{next(_numbers)}", "role": "viewer"}), status=201
    ),
    ("PUT", "/api/v1/members/{member_id}"): about(
        lambda of: Call(f"/api/v1/members/{of.member()}", {"role": "member"}), shows=True
    ),
    ("DELETE", "/api/v1/members/{member_id}"): about(lambda of: Call(f"/api/v1/members/{of.member()}"), status=204),
    ("GET", "/api/v1/project"): at("/api/v1/project", shows=True),
    ("PUT", "/api/v1/project"): at("/api/v1/project", json={"retention_days": 31}, shows=True),
    ("GET", "/api/v1/audit"): at("/api/v1/audit"),
    ("GET", "/api/v1/sources"): at("/api/v1/sources", shows=True),
    ("PUT", "/api/v1/sources/{name:path}"): about(
        lambda of: Call(f"/api/v1/sources/cart/of/{of.name}", {"alarms_per_day": 5}), shows=True
    ),
    ("GET", "/api/v1/anomalies"): at("/api/v1/anomalies", shows=True),
    ("GET", "/api/v1/tasks"): at("/api/v1/tasks", shows=True),
    ("GET", "/api/v1/tasks/dead-letters"): at("/api/v1/tasks/dead-letters", shows=True),
    ("POST", "/api/v1/tasks/dead-letters/{task_id}/replay"): about(
        lambda of: Call(f"/api/v1/tasks/dead-letters/{of.dead_letter()}/replay"), status=202
    ),
    ("DELETE", "/api/v1/tasks/dead-letters/{task_id}"): about(
        lambda of: Call(f"/api/v1/tasks/dead-letters/{of.dead_letter()}"), status=204
    ),
    ("GET", "/api/v1/tasks/{task_id}"): about(lambda of: Call(f"/api/v1/tasks/{of.dead_letter()}"), shows=True),
    ("GET", "/api/v1/tasks/status/{task_id}"): about(
        lambda of: Call(f"/api/v1/tasks/status/{of.dead_letter()}"), shows=True
    ),
    ("GET", "/api/task-status/{task_id}"): about(lambda of: Call(f"/api/task-status/{of.dead_letter()}"), shows=True),
    ("GET", "/api/task-status/{task_id}/"): about(lambda of: Call(f"/api/task-status/{of.dead_letter()}/"), shows=True),
    ("GET", "/api/v1/logs"): Example(
        lambda _: Call("/api/v1/logs"),
        shows=True,
        by_id=(lambda of: Call("/api/v1/logs", params={"replay": of.replay()}),),
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
