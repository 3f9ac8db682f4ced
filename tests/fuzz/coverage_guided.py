"""Search, guided by coverage, for bytes that a parser of ours breaks on: `python tests/fuzz/coverage_guided.py TARGET`.

What is found is kept as a test beside the parser's others; `make fuzz` runs each target for ten minutes. Options are
libFuzzer's (`-max_total_time=600`).
"""

import base64
import gzip
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import atheris

INSTRUMENTED = ["oddline.submissions", "oddline.patterns", "oddline.files", "functions.ingest", "functions.triggers"]

with atheris.instrument_imports(include=INSTRUMENTED):
    import functions.ingest.loki.from_protobuf
    import functions.ingest.otlp.from_protobuf  # noqa: F401  # which would be loaded later, and not watched
    from functions.ingest import loki, otlp
    from functions.ingest.shipping import Shipment
    from functions.triggers import log_events
    from oddline.errors import LineTooLong, NotText, OddlineError
    from oddline.files import read_entries
    from oddline.patterns import Masker, align
    from oddline.submissions import decode_batch, decode_single, take_entries, unpack_body
    from oddline.submissions.body import pack, unpack

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
ENCODINGS = ["", "gzip", "identity", "br"]
TYPES = ["application/json", "application/x-ndjson", "", "text/plain; charset=latin-1"]
MASKER = Masker(capacity=1_000_000)


def take_body(data: bytes) -> None:
    """A request is refused by an error of ours, or each entry is taken or told of, and comes back as it was."""
    pick = atheris.FuzzedDataProvider(data)
    encoding, content_type = pick.PickValueInList(ENCODINGS), pick.PickValueInList(TYPES)
    decode: Callable[..., list[object]] = decode_batch if pick.ConsumeBool() else decode_single
    with suppress(OddlineError):
        plain = unpack_body(pick.ConsumeBytes(pick.remaining_bytes()), content_encoding=encoding)
        items = decode(plain, content_type=content_type)
        columns, faults = take_entries(items, now=NOW)
        assert sorted([*columns.indices, *(fault.index for fault in faults)]) == list(range(len(items)))
        assert all("\0" not in message and message.strip() for message in columns.messages)
        if columns:
            assert unpack(pack(columns)) == columns


def mask(data: bytes) -> None:
    """A message has one pattern, which is its own pattern; cut at that pattern's tokens it is still whole."""
    message = atheris.FuzzedDataProvider(data).ConsumeUnicodeNoSurrogates(len(data))
    pattern = MASKER.mask(message)
    assert Masker().mask(message) == pattern
    assert MASKER.mask(pattern) == pattern
    assert "".join(segment.text for segment in align(pattern, message)) == message


def read_file(data: bytes) -> None:
    """A file is refused by an error of ours, or read into the same blocks whatever its pieces, and on behind each."""
    with suppress(NotText, LineTooLong):
        blocks = list(read_entries([data], now=NOW, most_entries=3))
        assert list(read_entries(iter([data[:7], data[7:]]), now=NOW, most_entries=3)) == blocks
        assert not take_entries([entry for block in blocks for entry in block.entries], now=NOW)[1]
        for number, block in enumerate(blocks, start=1):
            assert list(read_entries([data], now=NOW, most_entries=3, after=block.end)) == blocks[number:]


def read_log_events(data: bytes) -> None:
    """What CloudWatch Logs hands over is read, or refused by an error of ours; packed as it does, and not."""
    pick = atheris.FuzzedDataProvider(data)
    is_packed = pick.ConsumeBool()
    given = pick.ConsumeBytes(pick.remaining_bytes())
    handed = base64.b64encode(gzip.compress(given, 1)).decode() if is_packed else given.decode("latin-1")
    with suppress(OddlineError):
        for part in log_events.read_log_events({"awslogs": {"data": handed}}, sources={}):
            assert part.entries


def read_otlp(data: bytes) -> None:
    """A request of OTLP in either form is refused by an error of ours, or all that it holds can be stored."""
    pick = atheris.FuzzedDataProvider(data)
    form = pick.PickValueInList(list(otlp.Form))
    with suppress(OddlineError):
        check_storable(otlp.decode(pick.ConsumeBytes(pick.remaining_bytes()), form=form))


def read_loki(data: bytes) -> None:
    """A push in either form is refused by an error of ours, or all that it holds can be stored; packed or not."""
    pick = atheris.FuzzedDataProvider(data)
    content_type, is_packed = pick.PickValueInList(["application/json", "application/x-protobuf"]), pick.ConsumeBool()
    with suppress(OddlineError):
        body = pick.ConsumeBytes(pick.remaining_bytes())
        if is_packed:
            body = loki.unpack(body, content_type=content_type, content_encoding="snappy")
        check_storable(loki.decode(body, content_type=content_type))


def check_storable(shipment: Shipment) -> None:
    """No character keeps an entry from being taken."""
    columns, faults = take_entries(shipment.entries, now=NOW)
    assert len(columns) + len(faults) == len(shipment.entries)
    assert not {fault.code for fault in faults} & {"nul", "surrogate"}
    if columns:
        assert unpack(pack(columns)) == columns


ENTRY = {
    "message": "payment 4711 refused",
    "level": "ERROR",
    "timestamp": "2026-11-05T08:15:30+02:00",
    "retries": 3.5e2,
}
EVENTS = {
    "messageType": "DATA_MESSAGE",
    "owner": "1",
    "logGroup": "g",
    "logStream": "s",
    "subscriptionFilters": [],
    "logEvents": [{"id": "1", "timestamp": 1762330530000, "message": "started"}],
}
RECORD = {"timeUnixNano": "1762330530123456789", "severityNumber": 17, "body": {"stringValue": "started"}}
SCOPE_LOGS = {
    "scope": {"name": "a"},
    "logRecords": [RECORD | {"attributes": [{"key": "k", "value": {"intValue": "1"}}]}],
}
EXPORTS = {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [SCOPE_LOGS]}]}
STREAMS = {"streams": [{"stream": {"app": "a"}, "values": [["1762330530123456789", "started", {"level": "warn"}]]}]}
PUSHED = '\n\x22\n\x09{app="a"}\x12\x15\n\x02\x08\x05\x12\x07started\x1a\x06\n\x01k\x12\x01v'
LINES = [
    "2026-11-05 08:15:30,123 ERROR 10.0.4.7:80 took 3.5 ms id=0xdeadbeef '/a/b.c' \"x y\"",
    "2 errors, <num> rows=0",
]

FILES = [
    json.dumps(ENTRY),
    json.dumps([ENTRY, ENTRY], indent=1),
    json.dumps({"events": [ENTRY]}),
    'time,level,message\n1762330530,info,"a\nb"\n',
    "__CURSOR=1\n__REALTIME_TIMESTAMP=1762330530123456\nMESSAGE\n\3\0\0\0\0\0\0\0abc\n\n",
    "Oct 11 22:14:15 web-1 su[3]: failed\n\tat a.B.c(D.java:3)\n",
    "2026-10-11 22:14:15.003 UTC [31] ERROR:  no\n2026-10-11 22:14:15.003 UTC [31] STATEMENT:  SELECT\n",
]

# What each begins with; libFuzzer changes it from there.
TARGETS: dict[Callable[[bytes], None], list[str]] = {
    take_body: [
        json.dumps(ENTRY),
        json.dumps([ENTRY, {}]),
        json.dumps({"logs": [ENTRY]}),
        f"{json.dumps(ENTRY)}\n{{}}",
    ],
    mask: LINES,
    read_file: ["\r\n".join(LINES), "\ufeffa\n\nb", *FILES],
    read_otlp: [json.dumps(EXPORTS), "\n\x11\x12\x0f\x12\r*\t\n\x07started\x10\x01"],
    read_loki: [json.dumps(STREAMS), PUSHED],
    read_log_events: [json.dumps(EVENTS), base64.b64encode(gzip.compress(json.dumps(EVENTS).encode())).decode()],
}


def main(name: str, options: list[str]) -> None:
    """Search until libFuzzer's limits, or until something breaks."""
    target = next(target for target in TARGETS if target.__name__ == name)
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(TARGETS[target]):
            Path(folder, str(number)).write_bytes(seed.encode() + bytes([number, 1, 0]))
        atheris.Setup([sys.argv[0], *options, folder], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
