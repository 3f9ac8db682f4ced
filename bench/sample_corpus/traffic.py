"""The site's normal traffic: visitors, batch jobs, background work and people who log in, each in threads."""

import contextlib
import http.client
import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import kombu.exceptions
import psycopg
import redis
from celery import Celery

from bench.sample_corpus import nginx, postgres, syslog, valkey

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "curl/8.9.1",
    "ExampleBot/2.1 (+https://bot.example.net/about)",
    "shop-app/4.2 (Android 15)",
)
PAGES = (
    "/",
    "/index.html",
    "/about.html",
    "/error-codes.html",
    "/panic-sale.html",
    "/app.js",
    "/style.css",
    "/logo.svg",
)
ABSENT = ("/favicon.ico", "/robots.txt", "/apple-touch-icon.png", "/old/failure-notice.html", "/sitemap.xml")
BENIGN_SQL = (
    "SELECT page, count(*) FROM visits GROUP BY page ORDER BY 2 DESC LIMIT 5",
    "SELECT sum(total) FROM orders WHERE placed_at > now() - interval '1 minute'",
    "UPDATE products SET stock = stock + 10 WHERE stock < 3",
    "SELECT id FROM products WHERE name LIKE '%error%'",
    "UPDATE accounts SET balance = balance + 1 WHERE id = 17",
    "CREATE TEMP TABLE scratch AS SELECT * FROM visits ORDER BY page",
    "SELECT id FROM orders WHERE token = 'failed-never'",
    "SELECT count(*) FROM visits v JOIN products p ON p.id = v.seen",
    "ANALYZE visits",
    # What people mistype by hand every day: errors of severity ERROR that mean nothing.
    "SELECT cuont(*) FROM orders",
    "INSERT INTO accounts VALUES (17, 0)",
    "SELECT 1 / (SELECT count(*) FROM accounts WHERE id < 0)",
)
# A client of a broken site fails in one of these ways; it tries again later, as visitors do.
CLIENT_ERRORS = (OSError, http.client.HTTPException, psycopg.Error, redis.RedisError, kombu.exceptions.KombuError)
_TLS = ssl.create_default_context()
_TLS.check_hostname = False
_TLS.verify_mode = ssl.CERT_NONE


class Traffic:
    """Threads that use the site until `stop`; `paused` holds them still while something is restarted as planned."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._running = threading.Event()
        self._ended = threading.Event()
        self._celery = Celery(broker="redis://cache.internal:6379/1")
        self._orders = 0

    def start(self) -> None:
        """Start every kind of user."""
        self._running.set()
        loops: list[tuple[Callable[[random.Random], None], float]] = [
            *[(self._visit, 0.1)] * 7,
            (self._work, 0.3),
            (self._run_batch, 0.8),
            (self._log_in, 2.8),
            (self._ask_cache, 1.0),
        ]
        for number, (act, mean_pause) in enumerate(loops):
            chance = random.Random(self._seed + number)
            threading.Thread(target=self._loop, args=(act, mean_pause, chance), daemon=True).start()

    def stop(self) -> None:
        """No new acts."""
        self._ended.set()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hold the traffic still."""
        self._running.clear()
        time.sleep(1.5)  # acts in flight end within the site's own timeouts
        try:
            yield
        finally:
            self._running.set()

    def _loop(self, act: Callable[[random.Random], None], mean_pause: float, chance: random.Random) -> None:
        while not self._ended.is_set():
            self._running.wait()
            with contextlib.suppress(*CLIENT_ERRORS):
                act(chance)
            self._ended.wait(chance.expovariate(1 / mean_pause))

    def _visit(self, chance: random.Random) -> None:
        source = f"{chance.choice(('198.51.100', '203.0.113'))}.{chance.randint(2, 250)}"
        connection: http.client.HTTPConnection
        if chance.random() < 0.15:
            connection = http.client.HTTPSConnection(
                nginx.ADDRESS[0], nginx.TLS_PORT, timeout=8, source_address=(source, 0), context=_TLS
            )
        else:
            connection = http.client.HTTPConnection(*nginx.ADDRESS, timeout=8, source_address=(source, 0))
        headers = {"User-Agent": chance.choice(AGENTS), "Host": "shop.example.net"}
        with contextlib.closing(connection):
            for _ in range(chance.randint(1, 6)):
                method, path, body = self._wish(chance)
                connection.request(method, path, body, headers | ({"Content-Type": "application/json"} if body else {}))
                connection.getresponse().read()
                time.sleep(chance.uniform(0.0, 0.12))
            if chance.random() < 0.01:
                connection.request("GET", "/api/products?page=3", headers=headers)  # hangs up before the answer: a 499

    def _wish(self, chance: random.Random) -> tuple[str, str, bytes | None]:
        customer = chance.randint(1, 900)
        wishes: list[tuple[int, Callable[[], tuple[str, str, bytes | None]]]] = [
            (18, lambda: ("GET", chance.choice(PAGES), None)),
            (9, lambda: ("GET", f"/api/products?page={chance.randint(0, 60)}", None)),
            (22, lambda: ("GET", f"/api/products/{chance.randint(1, 2040)}", None)),
            (10, lambda: ("POST", "/api/orders", self._order(customer, chance))),
            (9, lambda: ("GET", f"/api/orders/{chance.randint(1, max(1, self._orders))}", None)),
            (9, lambda: ("POST", f"/api/carts/{customer}", b"{}")),
            (5, lambda: ("POST", self._login_path(customer, chance), b"")),
            (4, lambda: ("POST", chance.choice(("/api/audit", f"/api/exports/{customer}")), b"")),
            (3, lambda: ("POST", "/api/uploads", bytes(chance.randint(500, 60_000)))),
            (3, lambda: ("GET", chance.choice(ABSENT), None)),
        ]
        (chosen,) = chance.choices([wish for _, wish in wishes], [weight for weight, _ in wishes])
        return chosen()

    def _order(self, customer: int, chance: random.Random) -> bytes:
        self._orders += 1
        # One order in forty is sent twice: the same token again.
        token = f"t-{self._seed}-{self._orders - (chance.random() < 0.025)}"
        order = {"customer_id": customer, "product_id": chance.randint(1, 2000), "pieces": chance.randint(1, 4)}
        return json.dumps({**order, "token": token}).encode()

    def _login_path(self, customer: int, chance: random.Random) -> str:
        secret = "pass" if chance.random() > 0.08 else "oops"
        return f"/api/login?user=u{customer}&password={secret}-u{customer}"

    def _work(self, chance: random.Random) -> None:
        wishes: list[tuple[str, list[object]]] = [
            (
                "parse_feed",
                [{"supplier": f"s{chance.randint(1, 40)}", "items": [{"price": str(chance.randint(1, 900))}]}],
            ),
            ("index_product", [chance.randint(1, 2010)]),
            ("recalculate", [round(chance.uniform(0.01, 0.2), 3)]),
            ("make_thumbnail", [f"img-{chance.getrandbits(32):08x}", chance.choice((120, 480, 1024))]),
            ("render_catalogue", [chance.randint(2, 12), 4096]),
        ]
        name, arguments = chance.choice(wishes)
        self._celery.send_task(f"shop_tasks.{name}", arguments, retry=False)

    def _run_batch(self, chance: random.Random) -> None:
        role, password = chance.choice((("shop", "shop-pass"), ("reporting", "report-pass")))
        with postgres.connect(role, password=password, application=f"{role}-batch") as connection:
            for _ in range(chance.randint(1, 4)):
                # The benign mistakes of BENIGN_SQL end a statement, not the job.
                with contextlib.suppress(
                    psycopg.errors.DataError, psycopg.errors.IntegrityError, psycopg.ProgrammingError
                ):
                    connection.execute(chance.choice(BENIGN_SQL))

    def _log_in(self, chance: random.Random) -> None:
        office = f"10.20.4.{chance.randint(2, 30)}"
        if chance.random() < 0.12:
            if chance.random() < 0.6:
                syslog.ssh("carol", source=office, password="correct hosre")  # a slip of the fingers
            syslog.ssh("carol", source=office, password="correct horse carol")
        else:
            syslog.ssh(chance.choice(("deploy", "backupbot")), source=office)

    def _ask_cache(self, chance: random.Random) -> None:
        with contextlib.closing(redis.Redis(*valkey.ADDRESS, socket_timeout=2)) as client:
            for _ in range(chance.randint(1, 30)):
                client.set(f"page:{chance.randint(1, 4000)}", chance.randbytes(chance.randint(20, 800)).hex(), ex=90)
            client.ping()
