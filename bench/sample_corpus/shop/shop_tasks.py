"""The shop's background tasks: real Celery tasks that work, retry, and fail when the site is broken."""

# Celery has no types.
# mypy: disable-error-code="untyped-decorator"

import random
import resource
import time
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery
from celery.utils.log import get_task_logger

app = Celery("shop", broker="redis://cache.internal:6379/1", backend="redis://cache.internal:6379/2")
app.conf.update(
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    worker_max_tasks_per_child=150,
    worker_send_task_events=True,
    result_expires=120,
    worker_hijack_root_logger=True,
    beat_schedule={
        "sweep-carts": {"task": "shop_tasks.sweep_carts", "schedule": 10.0},
        "count-stock": {"task": "shop_tasks.count_stock", "schedule": 7.0},
        "refresh-rates": {"task": "shop_tasks.refresh_rates", "schedule": 15.0},
    },
)
log = get_task_logger(__name__)
EXPORTS = Path("/var/lib/shop/exports")
DATABASE = "host=db.internal dbname=shop user=shop password=shop-pass application_name=shop-worker connect_timeout=3"


class RateServiceBusyError(Exception):
    """The (imagined) rate service asks to come back later."""


class CatalogueTooLargeError(Exception):
    """The catalogue needs more memory than a worker has."""


@app.task(bind=True, max_retries=3)
def send_receipt(self: Any, order_id: int, address: str) -> str:
    log.info("rendering receipt for order %s", order_id)
    time.sleep(random.uniform(0.005, 0.03))
    if random.random() < 0.02:
        raise self.retry(exc=TimeoutError("smtp relay did not greet within 2s"), countdown=1)
    log.info("receipt of order %s handed to relay for %s, 250 2.0.0 Ok: queued", order_id, address)
    return "sent"


@app.task
def index_product(product_id: int) -> dict[str, int]:
    with psycopg.connect(DATABASE) as connection:
        row = connection.execute("SELECT length(name), stock FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        log.warning("product %s vanished before it was indexed; nothing to do", product_id)
        return {}
    log.info("product %s indexed, %d terms", product_id, row[0])
    return {"terms": row[0], "stock": row[1]}


@app.task
def make_thumbnail(image: str, width: int) -> str:
    started = time.perf_counter()
    sum(value * value for value in range(width * 20))
    log.info("thumbnail %s width=%d took %.1fms", image, width, (time.perf_counter() - started) * 1000)
    return f"{image}@{width}"


@app.task
def export_orders(customer_id: int) -> str:
    target = EXPORTS / f"customer-{customer_id}.csv"
    with psycopg.connect(DATABASE) as connection:
        rows = connection.execute(
            "SELECT id, total FROM orders WHERE customer_id = %s ORDER BY id DESC LIMIT 50", [customer_id]
        ).fetchall()
    target.write_text("".join(f"{order},{total}\n" for order, total in rows), encoding="utf-8")
    log.info("export of customer %s written: %d rows, 0 errors", customer_id, len(rows))
    return target.name


@app.task
def sweep_carts() -> int:
    with psycopg.connect(DATABASE) as connection:
        swept = connection.execute("DELETE FROM carts WHERE touched_at < now() - interval '60 s'").rowcount
    log.info("abandoned carts killed: %d", swept)
    return swept


@app.task
def count_stock() -> int:
    with psycopg.connect(DATABASE) as connection:
        row = connection.execute("SELECT sum(stock), count(*) FILTER (WHERE stock < 5) FROM products").fetchone()
    assert row
    log.info("stock counted: %s pieces, %s products nearly exhausted", row[0], row[1])
    return int(row[0])


@app.task(bind=True, max_retries=5)
def refresh_rates(self: Any) -> str:
    if random.random() < 0.3:
        log.warning("rate service is busy, failure expected at this hour")
        raise self.retry(exc=RateServiceBusyError("503 from rates, retry-after 1"), countdown=1)
    log.info("exchange rates refreshed, error margin 0.0%d", random.randint(1, 9))
    return "fresh"


@app.task
def parse_feed(document: dict[str, Any]) -> float:
    """A supplier's price feed; fails on what is not one."""
    price = float(document["items"][0]["price"])
    log.info("feed of supplier %s parsed, first price %.2f", document.get("supplier"), price)
    return price


@app.task(soft_time_limit=2, time_limit=4)
def recalculate(rounds: float) -> float:
    """Busy for as many seconds as it is told."""
    time.sleep(rounds)
    log.info("recalculated in %.2f s", rounds)
    return rounds


@app.task
def render_catalogue(mebibytes: int, limit_mebibytes: int) -> int:
    """Needs as much memory as it is told, and may take no more than the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit_mebibytes << 20, hard))
    try:
        pages = [bytearray(1 << 20) for _ in range(mebibytes)]
    except MemoryError as error:
        # Celery ends a worker whose task raises MemoryError itself.
        raise CatalogueTooLargeError(f"no memory for {mebibytes} pages") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    log.info("catalogue rendered, %d pages", len(pages))
    return len(pages)
