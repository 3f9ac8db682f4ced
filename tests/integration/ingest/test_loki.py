"""Loki's push: labels and lines find their place, and each answer has the form that Loki's clients expect."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
import orjson
import pytest
import zstandard
from ingesting import Stored
from starlette.testclient import TestClient

from oddline.identity import NewKey
from oddline.settings import Side

pytestmark = pytest.mark.usefixtures("emptied_inbox")

PATH = "/loki/api/v1/push"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
AT = 1_762_330_530_123_456_789
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

Read = Callable[[], list[Stored]]
Value = tuple[int, str, dict[str, str]]


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    """One database for all cases."""
    return module_database_urls


@pytest.fixture(params=[PROTOBUF, JSON])
def form(request: pytest.FixtureRequest) -> str:
    """Each of the protocol's forms."""
    return str(request.param)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protobuf message."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def pushed(labels: str, *values: Value) -> bytes:
    """A request of one stream in protobuf, before snappy."""
    entries = []
    for at, line, metadata in values:
        time = field(1, at // 10**9) + field(2, at % 10**9)
        pairs = [field(3, field(1, name.encode()) + field(2, value.encode())) for name, value in metadata.items()]
        entries.append(field(2, field(1, time) + field(2, line.encode()) + b"".join(pairs)))
    return field(1, field(1, labels.encode()) + b"".join(entries))


def body_of(labels: dict[str, str], *values: Value, form: str) -> bytes:
    if form == JSON:
        given = [[str(at), line, metadata] if metadata else [str(at), line] for at, line, metadata in values]
        return json.dumps({"streams": [{"stream": labels, "values": given}]}).encode()
    text = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    return packed(pushed(f"{{{text}}}", *values))


def packed(plain: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(plain))


def raw_deflate(plain: bytes) -> bytes:
    """Without zlib's frame, as Loki reads it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush()


def push(client: TestClient, body: bytes, form: str, **headers: str) -> Any:
    return client.post(PATH, content=body, headers={"Content-Type": form} | headers)


def test_labels_and_metadata_find_their_places(client: TestClient, stored: Read, form: str) -> None:
    labels = {"service_name": "cart", "env": 'a "b"\n\\ü', "level": "info"}
    metadata = {"trace_id": TRACE, "span_id": "00f067aa0ba902b7", "order": "7", "env": "prod", "level": "warning"}

    answer = push(client, body_of(labels, (AT, "one", metadata), (AT + 1_000, "two", {}), form=form), form)

    assert (answer.status_code, answer.content) == (204, b"")
    columns = stored()[0].columns
    assert (columns.messages, columns.sources) == (["one", "two"], ["cart", "cart"])
    assert columns.timestamps == [AT // 1000, AT // 1000 + 1]
    assert (columns.severity_numbers, columns.severity_texts) == ([13, 9], ["WARN", "INFO"])
    assert (columns.trace_ids, columns.span_ids) == ([TRACE, ""], ["00f067aa0ba902b7", ""])
    own = {"trace_id": TRACE, "span_id": "00f067aa0ba902b7", "order": "7"}
    beside = {"env_extracted": "prod", "level_extracted": "warning"}
    assert [orjson.loads(text) for text in columns.attributes] == [labels | own | beside, labels]


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        ({"job": "varlogs", "app": "cart", "container": "c"}, "cart"),
        ({"job": "varlogs", "filename": "/var/log/syslog"}, "varlogs"),
        ({"app": " ", "job": "j" * 300}, "j" * 200),
        ({"env": "prod"}, "default"),
        ({}, "default"),
    ],
)
def test_a_label_names_the_source(client: TestClient, stored: Read, form: str, labels: Any, source: str) -> None:
    answer = push(client, body_of(labels, (AT, "one", {}), form=form), form)

    assert (answer.status_code, stored()[0].columns.sources) == (204, [source])


def test_labels_that_are_no_texts_are_kept_as_they_are(client: TestClient, stored: Read) -> None:
    labels = {"app": 7, "zone": {"name": "a"}, "level": None}

    answer = push(client, json.dumps({"streams": [{"stream": labels, "values": [[str(AT), "one"]]}]}).encode(), JSON)

    columns = stored()[0].columns
    assert (answer.status_code, columns.sources, columns.severity_numbers) == (204, ["default"], [0])
    assert orjson.loads(columns.attributes[0]) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("{}", {}),
        (r'{ a = "b" , c="d",}', {"a": "b", "c": "d"}),
        (r'{a="\"\\\n\t\x41\u00fc\U0001f389\101\xc3\xbc"}', {"a": '"\\\n\tAü🎉Aü'}),
        (r'{a=`\n"`, "b.c"="d"}', {"a": '\\n"', "b.c": "d"}),
        (r'{a="\xff"}', {"a": "\ufffd", "replaced_characters": 1}),
    ],
)
def test_labels_are_read_as_go_writes_them(client: TestClient, stored: Read, text: str, labels: Any) -> None:
    answer = push(client, packed(pushed(text, (AT, "one", {}))), PROTOBUF)

    assert (answer.status_code, orjson.loads(stored()[0].columns.attributes[0] or "{}")) == (204, labels)


@pytest.mark.parametrize("text", ["", "{", "a=b", "{a=b}", '{a="b" c="d"}', '{a="b'])
def test_what_are_no_labels_is_refused(client: TestClient, stored: Read, text: str) -> None:
    answer = push(client, packed(pushed(text, (AT, "one", {}))), PROTOBUF)

    assert (answer.status_code, "is no set of labels" in answer.text, stored()) == (400, True, [])


def test_bytes_that_are_no_text_are_replaced_and_told(client: TestClient, stored: Read, form: str) -> None:
    plain = pushed('{app="a#"}', (AT, "a # b", {}))
    body = packed(plain.replace(b"#", b"\xff"))
    if form == JSON:
        body = body_of({"app": "a#"}, (AT, "a # b", {}), form=JSON).replace(b"#", b"\xff")

    answer = push(client, body, form)

    columns = stored()[0].columns
    assert (answer.status_code, columns.messages, columns.sources) == (204, ["a \ufffd b"], ["a\ufffd"])
    assert orjson.loads(columns.attributes[0]) == {"app": "a\ufffd", "replaced_characters": 3}


def test_what_cannot_be_taken_is_told_and_the_rest_is_stored(client: TestClient, stored: Read, form: str) -> None:
    values: list[Value] = [(AT, "one", {}), (AT, " \n", {}), (1, "long ago", {}), (AT, "two", {})]

    answer = push(client, body_of({"app": "a"}, *values, form=form), form)

    told = "1 refused, all others are stored; the first: entry 1: '1970-01-01T00:00:00.000000Z' is not between 1990 and"
    assert (answer.status_code, answer.text[: len(told)]) == (400, told)
    assert stored()[0].columns.messages == ["one", "two"]


def test_times_before_1970_are_refused_one_by_one_and_numbers_are_times(client: TestClient, stored: Read) -> None:
    values = [
        [str(-AT), "before"],
        [AT, "a number"],
        [str(AT), "later"],
        [str(AT - 1), "out of order"],
        [str(AT), "later"],
    ]

    answer = push(client, json.dumps({"streams": [{"stream": {"app": "a"}, "values": values}]}).encode(), JSON)

    assert (answer.status_code, answer.text[:10]) == (400, "1 refused,")
    assert stored()[0].columns.messages == ["a number", "later", "out of order", "later"]


@pytest.mark.parametrize(
    ("encoding", "pack"), [("deflate", raw_deflate), ("deflate", zlib.compress), ("zstd", zstandard.compress)]
)
def test_json_is_taken_by_loki_s_other_encodings(
    client: TestClient, stored: Read, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = pack(body_of({"app": "a"}, (AT, "one", {}), form=JSON))

    answer = push(client, body, JSON, **{"Content-Encoding": encoding, "X-Scope-OrgID": "tenant-1"})

    assert (answer.status_code, stored()[0].columns.messages) == (204, ["one"])


def test_a_retry_stores_nothing_twice(client: TestClient, stored: Read, form: str) -> None:
    body = body_of({"app": "a"}, (AT, "one", {}), form=form)

    answers = [push(client, body, form).status_code for _ in range(2)]

    assert (answers, [one.columns.messages for one in stored()]) == ([204, 204], [["one"]])


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [(PROTOBUF, ""), (PROTOBUF, "snappy"), ("", ""), (f"{JSON}; charset=utf-8", ""), (JSON, "gzip")],
)
def test_it_is_read_as_its_headers_say(client: TestClient, stored: Read, content_type: str, encoding: str) -> None:
    body = body_of({"app": "a"}, (AT, "one", {}), form=JSON if JSON in content_type else PROTOBUF)
    sent = gzip.compress(body) if encoding == "gzip" else body

    answer = push(client, sent, content_type, **({"Content-Encoding": encoding} if encoding else {}))

    assert (answer.status_code, stored()[0].columns.messages) == (204, ["one"])


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"streams": {}}', {}, 400),
        (b'{"streams": [{"stream": {"app": "a"}}]}', {}, 400),
        (b'{"streams": [{"stream": {}, "values": [["now", "a"]]}]}', {}, 400),
        (b'{"streams": [{"stream": {}, "values": [["1"]]}]}', {}, 400),
        (b'{"streams": [{"stream": {}, "values": [["--1", "a"]]}]}', {}, 400),
        (b'{"streams": [{"stream": [], "values": [["1", "a"]]}]}', {}, 400),
        (b'{"streams": [{"stream": "", "values": []}]}', {}, 400),
        (b'{"streams": [{"stream": null, "values": [["1", "a", 0]]}]}', {}, 400),
        (b'{"streams": [{"stream": {}, "values": [["-", "a"]]}]}', {}, 400),
        (bytes(cramjam.snappy.compress(b"framed")), {"Content-Type": PROTOBUF}, 400),
        (b"no snappy", {"Content-Type": PROTOBUF}, 400),
        (packed(b"\xff\xff"), {"Content-Type": PROTOBUF}, 400),
        (varint(2**25 + 1) + b"\x00", {"Content-Type": PROTOBUF}, 413),
        (packed(field(1, field(1, b"{}")) * 20_001), {"Content-Type": PROTOBUF}, 413),
        (b"", {}, 400),
        (b"a", {"Content-Encoding": "br"}, 415),
        (b"{}", {"Authorization": "Bearer nobody"}, 401),
    ],
)
def test_what_is_refused_is_told_as_text(
    client: TestClient, stored: Read, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = push(client, body, JSON, **headers)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text.strip()
    assert stored() == []


def test_a_password_is_a_key(anonymous: TestClient, make_key: Callable[..., NewKey], stored: Read) -> None:
    body = body_of({"app": "a"}, (AT, "one", {}), form=JSON)

    answers = [
        anonymous.post(PATH, content=body, headers={"Content-Type": JSON}, auth=("10", password)).status_code
        for password in ("wrong", make_key().key)
    ]

    assert (answers, len(stored())) == ([401, 204], 1)


def test_a_small_request_whose_lines_share_much_is_refused_whole(client: TestClient, stored: Read, form: str) -> None:
    lines = [(AT, f"line {number}", {}) for number in range(1_000)]

    answer = push(client, body_of({"job": "j" * 40_000}, *lines, form=form), form)

    assert (answer.status_code, stored()) == (413, [])
    assert "labels" in answer.text
