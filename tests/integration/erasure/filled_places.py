"""The values of a person, put into each place that a user or a fault can put them into."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import polars as pl
import zstandard
from erasing import ANOTHER_KEY, ISSUER, MAIL, NAME, compact, lines
from inbox import Inbox

from oddline import audit, submissions
from oddline.audit import Action, Actor
from oddline.encryption import Cipher
from oddline.fleet import hold
from oddline.identity import Scope, create_key, person_id, update_mail
from oddline.identity.model import Member, Role
from oddline.identity.store import insert_member
from oddline.notifications.store import record
from oddline.scoring.sequences import detect_sequences
from oddline.search import Embedder, embed_all
from oddline.submissions import new_id
from oddline.tasks import Queue, TaskContext, raise_alert
from oddline.tasks.sealing import seal, seal_text


def put_everywhere(inbox: Inbox, project: UUID, context: TaskContext) -> None:
    """Let the values stand in each place that a user or a fault can put them into."""
    worker = inbox.db("worker")
    with worker.transaction() as tx:
        update_mail(tx, project, recipients=[MAIL, "other@example.org"], minimum_score=0.0)
    create_key(worker, project=project, name=f"of {NAME}", key_id=new_id(), now=inbox.clock(), scopes=[Scope.READ])
    for number in (200, 25):
        inbox.submit(project, *lines(number))
        inbox.score()
    compact(inbox, later=timedelta(hours=2))
    compact(inbox, later=timedelta(days=1))  # into an object
    for number in (150, 10):
        inbox.submit(project, *lines(number))
        inbox.score()
    compact(inbox, later=timedelta(hours=2))  # into a row
    inbox.submit(project, *lines(120))
    inbox.score()
    until = inbox.clock() + timedelta(minutes=10)
    embed_all(db=worker, open_embedder=Embedder.load, clock=inbox.clock, until=until)
    detect_sequences(db=worker, objects=inbox.objects, now=inbox.clock, gap=timedelta(minutes=10))
    waiting(inbox, project, *lines(30), key=f"key:order of {NAME}")
    dead = waiting(inbox, project, *lines(5), body_object_bytes=10)
    with worker.transaction() as tx:
        tx.execute(
            "UPDATE submission_state SET state = 'dead', error = %s, failures = %s WHERE id = %s",
            [f"no {NAME}", json.dumps([{"attempt": 1, "error": f"no {NAME}"}]), dead],
        )
        put_into_feedback_and_sessions(tx, project)
        put_into_rows(tx, project)
        put_sealed(tx, project, cipher=context.settings.cipher())
        put_what_operators_see(tx, project)
    with inbox.db("console").transaction(project=project) as tx:
        put_members_and_schedules(tx, project, cipher=context.settings.cipher(), now=inbox.clock())
        put_file(tx, inbox, project)
    put_connection(inbox, project, cipher=context.settings.cipher())
    put_objects(inbox, project)


def waiting(inbox: Inbox, project: UUID, *items: dict[str, Any], key: str = "", body_object_bytes: int = 10**6) -> UUID:
    """Accept a submission that is not scored."""
    columns, _ = submissions.take_entries(items, now=inbox.clock())
    return submissions.accept(
        inbox.db("ingest"),
        project=project,
        columns=columns,
        answer=lambda _: {"refused": [{"detail": f"{NAME} is no time"}]},
        request_keys=[key] if key else [],
        body_hash=b"",
        now=inbox.clock(),
        objects=inbox.objects,
        body_object_bytes=body_object_bytes,
    ).submission


def put_into_feedback_and_sessions(tx: Any, project: UUID) -> None:
    note = [project, new_id(), f"said {NAME.lower()}", new_id()]
    tx.execute(
        "INSERT INTO feedback (project_id, id, pattern_id, verdict, note, key_id, since)"
        " VALUES (%s, %s, 1, 'expected', %s, %s, now())",
        note,
    )
    tx.execute(
        "INSERT INTO sequence_feedback (project_id, id, note, key_id, entry_id, source_id, grouping, key, steps,"
        " length, verdict, since) VALUES (%s, %s, %s, %s, gen_random_uuid(), 1, %s, '', '', 1, 'expected', now())",
        [*note, f"attribute:{NAME}"],
    )
    tx.execute(
        "INSERT INTO odd_entries SELECT (jsonb_populate_record(one, %s)).* FROM odd_entries one"
        " WHERE project_id = %s AND kind = 'anomaly' LIMIT 1",
        [json.dumps({"kind": "sequence"}), project],
    )
    tx.execute(
        "INSERT INTO odd_sequences (project_id, entry_id, kind, source_id, grouping, key, steps)"
        " SELECT project_id, id, kind, source_id, %s, '', '' FROM odd_entries"
        " WHERE project_id = %s AND kind = 'sequence'",
        [f"attribute:{NAME}", project],
    )
    tx.execute(
        "INSERT INTO sequence_sources (project_id, source_id, grouping, sessions, training) VALUES (%s, 1, %s, 1, '')",
        [project, f"attribute:{NAME}"],
    )


def put_into_rows(tx: Any, project: UUID) -> None:
    tx.execute("UPDATE sources SET session_attribute = %s WHERE project_id = %s AND id = 1", [NAME, project])
    tx.execute(
        "INSERT INTO deliveries (id, project_id, task_id, channel, recipients, state, detail, created_at)"
        " VALUES (gen_random_uuid(), %s, %s, 'email', %s, 'failed', %s, now())",
        [project, new_id(), [MAIL], f"550 no {MAIL} here"],
    )
    tx.execute(
        "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at)"
        " VALUES (%s, %s, 'send_email', 'notifications', %s, 'FAILURE', %s, now())",
        [new_id(), project, json.dumps({"recipients": [MAIL], "text": NAME}), f"{NAME}: refused"],
    )
    tx.execute("INSERT INTO health_checks VALUES ('mail', false, %s, now())", [f"{MAIL} bounced"])
    tx.execute(
        "INSERT INTO masking_rules VALUES (%s, %s, '{}', '{}', %s, 'key:1', now())",
        [project, NAME, json.dumps([{"name": "own", "expression": NAME}])],
    )
    tx.execute(
        "INSERT INTO replays (id, project_id, model_version, source, time_from, time_to, created_at)"
        " VALUES (%s, %s, 'second', %s, now(), now(), now())",
        [new_id(), project, f"app of {NAME}"],
    )


def put_sealed(tx: Any, project: UUID, *, cipher: Cipher) -> None:
    """What is about people is encrypted, and what another key encrypted nobody can open."""
    mail = {"recipients": [MAIL, "bob@example.org"], "text": f"dear {NAME}", "n": 1}
    others = Cipher([ANOTHER_KEY]).encrypt(NAME.encode()).decode()
    for name, payload, error, failures in (
        ("mail", seal(mail, cipher), seal_text(f"no {MAIL} here", cipher), [{"attempt": 1, "error": NAME}]),
        ("of others", {"token": others}, None, []),
    ):
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, failures, created_at)"
            " VALUES (%s, %s, %s, 'notifications', %s, 'PENDING', %s, %s, now())",
            [new_id(), project, name, json.dumps(payload), error, json.dumps(failures)],
        )
    record(
        tx,
        project=project,
        task=new_id(),
        channel="email",
        recipients=[MAIL],
        state="failed",
        detail="550",
        cipher=cipher,
        at=datetime.now(UTC),
    )


def put_what_operators_see(tx: Any, project: UUID) -> None:
    for whose in (project, None):
        raise_alert(tx, kind="test", subject=f"of {NAME}", text=f"{MAIL}: no", now=datetime.now(UTC), project=whose)
    hold(tx, Queue.FILE_PROCESSING, by="command line", reason=f"{NAME} sent too much", now=datetime.now(UTC))


def put_members_and_schedules(tx: Any, project: UUID, *, cipher: Cipher, now: datetime) -> None:
    for subject, email in ((None, MAIL), (NAME, None), (None, "other@example.org")):
        member = Member(
            id=new_id(),
            issuer=ISSUER,
            subject=subject,
            email=email,
            role=Role.MEMBER,
            created_at=now,
            last_seen_at=None,
        )
        assert insert_member(tx, member, project=project)
    for actor, name in (("key:1", NAME), ("key:2", "somebody else"), (f"person:{person_id(ISSUER, NAME)}", "X. Q.")):
        by = Actor(id=actor, cipher=cipher, name=name)
        audit.record(tx, project=project, by=by, action=Action.PROJECT_CHANGED, subject=f"project:{project}", now=now)
    by, subject = Actor(id="key:3", cipher=cipher), audit.source_subject(project, f"app of {NAME}")
    named = {"source": f"app of {NAME}"}
    audit.record(tx, project=project, by=by, action=Action.SOURCE_CHANGED, subject=subject, named=named, now=now)
    for name in (NAME, MAIL):
        schedule = new_id()
        tx.execute(
            "INSERT INTO schedules (id, project_id, name, task, payload, expression, timezone, catch_up, state,"
            " starter, actor, created_at, changed_at) VALUES (%s, %s, %s, 'send_email', %s, 'rate(1 day)', 'UTC',"
            " 'none', 'paused', 'admin', 'key:1', clock_timestamp(), now())",
            [schedule, project, f"to {name}", json.dumps(seal({"text": name}, cipher))],
        )
        tx.execute(
            "INSERT INTO schedule_runs (schedule_id, project_id, planned, fired_at, outcome, detail)"
            " VALUES (%s, %s, now(), now(), 'refused', %s)",
            [schedule, project, f"no {name}"],
        )


def put_file(tx: Any, inbox: Inbox, project: UUID) -> None:
    """One whose name holds a value, and whose bytes do not: so it stays, with another name."""
    file = new_id()
    inbox.objects.put(f"files/{project}/{file}", b"nothing")
    tx.execute(
        "INSERT INTO files (project_id, id, name, source, state, size, object_key, created_at)"
        " VALUES (%s, %s, %s, 'app', 'processed', 7, %s, now())",
        [project, file, f"{NAME}.log", f"files/{project}/{file}"],
    )


def put_connection(inbox: Inbox, project: UUID, *, cipher: Cipher) -> None:
    connection, held = new_id(), json.dumps({"of": NAME})
    with inbox.db("console").transaction(project=project) as tx:
        tx.execute(
            "INSERT INTO connections (id, project_id, name, type, source, configuration, credentials, interval_s,"
            " since, state, not_before, created_at, changed_at) VALUES (%s, %s, %s, 'http', %s, %s, %s, 30, now(),"
            " 'paused', now(), now(), now())",
            [connection, project, NAME, NAME, held, cipher.encrypt(held.encode()).decode()],
        )
        tx.execute("UPDATE connections SET cursor = %s, last_error = %s WHERE id = %s", [held, NAME, connection])
    with inbox.db("worker").transaction() as tx:
        tx.execute(
            "INSERT INTO connection_objects (id, connection_id, project_id, key, etag, size, modified_at, not_before,"
            " last_error) VALUES (%s, %s, %s, %s, 'e', 1, now(), now(), %s)",
            [new_id(), connection, project, f"{NAME}.log", f"no {NAME}"],
        )


def put_objects(inbox: Inbox, project: UUID) -> None:
    """What a merge that was killed left, what was deleted once, a sidecar, an upload: all with the values."""
    packed, sink = zstandard.compress(NAME.encode()), BytesIO()
    pl.DataFrame({"name": [NAME]}).write_parquet(sink)
    for key in (f"chunks/{project}/2026-11-01/{new_id()}", f"replays/{project}/{new_id()}/{new_id()}"):
        inbox.objects.put(key, sink.getvalue())
    for key in (f"bodies/2026-11-01/{project}/{new_id()}", "uploads/app/today.log"):
        inbox.objects.put(key, packed)
    inbox.objects.put("uploads/app/yesterday.log", NAME.encode())
    inbox.objects.delete("uploads/app/yesterday.log")
