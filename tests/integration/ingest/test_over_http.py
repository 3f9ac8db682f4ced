"""What HTTP lets clients do between their bytes and ours: bodies without a length, bodies that wait to be asked for."""

import http.client
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from ingesting import Stored

from oddline.identity import NewKey
from oddline.settings import Side

pytestmark = pytest.mark.usefixtures("emptied_inbox")

OTLP, LOKI, BATCH = "/v1/logs", "/loki/api/v1/push", "/api/v1/logs/batch"
RECORD = {"timeUnixNano": "1762330530123456789", "body": {"stringValue": "one"}}
EXPORT = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [RECORD]}]}]}).encode()
PUSH = json.dumps({"streams": [{"stream": {"app": "a"}, "values": [["1762330530123456789", "one"]]}]}).encode()
LINES = b'{"message": "one"}\r\n'

Ask = Callable[..., http.client.HTTPResponse]


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    """One database for all cases."""
    return module_database_urls


@pytest.fixture
def headers(make_key: Callable[..., NewKey]) -> dict[str, str]:
    """Those of whoever may send JSON."""
    return {"X-API-Key": make_key().key, "Content-Type": "application/json"}


@pytest.fixture
def ask(url: str, headers: dict[str, str]) -> Ask:
    """Sends a request and reads the answer."""

    def send(method: str, path: str, body: Any = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.request(method, path, body, headers, encode_chunked=True)
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return answer

    return send


@pytest.mark.parametrize(("path", "body", "status"), [(OTLP, EXPORT, 200), (LOKI, PUSH, 204), (BATCH, LINES, 202)])
def test_a_body_without_a_length_is_taken_piece_by_piece(
    ask: Ask, stored: Callable[[], list[Stored]], path: str, body: bytes, status: int
) -> None:
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))

    assert ask("POST", path, pieces).status == status
    assert [one.columns.messages for one in stored()] == [["one"]]


def test_a_body_without_a_length_ends_at_the_limit(ask: Ask, stored: Callable[[], list[Stored]]) -> None:
    pieces = (b" " * 65_536 for _ in range(65))

    assert ask("POST", BATCH, pieces).status == 413
    assert stored() == []


def test_a_body_that_waits_to_be_asked_for_is_asked_for(
    url: str, headers: dict[str, str], stored: Callable[[], list[Stored]]
) -> None:
    """As curl sends what is over a megabyte."""
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {OTLP} HTTP/1.1\r\nHost: a\r\n{told}Content-Length: {len(EXPORT)}\r\nExpect: 100-continue\r\n\r\n"

    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30) as connection:
        connection.sendall(head.encode())
        asked = connection.recv(1024)
        connection.sendall(EXPORT)
        answer = connection.recv(65_536)

    assert asked.startswith(b"HTTP/1.1 100 Continue")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert [one.columns.messages for one in stored()] == [["one"]]


@pytest.mark.parametrize("path", [OTLP, LOKI, BATCH])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "PUT"])
def test_another_method_is_told_that_there_is_post(ask: Ask, path: str, method: str) -> None:
    answer = ask(method, path)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
