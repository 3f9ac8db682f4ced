"""Lines are sent in batches that a repeat does not double, to a server that may be slow to take them."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from oddline.cli.sending import BATCH_BYTES, BATCH_ENTRIES, TRIES, NotTaken, send, wait_until_scored
from oddline.errors import Unavailable

READY = {"ready": True, "status": "SUCCESS"}
WAITING = {"ready": False, "status": "STARTED"}


class Server(ThreadingHTTPServer):
    """Answers as it was told to, one answer after the other, and 202 when it was told no more."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any] | None] = []
        self.batches: list[list[dict[str, Any]]] = []
        self.keys: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:  # the name that the base class calls
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.batches.append([json.loads(line) for line in body.splitlines()])
        self.server.keys.append(self.headers["Idempotency-Key"])
        taken = {"task_id": f"t{len(self.server.batches)}", "accepted": len(self.server.batches[-1]), "refused": []}
        self._answer(202, taken)

    def do_GET(self) -> None:
        self._answer(200, READY)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self, usual_status: int, usual: Any) -> None:
        told = self.server.answers.pop(0) if self.server.answers else (usual_status, usual)
        if told is None:
            self.connection.close()
            return
        content = told[1].encode() if isinstance(told[1], str) else json.dumps(told[1]).encode()
        self.send_response(told[0])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=5, trust_env=False) as client:
        yield client


def entries(count: int, *, length: int = 1) -> list[dict[str, Any]]:
    return [{"message": "x" * length, "source": "app"} for _ in range(count)]


def test_a_batch_holds_a_thousand_entries_at_most(server: Server, client: httpx.Client) -> None:
    sent = list(send(client, entries(2 * BATCH_ENTRIES + 1), run="r"))

    assert [len(batch) for batch in server.batches] == [BATCH_ENTRIES, BATCH_ENTRIES, 1]
    assert [(one.task_id, one.accepted) for one in sent] == [("t1", 1_000), ("t2", 1_000), ("t3", 1)]


def test_long_entries_make_smaller_batches(server: Server, client: httpx.Client) -> None:
    list(send(client, entries(5, length=BATCH_BYTES // 4), run="r"))

    assert [len(batch) for batch in server.batches] == [2, 2, 1]


def test_an_entry_larger_than_a_batch_goes_alone(server: Server, client: httpx.Client) -> None:
    list(send(client, [*entries(1), *entries(1, length=BATCH_BYTES), *entries(1)], run="r"))

    assert [len(batch) for batch in server.batches] == [1, 1, 1]


def test_entries_arrive_whole_and_in_their_order(server: Server, client: httpx.Client) -> None:
    given = [{"message": f"línea {number}\n\tand more", "source": "app"} for number in range(BATCH_ENTRIES + 5)]

    list(send(client, given, run="r"))

    assert [entry for batch in server.batches for entry in batch] == given


def test_nothing_to_send_is_no_request(server: Server, client: httpx.Client) -> None:
    assert list(send(client, [], run="r")) == []
    assert server.batches == []


def test_the_same_sending_has_the_same_keys(server: Server, client: httpx.Client) -> None:
    list(send(client, entries(BATCH_ENTRIES + 1), run="r"))
    list(send(client, entries(BATCH_ENTRIES + 1), run="r"))

    assert server.keys[:2] == server.keys[2:]


def test_equal_batches_of_one_sending_have_keys_of_their_own(server: Server, client: httpx.Client) -> None:
    list(send(client, entries(2 * BATCH_ENTRIES), run="r"))

    assert len(set(server.keys)) == 2


def test_another_sending_has_other_keys(server: Server, client: httpx.Client) -> None:
    list(send(client, entries(1), run="r"))
    list(send(client, entries(1), run="s"))

    assert len(set(server.keys)) == 2


@pytest.mark.parametrize("answer", [(503, {"detail": "busy"}), (429, {}), (409, {}), (502, "<html>proxy</html>"), None])
def test_a_batch_that_was_not_taken_now_is_sent_again_with_its_key(
    server: Server, client: httpx.Client, answer: tuple[int, Any] | None
) -> None:
    server.answers = [answer]
    pauses: list[float] = []

    [sent] = send(client, entries(3), run="r", pause=pauses.append)

    assert sent.accepted == 3
    assert server.keys[0] == server.keys[1]
    assert pauses == [0.5]


def test_after_five_tries_with_growing_pauses_it_gives_up(server: Server, client: httpx.Client) -> None:
    server.answers = [(503, {"detail": "the database does not answer now"})] * TRIES
    pauses: list[float] = []

    with pytest.raises(Unavailable, match="503 the database does not answer now"):
        list(send(client, entries(1), run="r", pause=pauses.append))

    assert len(server.batches) == TRIES
    assert pauses == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (422, {"detail": "no entry can be taken"}, "422 no entry can be taken"),
        (401, {"detail": "the API key is unknown"}, "401 the API key is unknown"),
        (404, "not here", "404 not here"),
        (400, ["not", "ours"], "400"),
    ],
)
def test_what_is_refused_for_good_is_not_sent_again(
    server: Server, client: httpx.Client, status: int, answer: Any, why: str
) -> None:
    server.answers = [(status, answer)]

    with pytest.raises(NotTaken, match=why):
        list(send(client, entries(1), run="r"))

    assert len(server.batches) == 1


def test_refused_entries_are_told_beside_the_taken_ones(server: Server, client: httpx.Client) -> None:
    fault = {"index": 1, "detail": "entry 1: message is empty"}
    server.answers = [(202, {"task_id": "t", "accepted": 1, "refused": [fault]})]

    [sent] = send(client, entries(2), run="r")

    assert (sent.accepted, sent.refused) == (1, (fault,))


def test_waiting_outlasts_an_api_that_does_not_answer_for_a_moment(server: Server, client: httpx.Client) -> None:
    server.answers = [(200, WAITING), None, (503, {"detail": "busy"}), (200, READY)]

    assert wait_until_scored(client, ["t1", "t2"], patience_s=20) == [READY, READY]


def test_waiting_ends_with_patience(server: Server, client: httpx.Client) -> None:
    server.answers = [(200, WAITING)] * 3

    with pytest.raises(Unavailable, match="t1 is still STARTED after 0 s"):
        wait_until_scored(client, ["t1"], patience_s=0)


def test_waiting_for_what_may_not_be_seen_ends_at_once(server: Server, client: httpx.Client) -> None:
    server.answers = [(403, {"detail": "the key may not"})]

    with pytest.raises(NotTaken, match="403 the key may not"):
        wait_until_scored(client, ["t1"], patience_s=20)
