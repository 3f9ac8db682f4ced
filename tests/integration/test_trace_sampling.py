"""Work that nobody has decided on is sampled by the rules of X-Ray, which the daemon passes on."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tracing_daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]
RULE = {
    "RuleName": "Oddline",
    "ResourceARN": "*",
    "Priority": 1,
    "FixedRate": 1.0,
    "ReservoirSize": 0,
    "ServiceName": "Oddline*",
    "ServiceType": "*",
    "Host": "*",
    "HTTPMethod": "*",
    "URLPath": "*",
    "Version": 1,
}
# Of 20 begun at once the SDK by itself would sample the first and a twentieth of the rest.
UNDECIDED = """
import sys, time
from oddline.settings import Settings
from oddline.tracing import open_sampling_tracer
tracer = open_sampling_tracer("Oddline worker", settings=Settings(_env_file=None, tracing=True))
def all_sampled():
    works = []
    for _ in range(20):
        with tracer.work({}.get) as work:
            works.append(bool(work.header))
    return all(works)
deadline = time.monotonic() + float(sys.argv[1])
while not (sampled := all_sampled()) and time.monotonic() < deadline:
    time.sleep(0.05)
print(sampled)
"""


class Rules(BaseHTTPRequestHandler):
    """What the daemon passes on of X-Ray's API: one rule, by which everything is sampled."""

    def do_POST(self) -> None:
        answer = {"SamplingRuleRecords": [{"SamplingRule": RULE, "CreatedAt": 0, "ModifiedAt": 0}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def all_undecided_are_sampled(daemon: Daemon, *, tcp_port: int, patience_s: float) -> str:
    address = f"tcp:127.0.0.1:{tcp_port} udp:{daemon.address}"
    env = dict(os.environ) | {"AWS_XRAY_DAEMON_ADDRESS": address}
    command = [sys.executable, "-c", UNDECIDED, str(patience_s)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout.strip()


def test_what_nobody_has_decided_on_a_worker_samples_by_the_rules_of_x_ray(daemon: Daemon, closed_port: int) -> None:
    with HTTPServer(("127.0.0.1", 0), Rules) as server:
        threading.Thread(target=server.serve_forever).start()
        by_rules = all_undecided_are_sampled(daemon, tcp_port=server.server_port, patience_s=20)
        server.shutdown()

    assert by_rules == "True"
    assert all_undecided_are_sampled(daemon, tcp_port=closed_port, patience_s=0) == "False"
