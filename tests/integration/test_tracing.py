"""A traced request reaches the X-Ray daemon: here a UDP listener that reads what the SDK sends."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Response
from starlette.testclient import TestClient

from functions.http.traced import Traced
from oddline.settings import Settings
from oddline.tracing import LAMBDA_HEADER, Tracer, open_tracer

TRACE = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


@pytest.fixture(scope="module")
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        yield listener


@pytest.fixture(scope="module")
def tracer(daemon: socket.socket) -> Iterator[Tracer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
        tracer = Tracer("Oddline test")
    yield tracer
    tracer._emitter._socket.close()  # the SDK itself never does


@pytest.fixture
def client(tracer: Tracer) -> TestClient:
    router = APIRouter()

    @router.get("/{status}")
    def answer(status: int) -> Response:
        return Response(status_code=status)

    app = FastAPI()
    app.include_router(router)
    app.add_middleware(Traced, tracer)
    return TestClient(app)


def receive(daemon: socket.socket) -> dict[str, Any]:
    header, _, document = daemon.recv(65_536).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    segment: dict[str, Any] = json.loads(document)
    return segment


def test_a_request_continues_the_trace_of_its_header(client: TestClient, daemon: socket.socket) -> None:
    client.get("/202", headers={"X-Amzn-Trace-Id": f"Root={TRACE};Parent={PARENT};Sampled=1"})

    segment = receive(daemon)
    assert (segment["name"], segment["trace_id"], segment["parent_id"]) == ("Oddline test", TRACE, PARENT)
    assert segment["http"] == {"request": {"method": "GET", "url": "/202"}, "response": {"status": 202}}


def test_a_request_without_a_header_begins_a_trace(client: TestClient, daemon: socket.socket) -> None:
    client.get("/200")

    assert receive(daemon)["trace_id"].startswith("1-")


@pytest.mark.parametrize(("status", "mark"), [(404, "error"), (429, "throttle"), (503, "fault")])
def test_what_went_wrong_is_marked(client: TestClient, daemon: socket.socket, status: int, mark: str) -> None:
    client.get(f"/{status}")

    assert receive(daemon)[mark] is True


def test_on_lambda_a_request_is_part_of_the_functions_own_segment(
    client: TestClient, daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LAMBDA_HEADER, f"Root={TRACE};Parent={PARENT};Sampled=1")

    client.get("/200")

    segment = receive(daemon)
    assert (segment["type"], segment["trace_id"], segment["parent_id"]) == ("subsegment", TRACE, PARENT)


def test_there_is_no_tracer_unless_the_settings_ask_for_one() -> None:
    assert open_tracer("x", settings=Settings(tracing=False)) is None
