"""A tenant that has one of everything, as many as are asked for, and how to tell whether any of it has changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from scheduling import MAIL

from oddline import audit
from oddline.database import Database, Transaction
from oddline.identity import NewKey, create_key
from oddline.objects import ObjectStore
from oddline.redaction import seal_values
from oddline.settings import Settings
from oddline.submissions import new_id, new_submission_id

ENCRYPTION_KEYS = "a key of the tests"
CIPHER = Settings(encryption_keys=ENCRYPTION_KEYS).cipher()

numbers = count(1)
"""For what must differ each time."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project in which everything that has a text holds the word `name`."""

    id: UUID
    name: str
    entry: UUID  # scored, and odd
    pattern: int
    db: Database  # as the owner
    objects: ObjectStore

    def task(self, state: str) -> UUID:
        return self._insert(
            "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at, not_before)"
            " VALUES (%(id)s, %(project)s, 'cleanup_old_results', 'maintenance', '{}', %(state)s, %(name)s, %(now)s,"
            " %(now)s + interval '1 day')",
            state=state,
        )

    def search(self) -> UUID:
        return self._insert(
            "INSERT INTO tasks (id, project_id, name, queue, payload, created_at)"
            " VALUES (%(id)s, %(project)s, 'search_entries', 'data_analysis', '{}', %(now)s)"
        )

    def dead_letter(self) -> UUID:
        return self.task("FAILURE")

    def alert(self) -> UUID:
        return self._insert(
            "INSERT INTO system_alerts (project_id, kind, subject, text, first_at, last_at, sent_at)"
            " VALUES (%(project)s, 'test', %(name)s || %(number)s, %(name)s, %(now)s, %(now)s, %(now)s)"
        )

    def schedule(self) -> UUID:
        schedule = self._insert(
            "INSERT INTO schedules (id, project_id, name, task, payload, expression, timezone, catch_up, state,"
            " starter, actor, created_at, changed_at)"
            " VALUES (%(id)s, %(project)s, %(name)s || %(number)s, 'send_email', %(mail)s, 'rate(1 day)', 'UTC',"
            " 'none', 'paused', 'admin', 'key:test', %(now)s, %(now)s)",
            mail=Jsonb(MAIL),
        )
        self._insert(
            "INSERT INTO schedule_runs (schedule_id, project_id, planned, fired_at, outcome, detail)"
            " VALUES (%(schedule)s, %(project)s, %(now)s, %(now)s, 'refused', %(name)s)",
            schedule=schedule,
        )
        return schedule

    def connection(self) -> UUID:
        connection = self._insert(
            "INSERT INTO connections (id, project_id, name, type, source, configuration, credentials, interval_s,"
            " since, state, not_before, created_at, changed_at) VALUES (%(id)s, %(project)s,"
            " %(name)s || %(number)s, 'http', 'feed', %(configuration)s, 'sealed', 30, %(now)s, 'paused', %(now)s,"
            " %(now)s, %(now)s)",
            configuration=Jsonb({"url": f"https://{self.name}.example.org/logs"}),
        )
        self._insert(
            "INSERT INTO connection_memories (connection_id, project_id, version, latest, hashes)"
            " VALUES (%(connection)s, %(project)s, 1, %(now)s, 'remembered')",
            connection=connection,
        )
        self._insert(
            "INSERT INTO connection_objects (id, connection_id, project_id, key, etag, size, modified_at, not_before,"
            " last_error) VALUES (%(id)s, %(connection)s, %(project)s, %(name)s, 'e', 1, %(now)s, %(now)s, %(name)s)",
            connection=connection,
        )
        return connection

    def masking(self) -> UUID:
        return self._insert(
            "INSERT INTO masking_rules (project_id, source, turned_on, turned_off, own, changed_by, changed_at)"
            " VALUES (%(project)s, '', '{}', '{}', jsonb_build_array(jsonb_build_object('name', %(name)s::text,"
            " 'expression', 'E-[0-9]{6}')), 'key:test', %(now)s) ON CONFLICT DO NOTHING"
        )

    def erasure(self) -> UUID:
        return self._insert(
            "INSERT INTO erasures (project_id, id, secret, ignore_case, reason, requested_by, requested_at, task_id,"
            " state) VALUES (%(project)s, %(id)s, %(secret)s, false, %(name)s, 'key:test', %(now)s, %(id)s, 'erased')",
            secret=seal_values(["somebody who was here"], CIPHER),
        )

    def deed(self) -> None:
        by = audit.Actor(id="key:test", cipher=CIPHER)
        with self.db.transaction() as tx:
            audit.record(
                tx, project=self.id, by=by, action=audit.Action.SOURCE_CHANGED, subject=f"source:{self.name}",
                now=datetime.now(UTC),
            )  # fmt: skip

    def holds_a_queue(self) -> None:
        self._insert(
            "INSERT INTO queue_holds (queue, held_at, held_by, reason) VALUES ('default', %(now)s, 'key:test', '')"
            " ON CONFLICT DO NOTHING"
        )

    def limits_a_task(self) -> None:
        self._insert(
            "INSERT INTO rate_limits (task, rate, set_at, set_by) VALUES ('send_email', '1/s', %(now)s, 'key:test')"
            " ON CONFLICT DO NOTHING"
        )

    def file(self) -> UUID:
        return self._insert(
            "INSERT INTO files (project_id, id, name, source, state, size, object_key, created_at)"
            " VALUES (%(project)s, %(id)s, %(name)s, %(name)s, 'uploaded', 1,"
            " 'files/' || %(project)s || '/' || %(number)s, %(now)s)"
        )

    def upload(self) -> UUID:
        """Of a file of one part, which is there."""
        key = f"files/{self.id}/{next(numbers)}"
        upload = self.objects.begin_upload(key, part_bytes=10)
        self.objects.put_part(key, b"x", upload=upload, number=1)
        return self._insert(
            "INSERT INTO files (project_id, id, name, source, state, size, part_bytes, upload, object_key, created_at)"
            " VALUES (%(project)s, %(id)s, %(name)s, %(name)s, 'uploading', 1, 10, %(upload)s, %(key)s, %(now)s)",
            upload=upload,
            key=key,
        )

    def entry_of_a_file(self) -> UUID:
        submission = new_submission_id()
        self._insert(
            "INSERT INTO file_parts (project_id, file_id, first_byte, end_byte, submission_id, entries, stored_at)"
            " VALUES (%(project)s, %(id)s, 0, 9, %(submission)s, 1, %(now)s)",
            submission=submission,
        )
        return submission

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

    def _insert(self, statement: str, **more: Any) -> UUID:
        made = new_id()
        values = {
            "id": made,
            "project": self.id,
            "name": self.name,
            "pattern": self.pattern,
            "number": str(next(numbers)),
            "now": datetime.now(UTC),
        }
        with self.db.transaction() as tx:
            tx.execute(statement, values | more)
        return made


def rows_of(tx: Transaction, *tenants: Tenant) -> dict[str, str]:
    """A digest of the tenants' rows in each table, but for when they were last used."""
    tables = tx.execute(
        "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        " AND (attname = 'project_id' OR relname = 'projects' AND attname = 'id') ORDER BY relname"
    ).fetchall()
    projects = ", ".join(f"'{tenant.id}'" for tenant in tenants)
    return _digests(tx, [f"{table} AS t WHERE {column} IN ({projects})" for table, column in tables])


def shared_rows(tx: Transaction) -> dict[str, str]:
    """A digest of what operators set for all projects."""
    return _digests(tx, [f"{table} AS t" for table in ("queue_holds", "rate_limits", "worker_restarts")])


def _digests(tx: Transaction, sources: Iterable[str]) -> dict[str, str]:
    selects = (
        f"SELECT '{source.partition(' ')[0]}', md5(string_agg(row, ' ' ORDER BY row)) FROM"
        f" (SELECT (to_jsonb(t) - 'last_used_at' - 'last_seen_at')::text AS row FROM {source}) AS r"
        for source in sources
    )
    return dict(tx.execute(" UNION ALL ".join(selects)).fetchall())
