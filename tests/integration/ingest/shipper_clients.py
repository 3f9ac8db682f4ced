"""What people ship logs with, set up as docs/shippers.md says.

Each sends the lines that it is given, and tells what must then be stored.
"""

import base64
import gzip
import json
import logging
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest
from shipper_entries import EPOCH, SOURCE, Expected, Line, expected
from shipper_programs import NPM, SYSLOG_NG, debian, library_path, npm, omhttp

PATIENCE_S = 20.0
HOST, SCOPE, TRACE, SPAN = "web-3", "bank", 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
SYSLOG_SEVERITIES = {"DEBUG": 7, "INFO": 6, "WARN": 4, "ERROR": 3}
LOCAL0 = 16
DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "shippers.md"
SYSLOG_NG_INPUT = """@version: 3.38
options { keep-hostname(yes); };
source s_src { network(ip("127.0.0.1") port(%d) transport("tcp") flags(syslog-protocol)); };
"""
RSYSLOG_INPUT = """module(load="imtcp" Address="127.0.0.1")
input(type="imtcp" port="%d")
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client sends to; `arrived` waits until all lines are there, or for long enough."""

    url: str
    key: str
    folder: Path
    arrived: Callable[[int], None]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Client:
    """A client, and the protocol that it speaks."""

    name: str
    protocol: str
    send: Callable[[Target, Sequence[Line]], list[Expected]]


def opentelemetry(make: Callable[[Target], Any]) -> Callable[[Target, Sequence[Line]], list[Expected]]:
    """OpenTelemetry's SDK for Python with an exporter of its own."""

    def send(target: Target, lines: Sequence[Line]) -> list[Expected]:
        from opentelemetry._logs import SeverityNumber
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

        provider = LoggerProvider(Resource({"service.name": SOURCE, "host.name": HOST}))
        processor = BatchLogRecordProcessor(make(target), max_queue_size=len(lines), max_export_batch_size=len(lines))
        provider.add_log_record_processor(processor)
        logger = provider.get_logger(SCOPE, "1.2")
        span = NonRecordingSpan(SpanContext(TRACE, SPAN, is_remote=False, trace_flags=TraceFlags(1)))
        for line in lines:
            logger.emit(
                timestamp=line.nanoseconds,
                observed_timestamp=line.nanoseconds,
                context=set_span_in_context(span),
                severity_number=SeverityNumber[line.level],
                severity_text=line.level,
                body=line.message,
                attributes={"order": line.number, "ratio": 0.5, "tags": ["a", "b"], "is_paid": False},
                event_name="order.lost",
            )
        provider.shutdown()
        resource, scope = {"service.name": SOURCE, "host.name": HOST}, {"name": SCOPE, "version": "1.2"}
        shared = {"resource": resource, "scope": scope, "event_name": "order.lost", "flags": 1}
        own = {"ratio": 0.5, "tags": ["a", "b"], "is_paid": False}
        ids = {"trace_id": f"{TRACE:032x}", "span_id": f"{SPAN:016x}"}
        return [expected(line, attributes={"order": line.number} | own | shared, **ids) for line in lines]

    return send


def in_protobuf(compression: str) -> Callable[[Target], Any]:
    """OTLP/HTTP in protobuf."""

    def make(target: Target) -> Any:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

        headers = {"x-api-key": target.key}
        return OTLPLogExporter(f"{target.url}/v1/logs", headers=headers, compression=Compression(compression))

    return make


def in_json(compression: str) -> Callable[[Target], Any]:
    """OTLP/HTTP in JSON."""

    def make(target: Target) -> Any:
        from opentelemetry.exporter.otlp.common.http import Compression
        from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter

        headers = {"x-api-key": target.key}
        return OTLPLogExporter(f"{target.url}/v1/logs", headers=headers, compression=Compression(compression))

    return make


def logging_loki(target: Target, lines: Sequence[Line]) -> list[Expected]:
    """A handler for Python's logging, which sends the time at which it sends."""
    from logging_loki import LokiQueueHandler

    handler = LokiQueueHandler(
        Queue(-1),
        batch_interval=0.5,
        url=f"{target.url}/loki/api/v1/push",
        tags={"service_name": SOURCE, "env": "prod"},
        auth=("anyone", target.key),
    )
    begun = datetime.now(UTC)
    for line in lines:
        record = logging.LogRecord(SCOPE, getattr(logging, line.level), "a.py", 1, line.message, None, None)
        handler.handle(record)
    handler.close()
    window = tuple((moment - EPOCH) // timedelta(microseconds=1) for moment in (begun, datetime.now(UTC)))
    return [expected(line, at=window, attributes={"logger": SCOPE, "env": "prod"}) for line in lines]


def winston(form: str) -> Callable[[Target, Sequence[Line]], list[Expected]]:
    """A transport for Node.js' Winston, which knows milliseconds, and structured metadata in JSON alone."""

    def send(target: Target, lines: Sequence[Line]) -> list[Expected]:
        folder = npm(*NPM)
        given = json.dumps(
            [
                {"level": line.level.lower(), "message": line.message, "timestamp": line.nanoseconds // 10**6}
                | {"order": line.number}
                for line in lines
            ]
        )
        command = ["node", str(Path(__file__).with_name("shipper_winston.js")), target.url, target.key, form, SOURCE]
        environment = os.environ | {"NODE_PATH": str(folder / "node_modules")}
        subprocess.run(command, input=given, env=environment, check=True, text=True, timeout=PATIENCE_S)
        own = [{"order": str(line.number)} if form == "json" else {} for line in lines]
        return [expected(line, unit_ns=10**6, attributes=one) for line, one in zip(lines, own, strict=True)]

    return send


def curl(target: Target, lines: Sequence[Line]) -> list[Expected]:
    """NDJSON, packed."""
    if not shutil.which("curl"):
        pytest.skip("there is no curl here")
    file = target.folder / "lines.ndjson.gz"
    entries = [_plain(line) | {"severity": line.level, "source": SOURCE} for line in lines]
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, entries)).encode()))
    headers = [f"X-API-Key: {target.key}", "Content-Type: application/x-ndjson", "Content-Encoding: gzip"]
    options = [option for header in headers for option in ("-H", header)]
    url = f"{target.url}/api/v1/logs/batch"
    subprocess.run(
        ["curl", "-sS", "--fail", *options, "--data-binary", f"@{file}", url], check=True, capture_output=True
    )
    return [expected(line) for line in lines]


def body_of(
    make: Callable[[Line], dict[str, Any]], *, is_array: bool, is_named_json: bool = False
) -> Callable[..., list[Expected]]:
    """A body in the shape that a client's documentation shows, sent with basic authentication."""

    def send(target: Target, lines: Sequence[Line]) -> list[Expected]:
        events = [make(line) | {"level": line.level.lower(), "source": SOURCE} for line in lines]
        body = json.dumps(events) if is_array else "".join(f"{json.dumps(event)}\n" for event in events)
        content_type = "application/json" if is_array or is_named_json else "application/x-ndjson"
        user = base64.b64encode(f"anyone:{target.key}".encode()).decode()
        headers = {"Content-Type": content_type, "Authorization": f"Basic {user}"}
        answer = httpx.post(f"{target.url}/api/v1/logs/batch", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        kept = make(lines[0]).keys() - {"timestamp", "message"}
        return [expected(line, attributes={name: make(line)[name] for name in kept}) for line in lines]

    return send


def fluent_bit(line: Line) -> dict[str, Any]:
    """`Format json` or `json_lines`, `json_date_key timestamp`, `json_date_format iso8601`."""
    return _plain(line) | {"file": "/var/log/app.log"}


def vector(line: Line) -> dict[str, Any]:
    """An event of the file source."""
    nanoseconds = f"{_moment(line):%Y-%m-%dT%H:%M:%S}.{line.nanoseconds % 10**9:09d}Z"
    return {"timestamp": nanoseconds, "message": line.message, "host": HOST, "source_type": "file"}


def syslog_ng(target: Target, lines: Sequence[Line]) -> list[Expected]:
    """Debian's, which reads syslog from a socket and posts it in batches."""
    root, port, folder = debian(*SYSLOG_NG), _free_port(), target.folder
    configuration = folder / "syslog-ng.conf"
    configuration.write_text(_configured("syslog-ng", target, before=SYSLOG_NG_INPUT % port))
    modules = next(root.glob("usr/lib/syslog-ng/*/libhttp.so")).parent
    command = [root / "usr/sbin/syslog-ng", "--foreground", "--stderr", "--no-caps", "--cfgfile", configuration]
    command += ["--module-path", modules, "--persist-file", folder / "persist", "--pidfile", folder / "pid"]
    with _running([*command, "--control", folder / "control"], root=root, folder=folder) as daemon:
        _feed(port, lines, to=daemon)
        target.arrived(len(lines))
    return _from_syslog(lines)


def rsyslog(target: Target, lines: Sequence[Line]) -> list[Expected]:
    """Debian's, with the omhttp of its source."""
    root, port, folder = omhttp(), _free_port(), target.folder
    configuration = folder / "rsyslog.conf"
    configuration.write_text(_configured("rsyslog", target, before=RSYSLOG_INPUT % port))
    modules = ":".join(str(path) for path in (*root.glob("usr/lib/*-linux-gnu/rsyslog"), root / "usr/lib/rsyslog"))
    command = [root / "usr/sbin/rsyslogd", "-n", "-f", configuration, "-i", folder / "pid", "-M", modules]
    with _running(command, root=root, folder=folder) as daemon:
        _feed(port, lines, to=daemon)
        target.arrived(len(lines))
    return _from_syslog(lines)


CLIENTS = [
    Client("OpenTelemetry SDK (Python)", "OTLP/HTTP protobuf", opentelemetry(in_protobuf("none"))),
    Client("OpenTelemetry SDK (Python)", "OTLP/HTTP protobuf, gzip", opentelemetry(in_protobuf("gzip"))),
    Client("OpenTelemetry SDK (Python)", "OTLP/HTTP JSON", opentelemetry(in_json("none"))),
    Client("OpenTelemetry SDK (Python)", "OTLP/HTTP JSON, gzip", opentelemetry(in_json("gzip"))),
    Client("inuits-python-logging-loki", "Loki push JSON", logging_loki),
    Client("winston-loki (Node.js)", "Loki push JSON", winston("json")),
    Client("winston-loki (Node.js)", "Loki push protobuf, snappy", winston("protobuf")),
    Client("rsyslog (omhttp)", "batch route, NDJSON", rsyslog),
    Client("syslog-ng (http)", "batch route, NDJSON", syslog_ng),
    Client("curl", "batch route, NDJSON, gzip", curl),
    Client("Fluent Bit's body, as documented", "batch route, json", body_of(fluent_bit, is_array=True)),
    Client(
        "Fluent Bit's body, as documented",
        "batch route, json_lines",
        body_of(fluent_bit, is_array=False, is_named_json=True),
    ),
    Client("Vector's body, as documented", "batch route, json", body_of(vector, is_array=True)),
    Client("Vector's body, as documented", "batch route, ndjson", body_of(vector, is_array=False)),
]


def _moment(line: Line) -> datetime:
    return EPOCH + timedelta(microseconds=line.nanoseconds // 1000)


def _plain(line: Line) -> dict[str, Any]:
    return {"timestamp": _moment(line).isoformat().replace("+00:00", "Z"), "message": line.message}


def _from_syslog(lines: Sequence[Line]) -> list[Expected]:
    return [expected(line, attributes={"host": HOST, "facility": "local0", "pid": "4711"}) for line in lines]


def _configured(shipper: str, target: Target, *, before: str) -> str:
    """The configuration of docs/shippers.md, for another address and behind what reads the lines."""
    block = re.search(rf"```{shipper}\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert block
    address = {'useHttps="on"': 'useHttps="off"', 'serverport="443"': f'serverport="{target.port}"'}
    told = {"https://logs.example.org": target.url, "logs.example.org": "127.0.0.1", "YOUR-KEY": target.key} | address
    configuration = block[1]
    for documented, own in told.items():
        configuration = configuration.replace(documented, own)
    return before + configuration


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _feed(port: int, lines: Sequence[Line], *, to: subprocess.Popen[bytes]) -> None:
    """Send as an application does, in RFC 5424's form, a message a line."""
    with _connected(port, to) as connection:
        for line in lines:
            priority = LOCAL0 * 8 + SYSLOG_SEVERITIES[line.level]
            head = f"<{priority}>1 {_moment(line).isoformat()} {HOST} {SOURCE} 4711 - -"
            connection.sendall(f"{head} {line.message}\n".encode())


def _connected(port: int, to: subprocess.Popen[bytes]) -> socket.socket:
    deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except ConnectionRefusedError:
            if to.poll() is not None or datetime.now(UTC) > deadline:
                raise


@contextmanager
def _running(command: Sequence[Any], *, root: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon for as long as the block lasts; what it says is part of what fails in the block."""
    environment = os.environ | {"LD_LIBRARY_PATH": library_path(root)}
    said = folder / "said"
    with said.open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as daemon:
        try:
            yield daemon
        except Exception as error:
            error.add_note(said.read_text())
            raise
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE_S)
