"""The shop's inventory service: a threaded HTTP server of the standard library that logs in logfmt."""

import json
import random
import signal
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODE_FILE = Path("/etc/shop/inventory-mode")
PRICES_FILE = Path("/etc/shop/prices.json")
SYNC_SECONDS = 2.0


def log(level: str, message: str, **fields: object) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    words = " ".join(f"{key}={json.dumps(value) if isinstance(value, str) else value}" for key, value in fields.items())
    sys.stderr.write(f'time={now} level={level} msg="{message}" {words}\n')
    sys.stderr.flush()


class Inventory(BaseHTTPRequestHandler):
    """Answers how many pieces of a product are in stock, and reserves some."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        started = time.perf_counter()
        if self.path == "/health":
            self._answer(200, {"ok": True})
            return
        product = self.path.rsplit("/", 1)[-1]
        pieces = random.Random(product).randint(0, 400)
        if pieces < 4:
            log("warn", "stock below safety level", product=product, pieces=pieces)
        self._answer(200, {"product": product, "pieces": pieces})
        log("info", "stock read", product=product, pieces=pieces, took_ms=_since(started), trace=self._trace())

    def do_POST(self) -> None:
        started = time.perf_counter()
        length = int(self.headers.get("Content-Length", 0))
        wish = json.loads(self.rfile.read(length))
        if random.random() < 0.03:
            self._answer(409, {"reserved": False})
            log("warn", "reservation lost race, caller will retry", product=wish["product"], trace=self._trace())
            return
        prices = json.loads(PRICES_FILE.read_text(encoding="utf-8"))
        self._answer(200, {"reserved": True, "price": prices["default"]})
        log(
            "info",
            "reserved",
            product=wish["product"],
            pieces=wish["pieces"],
            took_ms=_since(started),
            trace=self._trace(),
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name of the base class)
        if not args or str(args[1] if len(args) > 1 else "") not in {"200", "409"}:
            log("error", format % args, peer=self.client_address[0])

    def _trace(self) -> str:
        return self.headers.get("X-Request-Id", "-")

    def _answer(self, status: int, body: dict[str, object]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


class InventoryServer(ThreadingHTTPServer):
    """Tells of a handler that failed in a line, with its traceback unless the peer only hung up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: tuple[str, int]) -> None:  # noqa: ARG002  (base class)
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError):
            log("debug", "peer hung up, no failure", peer=client_address[0], error=type(error).__name__)
            return
        log("error", "handler crashed", peer=client_address[0], error=repr(error))
        traceback.print_exc()


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def sync_forever() -> None:
    """Pretend to bring stock counts to the warehouse; in `dry-run` mode nothing arrives there."""
    number = 0
    while True:
        time.sleep(SYNC_SECONDS)
        number += 1
        mode = MODE_FILE.read_text(encoding="utf-8").strip()
        counted = random.randint(180, 420)
        arrived = counted if mode == "live" else 0
        log("info", "stock sync finished", run=number, rows=arrived, skipped=counted - arrived, mode=mode)
        if number % 5 == 0:
            log("debug", "heartbeat", threads=threading.active_count(), errors=0, dead_letters=0)


def main() -> None:
    server = InventoryServer(("10.20.0.12", 8001), Inventory)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    threading.Thread(target=sync_forever, daemon=True).start()
    log("info", "inventory listens", address="10.20.0.12:8001", mode=MODE_FILE.read_text(encoding="utf-8").strip())
    server.serve_forever()
    log("info", "inventory stopped", reason="SIGTERM")


if __name__ == "__main__":
    main()
