"""A function's environment as Lambda runs it: its runtime client in a process of its own, and the API that feeds it."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from oddline.local.processes import log_tail

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 6 * 1024 * 1024  # of an event, and of an answer (Lambda developer guide, "Lambda quotas")
PATIENCE_S = 60.0
INVOCATION = "/2018-06-01/runtime/invocation/"
INIT_ERROR = "/2018-06-01/runtime/init/error"
# What Lambda's Python has beside the standard library.
IN_LAMBDA = (
    "awslambdaric", "simplejson", "snapshot-restore-py",
    "boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3",
)  # fmt: skip


class FunctionError(Exception):
    """The handler raised: an asynchronous event would go to the failure destination; `kind` is the error's class."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class RuntimeApi:
    """Lambda's runtime API for one environment (developer guide, "Using the Lambda runtime API").

    Args:
        log_file: what the environment prints.

    Attributes:
        ready_after_s: seconds from the start of the environment to its first question for an event.
    """

    def __init__(self, log_file: Path) -> None:
        self._log_file = log_file
        self._events: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._answers: queue.Queue[Any] = queue.Queue()
        self._began = time.monotonic()
        self.ready_after_s = 0.0

    def invoke(self, event: Any) -> Any:
        """What the handler makes of an event.

        Raises:
            FunctionError: it raised, or its answer is larger than Lambda lets through.
        """
        body = json.dumps(event).encode()
        assert len(body) <= MOST_BYTES, "Lambda refuses such an event with 413"
        self._events.put((str(uuid.uuid4()), body))
        try:
            answer = self._answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"no answer; the environment's log: {log_tail(self._log_file)}") from None
        if isinstance(answer, FunctionError):
            raise answer
        return answer

    def next_event(self) -> tuple[str, bytes] | None:
        """The next event with its request's id, once there is one; None when there will be none."""
        self.ready_after_s = self.ready_after_s or time.monotonic() - self._began
        return self._events.get()

    def take(self, path: str, body: bytes) -> int:
        """Take what the runtime client posts; the status of the answer."""
        if path.endswith("/response"):
            if len(body) > MOST_BYTES:
                self._answers.put(FunctionError("Function.ResponseSizeTooLarge", f"{len(body)} bytes"))
                return 413
            self._answers.put(json.loads(body))
        elif path.endswith("/error"):
            told = json.loads(body)
            self._answers.put(FunctionError(told["errorType"], told["errorMessage"]))
        else:
            return 404
        return 202

    def close(self) -> None:
        """Let who waits for an event go."""
        self._events.put(None)


def _serve(api: RuntimeApi) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path == f"{INVOCATION}next"
            event = api.next_event()
            if event is None:
                self.close_connection = True
                return
            self._answer(200, event[1], **{
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": event[0],
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 30) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:test",
            })  # fmt: skip

        def do_POST(self) -> None:
            assert self.path.startswith(INVOCATION) or self.path == INIT_ERROR
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(api.take(self.path, body), b"{}")

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@contextmanager
def lambda_environment(
    handler: str, *, variables: Mapping[str, str], folder: Path, package: Path | None = None
) -> Iterator[RuntimeApi]:
    """An environment that runs `handler`, for as long as the block lasts.

    Args:
        variables: the function's environment variables.
        folder: where its output goes, into a file named after the handler.
        package: an unpacked zip: then the handler sees nothing but it and what Lambda brings; else the source is run.
    """
    log_file = folder / f"{handler}.log"
    api = RuntimeApi(log_file)
    server = _serve(api)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *(["-S"] if package else []), "-m", "awslambdaric", handler],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join([str(package), str(_runtime(folder))]) if package else str(ROOT),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_address[1]}",
                "AWS_LAMBDA_FUNCTION_NAME": "test",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                **variables,
            },
            cwd=package or folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield api
    finally:
        process.kill()
        process.wait()
        api.close()
        server.shutdown()
        serving.join()
        server.server_close()


def _runtime(folder: Path) -> Path:
    """A folder with what Lambda's Python brings, as it is installed here."""
    runtime = folder / "var-runtime"
    runtime.mkdir(exist_ok=True)
    for found in map(distribution, IN_LAMBDA):
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            link = runtime / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))
    return runtime
