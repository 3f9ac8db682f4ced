"""The client sends in batches within the limits, each with a key, to an API that may be slow to take them."""

import base64
import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from answering_server import CUT, LOST, AnsweringServer, answering

from oddline.client import Client, Patience, Refused, Unavailable
from oddline.client.batches import BATCH_BYTES, MOST_ENTRIES, WIRE_BYTES, batches

LATE = 3_600


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the client kept."""
    return []


@pytest.fixture
def client(server: AnsweringServer, pauses: list[float]) -> Iterator[Client]:
    patience = Patience(draw=lambda _least, most: most)
    with Client(server.url, "key", timeout_s=5, patience=patience, pause=pauses.append) as client:
        yield client


def entries(count: int, *, length: int = 1) -> list[dict[str, Any]]:
    return [{"message": "x" * length, "source": "app"} for _ in range(count)]


def test_a_batch_holds_ten_thousand_entries_at_most(server: AnsweringServer, client: Client) -> None:
    sent = client.send(entries(2 * MOST_ENTRIES + 1))

    assert [len(batch) for batch in server.batches] == [MOST_ENTRIES, MOST_ENTRIES, 1]
    assert (sent.task_ids, sent.accepted, sent.refused) == (("t1", "t2", "t3"), 2 * MOST_ENTRIES + 1, ())


def test_long_entries_make_smaller_batches(server: AnsweringServer, client: Client) -> None:
    client.send(entries(5, length=int(BATCH_BYTES / 2.1)))

    assert [len(batch) for batch in server.batches] == [2, 2, 1]


def test_no_batch_is_over_what_a_request_takes_however_badly_it_packs() -> None:
    noise = base64.b85encode(random.Random(1).randbytes(4_000_000)).decode()
    messages = [noise[at : at + 250_000] for at in range(0, len(noise), 250_000)]

    bodies = [batch.body for batch in batches({"message": message} for message in messages)]

    assert max(map(len, bodies)) <= WIRE_BYTES
    assert sum(gzip.decompress(body).count(b"message") for body in bodies) == len(messages)


def test_an_entry_larger_than_a_batch_goes_alone(server: AnsweringServer, client: Client) -> None:
    client.send([*entries(1), *entries(1, length=BATCH_BYTES), *entries(1)])

    assert [len(batch) for batch in server.batches] == [1, 1, 1]


def test_entries_arrive_whole_and_in_their_order(server: AnsweringServer, client: Client) -> None:
    given = [{"message": f"línea {number}\n\tand more", "source": "app"} for number in range(1_005)]

    client.send(given, most_entries=1_000)

    assert [entry for batch in server.batches for entry in batch] == given


def test_entries_without_end_are_sent_as_they_come(server: AnsweringServer, client: Client) -> None:
    def endless() -> Iterator[dict[str, Any]]:
        while True:
            yield {"message": "again"}

    sending = client.sending(endless(), most_entries=10)

    assert [next(sending).accepted for _ in range(3)] == [10, 10, 10]
    assert len(server.batches) == 3


def test_an_entry_that_is_no_json_is_refused_by_its_place_and_the_others_are_sent(
    server: AnsweringServer, client: Client
) -> None:
    ring: list[Any] = []
    ring.append(ring)

    sent = client.send([*entries(1), {"message": "a", "ratio": float("nan")}, {"message": ring}, *entries(1)])

    assert sent.accepted == 2
    assert [(refusal.index, refusal.code) for refusal in sent.refused] == [(1, "no-json"), (2, "no-json")]


def test_an_entry_that_is_larger_than_any_request_is_refused_by_its_place(
    server: AnsweringServer, client: Client
) -> None:
    sent = client.send([*entries(1), *entries(1, length=33 * 1024 * 1024), *entries(1)])

    assert [(refusal.index, refusal.code) for refusal in sent.refused] == [(1, "too-large")]
    assert (sent.accepted, [len(batch) for batch in server.batches]) == (2, [1, 1])


def test_the_apis_refusals_are_told_in_the_numbers_of_the_caller(server: AnsweringServer, client: Client) -> None:
    fault = {"index": 1, "field": "message", "code": "blank", "detail": "the message is blank"}
    taken = {"task_id": "t", "accepted": 1, "refused": [fault]}
    server.told = [(202, taken), (202, taken), (422, {"code": "invalid-entries", "errors": [fault | {"index": 0}]})]
    ring: dict[str, Any] = {}
    ring["ring"] = ring

    sent = client.send([ring, *entries(5)], most_entries=2)

    assert [refusal.index for refusal in sent.refused] == [0, 2, 4, 5]
    assert (sent.accepted, sent.task_ids) == (2, ("t", "t"))


def test_times_are_sent_as_rfc_3339_and_other_objects_as_text(server: AnsweringServer, client: Client) -> None:
    moment = datetime(2026, 11, 5, 8, 15, 30, tzinfo=UTC)

    client.send([{"message": "línea", "timestamp": moment, "attributes": {"path": Path("/tmp/x")}}])

    [[entry]] = server.batches
    assert entry == {
        "message": "línea", "timestamp": "2026-11-05T08:15:30+00:00", "attributes": {"path": "/tmp/x"},
    }  # fmt: skip


def test_nothing_to_send_is_no_request(server: AnsweringServer, client: Client) -> None:
    assert client.send([]).task_ids == ()
    assert server.requests == []


def test_the_same_run_has_the_same_keys_and_another_sending_others(server: AnsweringServer, client: Client) -> None:
    for run in ("r", "r", "s", None, None):
        client.send(entries(4), run=run, most_entries=2)  # two equal batches

    keys = server.keys
    assert keys[:2] == keys[2:4]
    assert len(set(keys)) == 2 * 4


@pytest.mark.parametrize(
    "told", [(503, {"detail": "busy"}), (500, {}), (429, {}), (409, {}), (502, b"<html>proxy</html>"), CUT, LOST]
)
def test_what_was_not_taken_now_is_sent_again_with_its_key(
    server: AnsweringServer, client: Client, pauses: list[float], told: Any
) -> None:
    server.told = [told]

    sent = client.send(entries(3))

    assert sent.accepted == 3
    assert len(set(server.keys)) == 1
    assert pauses == [0.5]


def test_a_pause_is_drawn_from_all_up_to_a_bound_that_doubles_to_its_most() -> None:
    drawn: list[tuple[float, float]] = []

    def draw(least: float, most: float) -> float:
        drawn.append((least, most))
        return 0.0

    for attempt in range(8):
        Patience(draw=draw).pause(attempt, retry_after_s=None)

    assert drawn == [(0.0, most) for most in (0.5, 1, 2, 4, 8, 16, 20, 20)]


def test_after_its_last_try_it_gives_up_and_tells_what_was_taken_before(
    server: AnsweringServer, client: Client, pauses: list[float]
) -> None:
    server.told = [(202, {"task_id": "t", "accepted": 2, "refused": []})]
    server.told += [(503, {"detail": "the database does not answer now"})] * 5

    with pytest.raises(Unavailable, match="503 the database does not answer now") as caught:
        client.send(entries(4), most_entries=2)

    assert caught.value.sent is not None
    assert (caught.value.sent.accepted, caught.value.sent.task_ids) == (2, ("t",))
    assert pauses == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("told", [(500, {}), (502, b"<html>proxy</html>"), (503, {"message": "busy"}), (504, {})])
def test_a_start_that_a_gateway_gave_up_may_have_been_done_and_is_not_made_again(
    server: AnsweringServer, client: Client, told: Any
) -> None:
    server.told = [told]

    with pytest.raises(Unavailable, match=f"{told[0]} "):
        client.start("send_email")

    assert len(server.requests) == 1


def test_a_pause_is_as_long_as_the_api_asks_for(server: AnsweringServer, client: Client, pauses: list[float]) -> None:
    server.told = [(429, {}, {"Retry-After": "7"}), (503, {}, {"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"})]

    client.send(entries(1))

    assert pauses == [7.5, 1.0]


def test_what_asks_for_more_time_than_that_is_left_to_the_caller(server: AnsweringServer, client: Client) -> None:
    server.told = [(429, {"detail": "the quota of the day is used up"}, {"Retry-After": str(LATE)})]

    with pytest.raises(Unavailable, match="the quota of the day") as caught:
        client.send(entries(1))

    assert caught.value.retry_after_s == LATE


@pytest.mark.parametrize(
    ("status", "answer", "why", "code"),
    [
        (422, {"code": "key-reused", "detail": "the key came before"}, "422 the key came", "key-reused"),
        (401, {"code": "unauthenticated", "detail": "the API key is unknown"}, "401 the API key", "unauthenticated"),
        (404, b"not here", "404 not here", ""),
        (302, b"elsewhere", "302 elsewhere", ""),
        (400, ["not", "ours"], "400", ""),
        (202, b"<html>a portal</html>", "no JSON", ""),
    ],
)  # fmt: skip
def test_what_is_refused_for_good_is_not_sent_again(
    server: AnsweringServer, client: Client, status: int, answer: Any, why: str, code: str
) -> None:
    server.told = [(status, answer)]

    with pytest.raises(Refused, match=why) as caught:
        client.send(entries(1))

    assert (caught.value.status, caught.value.code, len(server.requests)) == (status, code, 1)


def test_an_api_that_is_not_there_is_tried_and_then_said_to_be_away(closed_port: int) -> None:
    pauses: list[float] = []
    client = Client(f"http://127.0.0.1:{closed_port}", "key", pause=pauses.append)

    with pytest.raises(Unavailable, match=f"127.0.0.1:{closed_port} does not answer: .*refused"):
        client.log("hello")

    assert len(pauses) == 4


def test_waiting_for_what_may_not_be_seen_ends_at_once(server: AnsweringServer, client: Client) -> None:
    server.told = [(403, {"detail": "the key may not"})]

    with pytest.raises(Refused, match="403 the key may not"):
        client.wait("t1", timeout_s=20)


def test_one_entry_is_sent_with_its_fields_and_a_key(server: AnsweringServer, client: Client) -> None:
    server.told = [CUT]

    receipt = client.log("disk full", severity="error", source="db", attributes={"disk": "sda"})

    [request] = server.requests
    assert json.loads(request.body) == {
        "message": "disk full", "severity": "error", "source": "db", "attributes": {"disk": "sda"},
    }  # fmt: skip
    assert (request.headers["X-API-Key"], len(request.headers["Idempotency-Key"])) == ("key", 32)
    assert (receipt.id, receipt.task_id) == ("e", "t1")
