"""All applications as they ship, over one database with something of everything in it, and a caller of each role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from functions.asgi import app
from functions.console.app import app as console
from functions.http import Parts
from functions.ingest.app import app as ingest
from functions.search.app import app as search
from oddline.database import Database
from oddline.identity import Scope, create_key, ensure_project
from oddline.local.valkey import ValkeyServer
from oddline.maintenance import check_health
from oddline.objects import FolderObjects
from oddline.patterns import Masker
from oddline.scoring import Encoder, Memories, Scorer, score_waiting
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher, WorkerClass, raise_alert, see_worker

NOW = datetime.now(UTC)  # for all of a run, so that the worker that was seen then is a live one to its end
APPS = {"ingest": ingest, "console": console, "search": search}
NOBODY, SESSION, OPERATOR = "nobody", "session", "operator"
ROLES = [NOBODY, *Scope, SESSION, OPERATOR]
PROJECT, OPERATORS = "fuzzed", "operating"
WORKER = "here:1"
NAMED = ["task_id", "key_id", "member_id", "schedule_id", "erasure_id", "feedback_id", "connection_id", "file_id"]
STANDING = {"queue": "notifications", "task": "send_email", "name": "cart/of/ada", "number": "1"}
MOST_FILES = 50  # whose upload is open at once; a project may have a hundred, and examples begin some of them

ENTRIES = [
    {"message": "kernel panic: out of memory", "severity": "FATAL", "source": "cart/of/ada", "attributes": {"at": 1}},
    *({"message": f"request {number} took {number} ms", "trace_id": f"{number:032x}"} for number in range(5)),
]
MAIL = {"recipients": ["oncall@example.org"], "subject": "Good morning", "text": "Look at the odd lines."}
CONNECTION = {"type": "http", "source": "feed", "configuration": {"url": "https://logs.example.org/"}}
DEAD_LETTER = (
    "INSERT INTO tasks (id, project_id, name, queue, payload, state, error, created_at)"
    " VALUES (%(id)s, %(project)s, 'cleanup_old_results', 'maintenance', '{}', 'FAILURE', 'refused', %(now)s)"
)


@dataclass(frozen=True, slots=True)
class World:
    """The applications, and what tests do beside them; `db` is the worker's view."""

    db: Database
    client: TestClient

    def headers_of(self, role: str) -> dict[str, str]:
        """Those of a new caller: whom one test revokes, no other needs."""
        if role == NOBODY:
            return {}
        name = OPERATORS if role == OPERATOR else PROJECT
        project = ensure_project(self.db, name, new_id=new_id(), now=NOW)
        scope = Scope(role) if role in set(Scope) else Scope.ADMIN
        key = create_key(self.db, project=project, name=role, key_id=new_id(), now=NOW, scopes=[scope])
        headers = {"X-API-Key": key.key}
        if role == SESSION:
            headers = {"Authorization": f"Bearer {self.ask(headers, 'POST', '/api/v1/session')['token']}"}
        return headers

    def something(self, parameter: str, role: str) -> str:
        """What a path's parameter may name in the role's project: a new thing, where it can be made."""
        if parameter in STANDING:
            return STANDING[parameter]
        ask = partial(self.ask, self.headers_of(OPERATOR if role == OPERATOR else Scope.ADMIN))
        if parameter == "task_id":
            return str(self.dead_letter(UUID(ask("GET", "/api/v1/me")["project"]["id"])))
        if parameter == "entry_id":
            return str(ask("GET", "/api/v1/anomalies")["anomalies"][0]["id"])
        if parameter in ("file_id", "log_file_id"):
            return self.file(ask)
        path, identifier, body = {
            "key_id": ("/api/v1/keys", "id", {"name": "signed", "signed": True, "days": 30}),
            "member_id": ("/api/v1/members", "id", {"email": f"{new_id()}@example.org", "role": "viewer"}),
            "schedule_id": (
                "/api/v1/schedules",
                "id",
                {"name": str(new_id()), "task": "send_email", "payload": MAIL, "expression": "rate(1 day)"},
            ),
            "connection_id": ("/api/v1/connections", "id", {"name": str(new_id()), **CONNECTION}),
            "erasure_id": ("/api/v1/erasures", "erasure_id", {"values": [str(new_id())], "reason": "request 1"}),
            "feedback_id": ("/api/v1/feedback", "id", {"pattern_id": 1, "verdict": "confirmed"}),
        }[parameter]
        return str(ask("POST", path, body)[identifier])

    def file(self, ask: Callable[..., Any]) -> str:
        """One whose upload has begun; what was begun long before is given up."""
        opened = ask("GET", "/api/v1/files?state=uploading&limit=1000")["files"]
        for one in opened[MOST_FILES:]:
            ask("DELETE", f"/api/v1/files/{one['file_id']}")
        return str(ask("POST", "/api/v1/files", {"name": "app.log"})["file_id"])

    def dead_letter(self, project: UUID) -> UUID:
        """A task that failed for good."""
        made = new_id()
        with self.db.transaction() as tx:
            tx.execute(DEAD_LETTER, {"id": made, "project": project, "now": NOW})
        return made

    def ask(self, headers: dict[str, str], method: str, path: str, json: Any = None) -> Any:
        """What is answered to a request with which nothing is wrong."""
        answer = self.client.request(method, path, json=json, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="session")
def world(
    clusters: Callable[[int], Any], valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Has the shipped applications work on a database of this run."""
    folder = tmp_path_factory.mktemp("fuzz")
    cluster = clusters(18)
    urls = cluster.create()
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        home=folder,
        redis_url=valkey.url,
        operator_project=OPERATORS,
        oidc_issuer="https://login.example.org",  # whose people can be let in; nobody signs in
    )
    publisher, objects = Publisher(valkey.url), FolderObjects(folder)
    databases = {side: Database(urls[side], size=4) for side in (*APPS, "worker")}
    with pytest.MonkeyPatch.context() as patch:
        for side, shipped in APPS.items():
            parts = Parts(
                settings=settings, db=databases[side], publisher=publisher, objects=objects, clock=lambda: NOW
            )
            patch.setitem(shipped.state._state, "parts", lambda parts=parts: parts)
        world = World(databases["worker"], TestClient(app, raise_server_exceptions=False))
        fill(world, objects=objects, settings=settings)
        yield world
    publisher.close()
    for database in databases.values():
        database.close()
    cluster.drop(urls)


def fill(world: World, *, objects: FolderObjects, settings: Settings) -> None:
    """Something for each list to show."""
    for role in (Scope.ADMIN, OPERATOR):
        ask = partial(world.ask, world.headers_of(role))
        ask("POST", "/api/v1/logs/batch", ENTRIES)
        score(world.db, objects)
        ask("POST", "/api/v1/tasks", {"name": "send_email", "payload": MAIL})
        for parameter in NAMED:
            world.something(parameter, role)
        project = UUID(ask("GET", "/api/v1/me")["project"]["id"])
        with world.db.transaction() as tx:
            raise_alert(tx, kind="dead_task", subject="cleanup_old_results", text="it failed", now=NOW, project=project)
    ask("POST", "/api/v1/queues/notifications/hold", {"reason": "the mail server is down"})
    ask("PUT", "/api/v1/rate-limits/send_email", {"rate": "10/m"})
    with world.db.transaction() as tx:
        see_worker(tx, WORKER, classes=list(WorkerClass), started_at=NOW, now=NOW)
    check_health(world.db, objects=objects, settings=settings, now=NOW)


def score(db: Database, objects: FolderObjects) -> None:
    encoder = Encoder.load()
    scorer = Scorer(encoder=encoder, masker=Masker(), memories=Memories(encoder))
    lease = timedelta(seconds=30)
    score_waiting(db=db, objects=objects, scorer=scorer, worker=WORKER, lease=lease, now=lambda: NOW)
