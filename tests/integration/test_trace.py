"""One trace from a POST through the queue to the steps of the worker that scores it, as the X-Ray daemon gets it."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from inbox import Databases
from starlette.testclient import TestClient
from tracing_daemon import Daemon, Document
from worker_process import Worker, running_worker

from functions.http import Parts, new_app
from functions.http.traced import Traced
from functions.ingest.app import router
from functions.schedules import app as schedules
from oddline.identity import create_key
from oddline.local.schedule_runner import event
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher
from oddline.tracing import LAMBDA_HEADER, Tracer

TRACE = "1-5759e988-bd862e3fe1be46a994272793"
W3C = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
SECRET = "jane@example.org cannot pay"
PATIENCE_S = 60.0


@pytest.fixture
def client(db: Databases, redis_url: str, project: UUID, daemon: Daemon, tmp_path: Path) -> Iterator[TestClient]:
    """A client with a key, of the function that takes logs with tracing on."""
    publisher = Publisher(redis_url)
    settings = Settings(_env_file=None, home=tmp_path)  # type: ignore[call-arg]
    objects = FolderObjects(tmp_path / "objects")
    parts = Parts(settings=settings, db=db("ingest"), publisher=publisher, objects=objects)
    app, tracer = new_app(router, title="test", parts=lambda: parts), Tracer("Oddline: submitting logs")
    app.add_middleware(Traced, tracer)
    key = create_key(db("owner"), project=project, name="test", key_id=new_id(), now=datetime.now(UTC)).key
    yield TestClient(app, headers={"X-API-Key": key})
    publisher.close()
    tracer._emitter._socket.close()  # the SDK itself never does


@pytest.fixture
def worker(database_urls: dict[str, str], redis_url: str, daemon: Daemon, tmp_path: Path) -> Iterator[Worker]:
    """A worker of the scoring service with tracing and metrics on."""
    with running_worker(
        "worker_image.worker.app",
        home=tmp_path,
        database_url=database_urls["worker"],
        redis_url=redis_url,
        queues="analysis,batch_processing",
        ODDLINE_TRACING="true",
        ODDLINE_METRICS="Test",
    ) as worker:
        yield worker


def collect(daemon: Daemon, *, until: Callable[[list[Document]], bool]) -> list[Document]:
    """What the daemon gets of the trace until there is enough of it."""
    documents: list[Document] = []
    deadline = time.monotonic() + PATIENCE_S
    while not until(documents):
        assert time.monotonic() < deadline, documents
        document = daemon.receive()
        if document["trace_id"] == TRACE:
            documents.append(document)
    return documents


def named(documents: list[Document], name: str) -> list[Document]:
    return [document for document in documents if document["name"] == name]


def test_a_post_its_message_its_worker_and_the_steps_of_scoring_are_one_trace(
    client: TestClient, worker: Worker, daemon: Daemon, db: Databases
) -> None:
    worker.wait_for(lambda: classes_that_live(db))
    answer = client.post("/api/v1/logs", json={"message": SECRET, "source": "jane"}, headers={"traceparent": W3C})

    documents = collect(daemon, until=lambda found: bool(named(found, "Oddline worker")))

    assert answer.status_code == 202
    [post], [work] = named(documents, "Oddline: submitting logs"), named(documents, "Oddline worker")
    [enqueue] = [one for one in named(documents, "enqueue") if one["parent_id"] == post["id"]]
    claims = named(documents, "claim")
    assert post["parent_id"] in W3C
    assert work["parent_id"] == enqueue["id"]
    assert {claim["parent_id"] for claim in claims} == {work["id"]}
    assert [claim["annotations"] for claim in claims] == [
        {"submissions": 1, "entries": 1},
        {"submissions": 0, "entries": 0},
    ]
    steps = [one for one in documents if one["parent_id"] == claims[0]["id"]]
    assert [step["name"] for step in steps] == ["load", "mask", "model", "copy"]
    assert work["annotations"] == {"task": "score_waiting"}
    assert "jane" not in json.dumps(documents)


def test_a_worker_tells_the_class_that_it_serves_and_one_line_of_metrics_a_claim(
    client: TestClient, worker: Worker, db: Databases
) -> None:
    client.post("/api/v1/logs", json={"message": SECRET})

    worker.wait_for(lambda: emitted(worker))

    [line] = emitted(worker)
    assert (line["_aws"]["CloudWatchMetrics"][0]["Namespace"], line["Scored"]) == ("Test", 1)
    assert line["ScoringLatency"][0] > 0
    assert classes_that_live(db) == [(["scoring"],)]


def test_what_a_schedule_wakes_goes_on_with_the_trace_of_its_function(
    db: Databases, redis_url: str, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, tracer = Publisher(redis_url), Tracer("Oddline schedules")
    parts = Parts(Settings(), db("worker"), publisher, FolderObjects(tmp_path / "objects"))
    monkeypatch.setattr(schedules, "parts", lambda: parts)
    monkeypatch.setattr(schedules, "tracer", lambda: tracer)
    monkeypatch.setenv(LAMBDA_HEADER, f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1")

    schedules.HANDLERS["reconcile"](event("reconcile", at=datetime.now(UTC)), None)

    publisher.close()
    tracer._emitter._socket.close()
    documents = daemon.received()
    [function] = named(documents, "Oddline schedules")
    enqueued = {document["id"] for document in named(documents, "enqueue")}
    assert function["annotations"] == {"task": "reconcile"}
    assert {document["parent_id"] for document in named(documents, "enqueue")} == {function["id"]}
    with redis.Redis.from_url(redis_url) as client:
        [*messages] = map(json.loads, client.lrange("data_analysis", 0, -1))
    assert {message["headers"]["traceparent"].split("-")[2] for message in messages} == enqueued


def emitted(worker: Worker) -> list[dict[str, Any]]:
    """The lines of metrics in the worker's log, which CloudWatch finds there as they stand."""
    return [json.loads(line) for line in worker.log_file.read_text().splitlines() if line.startswith('{"_aws"')]


def classes_that_live(db: Databases) -> list[tuple[Any, ...]]:
    with db("worker").transaction() as tx:
        return tx.execute("SELECT classes FROM workers").fetchall()
