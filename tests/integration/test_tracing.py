"""A traced request reaches the X-Ray daemon: here a UDP listener that reads what the SDK sends."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from fastapi import APIRouter, FastAPI, Response
from starlette.testclient import TestClient
from tracing_daemon import Daemon

from functions.http.traced import Traced
from oddline.errors import DatabaseUnavailable, NotFound
from oddline.settings import Settings
from oddline.submissions import SCORE_WAITING
from oddline.tasks import Publisher
from oddline.tracing import (
    LAMBDA_HEADER,
    Tracer,
    mark,
    note,
    open_sampling_tracer,
    open_tracer,
    passed_on,
    span,
    work_of,
)

ROOT = Path(__file__).resolve().parents[2]
TRACE = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
HEADER = f"Root={TRACE};Parent={PARENT};Sampled=1"
W3C = f"00-5759e988bd862e3fe1be46a994272793-{PARENT}-01"
OTHER_W3C = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def tracer(daemon: Daemon) -> Iterator[Tracer]:
    tracer = Tracer("Oddline test")
    yield tracer
    tracer._emitter._socket.close()  # the SDK itself never does


@pytest.fixture
def client(tracer: Tracer) -> TestClient:
    router = APIRouter()

    @router.get("/{status}")
    def answer(status: int) -> Response:
        with span("look"):
            return Response(json.dumps(dict(passed_on())), status_code=status)

    app = FastAPI()
    app.include_router(router)
    app.add_middleware(Traced, tracer)
    return TestClient(app)


def bearing(**headers: str) -> Callable[[str], str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}.get


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Amzn-Trace-Id": HEADER},
        {"traceparent": W3C},
        {"X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678", "traceparent": W3C},
        {"X-Amzn-Trace-Id": HEADER, "traceparent": OTHER_W3C},
    ],
)
def test_a_request_continues_the_trace_of_the_header_that_names_a_parent(
    client: TestClient, daemon: Daemon, headers: dict[str, str]
) -> None:
    answer = client.get("/202", headers=headers)

    part, segment = daemon.receive(), daemon.receive()
    assert (segment["name"], segment["trace_id"], segment["parent_id"]) == ("Oddline test", TRACE, PARENT)
    assert segment["http"] == {"request": {"method": "GET", "url": "/{status}"}, "response": {"status": 202}}
    assert (part["name"], part["type"], part["parent_id"]) == ("look", "subsegment", segment["id"])
    assert answer.headers["X-Amzn-Trace-Id"] == f"Root={TRACE};Sampled=1"


def test_what_is_called_from_a_request_gets_both_headers_to_pass_on(client: TestClient, daemon: Daemon) -> None:
    given = client.get("/200", headers={"traceparent": W3C}).json()

    part = daemon.receive()
    assert given == {
        "X-Amzn-Trace-Id": f"Root={TRACE};Parent={part['id']};Sampled=1",
        "traceparent": f"00-5759e988bd862e3fe1be46a994272793-{part['id']}-01",
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678'; DROP TABLE"},
        {"X-Amzn-Trace-Id": "nonsense"},
        {"traceparent": "ff-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"},
        {"traceparent": W3C.upper()},
    ],
)
def test_a_request_without_a_header_that_can_be_read_begins_a_trace(
    client: TestClient, daemon: Daemon, headers: dict[str, str]
) -> None:
    client.get("/200", headers=headers)

    _, segment = daemon.receive(), daemon.receive()
    assert segment["trace_id"].startswith("1-")
    assert segment["trace_id"] not in str(headers)
    assert "parent_id" not in segment


@pytest.mark.parametrize(
    "headers",
    [{"X-Amzn-Trace-Id": HEADER[:-1] + "0"}, {"traceparent": W3C[:-1] + "0"}, {"X-Amzn-Trace-Id": "Sampled=0"}],
)
def test_what_the_caller_does_not_sample_is_not_sent_and_nobody_behind_it_samples_it(
    client: TestClient, daemon: Daemon, headers: dict[str, str]
) -> None:
    answer = client.get("/200", headers=headers)

    assert daemon.received() == []
    assert answer.json() == {"X-Amzn-Trace-Id": "Sampled=0"}
    assert "X-Amzn-Trace-Id" not in answer.headers


@pytest.mark.parametrize(("status", "mark"), [(404, "error"), (429, "throttle"), (503, "fault")])
def test_what_went_wrong_is_marked(client: TestClient, daemon: Daemon, status: int, mark: str) -> None:
    client.get(f"/{status}")

    _, segment = daemon.receive(), daemon.receive()
    assert segment[mark] is True


def test_on_lambda_a_request_is_part_of_the_functions_own_segment_and_names_its_callers_trace(
    client: TestClient, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LAMBDA_HEADER, HEADER)

    client.get("/200", headers={"traceparent": OTHER_W3C})

    part, segment = daemon.receive(), daemon.receive()
    assert (segment["type"], segment["trace_id"], segment["parent_id"]) == ("subsegment", TRACE, PARENT)
    assert (part["trace_id"], part["parent_id"]) == (TRACE, segment["id"])
    assert segment["metadata"]["default"]["caller"]["trace_id"] == "1-0af76519-16cd43dd8448eb211c80319c"


def test_on_lambda_only_lambda_decides_what_is_sampled(
    client: TestClient, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LAMBDA_HEADER, HEADER[:-1] + "0")

    client.get("/200", headers={"traceparent": W3C})

    assert daemon.received() == []


def test_parts_name_what_they_stand_in_and_each_is_sent_as_it_ends(tracer: Tracer, daemon: Daemon) -> None:
    with tracer.work(bearing(X_Amzn_Trace_Id=HEADER)):
        for _ in range(2):
            with span("claim"), span("mask"):
                note("entries", 7)
        sent = daemon.received()

    segment = daemon.receive()
    masks, claims = sent[::2], sent[1::2]
    assert [part["name"] for part in sent] == ["mask", "claim", "mask", "claim"]
    assert [mask["parent_id"] for mask in masks] == [claim["id"] for claim in claims]
    assert {claim["parent_id"] for claim in claims} == {segment["id"]}
    assert {part["trace_id"] for part in sent} == {TRACE}
    assert masks[0]["annotations"] == {"entries": 7}


@pytest.mark.parametrize(
    ("error", "marked"), [(NotFound("of somebody@example.org"), "error"), (KeyError("somebody"), "fault")]
)
def test_an_error_marks_the_parts_that_it_passes_and_tells_its_kind_alone(
    tracer: Tracer, daemon: Daemon, error: Exception, marked: str
) -> None:
    with pytest.raises(type(error)), tracer.work(bearing(X_Amzn_Trace_Id=HEADER)), span("load"):
        raise error

    for document in (daemon.receive(), daemon.receive()):
        assert document[marked] is True
        assert document["annotations"] == {"error": type(error).__name__}
        assert "somebody" not in json.dumps(document)


def test_a_failure_that_is_dealt_with_marks_where_it_was(tracer: Tracer, daemon: Daemon) -> None:
    with tracer.work(bearing(X_Amzn_Trace_Id=HEADER)), span("claim"):
        mark(DatabaseUnavailable("gone"))

    claim, segment = daemon.receive(), daemon.receive()
    assert claim["fault"] is True
    assert "fault" not in segment


def test_a_message_bears_where_it_was_enqueued_as_its_parent(tracer: Tracer, daemon: Daemon, redis_url: str) -> None:
    publisher = Publisher(redis_url)

    with tracer.work(bearing(X_Amzn_Trace_Id=HEADER)):
        publisher.wake(SCORE_WAITING)
    publisher.wake(SCORE_WAITING)

    publisher.close()
    with redis.Redis.from_url(redis_url) as client:
        untraced, traced = (json.loads(one)["headers"] for one in client.lrange("analysis", 0, -1))
    enqueued = daemon.receive()
    assert (enqueued["name"], enqueued["annotations"]) == ("enqueue", {"task": "score_waiting"})
    assert traced["X-Amzn-Trace-Id"] == f"Root={TRACE};Parent={enqueued['id']};Sampled=1"
    assert traced["traceparent"].split("-")[2] == enqueued["id"]
    assert not untraced.keys() & {"X-Amzn-Trace-Id", "traceparent"}


def test_a_redis_that_is_away_is_a_fault_of_the_enqueueing(tracer: Tracer, daemon: Daemon, closed_port: int) -> None:
    publisher = Publisher(f"redis://127.0.0.1:{closed_port}/0")

    with tracer.work(bearing(X_Amzn_Trace_Id=HEADER)):
        assert publisher.wake(SCORE_WAITING) is False

    assert daemon.receive()["fault"] is True


def test_there_is_no_tracer_unless_the_settings_ask_for_one() -> None:
    off = Settings(_env_file=None, tracing=False)  # type: ignore[call-arg]

    assert open_tracer("x", settings=off) is None
    assert open_sampling_tracer("x", settings=off) is None


def test_where_nobody_traces_marks_cost_nothing_and_make_nothing() -> None:
    assert span("mask") is span("model") is work_of(None, {}.get)
    assert passed_on() is passed_on()
    assert not passed_on()
    assert note("entries", 1) is None
    assert mark(KeyError()) is None


@pytest.mark.parametrize("entry_point", ["functions.ingest.app", "functions.schedules.app", "worker_image.worker.app"])
def test_where_nobody_traces_the_sdk_is_not_even_imported(entry_point: str) -> None:
    program = f"import sys, {entry_point}; print('aws_xray_sdk' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"
