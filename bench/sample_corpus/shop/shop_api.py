"""The shop's API: FastAPI over PostgreSQL, Valkey, Celery and the inventory service, with JSON log lines."""

import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import json_log  # type: ignore[import-not-found]  # top-level where it runs
import psycopg
import redis
import shop_tasks  # type: ignore[import-not-found]  # top-level where it runs
from fastapi import FastAPI, HTTPException, Request, Response
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

json_log.json_logging()
log = logging.getLogger("shop.api")
pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
    "host=db.internal dbname=shop user=shop password=shop-pass application_name=shop-api connect_timeout=3",
    min_size=2,
    max_size=8,
    timeout=3.0,
    max_lifetime=30.0,  # seconds; short, so that connections come and go in the logs
    kwargs={"row_factory": dict_row},
    open=False,
)
cache = redis.Redis(host="cache.internal", socket_timeout=2.0, socket_connect_timeout=2.0, decode_responses=True)
inventory = httpx.Client(base_url="http://balancer.internal:8002", timeout=1.5)


class Order(BaseModel):
    """What a customer wants to buy."""

    customer_id: int
    product_id: int
    pieces: int
    token: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    pool.open()
    note("info", "service ready", version="4.2.1", flags="checkout-v2,no-panic-banner")
    yield
    pool.close()
    note("info", "service stopped, 0 requests lost")


app = FastAPI(lifespan=lifespan)


def note(level: str, message: str, **fields: Any) -> None:
    log.log(logging.getLevelNamesMapping()[level.upper()], message, extra={"fields": fields})


@app.middleware("http")
async def tell_request(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    started = time.perf_counter()
    request.state.id = uuid.uuid4().hex[:12]
    try:
        response = await call_next(request)
    except Exception as error:
        log.exception(
            "request failed", extra={"fields": {"request_id": request.state.id, "error": type(error).__name__}}
        )
        response = Response(status_code=503 if isinstance(error, ConnectionError) else 500)
    note(
        "info" if response.status_code < 500 else "error",
        "request",
        request_id=request.state.id,
        method=request.method,
        path=request.url.path,
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000, 1),
        client=request.headers.get("x-real-ip", "-"),
    )
    return response


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/api/products")
def list_products(page: int = 0) -> list[dict[str, Any]]:
    with pool.connection() as connection:
        return connection.execute(
            "SELECT id, name, stock FROM products ORDER BY id OFFSET %s LIMIT 20", [page * 20]
        ).fetchall()


@app.get("/api/products/{product_id}")
def show_product(product_id: int, request: Request) -> dict[str, Any]:
    key = f"product:{product_id}"
    if known := cache.hgetall(key):
        return dict(known)  # type: ignore[arg-type]
    note("info", "cache miss", request_id=request.state.id, key=key)
    with pool.connection() as connection:
        row = connection.execute("SELECT id, name, stock FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        note("warning", "no such product", request_id=request.state.id, product=product_id)
        raise HTTPException(404)
    pieces = _ask_inventory(product_id, request.state.id)
    cache.hset(key, mapping={**row, "pieces": pieces})  # type: ignore[dict-item]
    cache.expire(key, random.randint(5, 20))
    return {**row, "pieces": pieces}


def _ask_inventory(product_id: int, request_id: str) -> int:
    for attempt in (1, 2):
        try:
            answer = inventory.get(f"/stock/{product_id}", headers={"X-Request-Id": request_id})
            answer.raise_for_status()
            return int(answer.json()["pieces"])
        except httpx.HTTPError as error:
            note(
                "warning",
                "inventory call failed",
                request_id=request_id,
                attempt=attempt,
                error=f"{type(error).__name__}: {error}",
            )
    raise ConnectionError("inventory gave no answer in 2 attempts")


@app.post("/api/orders", status_code=201)
def place_order(order: Order, request: Request) -> dict[str, Any]:
    wish = {"product": order.product_id, "pieces": order.pieces}
    for attempt in (1, 2, 3):
        answer = inventory.post("/reserve", json=wish, headers={"X-Request-Id": request.state.id})
        if answer.status_code != 409:
            break
        note("warning", "reservation conflict, retrying", request_id=request.state.id, attempt=attempt)
    answer.raise_for_status()
    total = float(answer.json()["price"]) * order.pieces
    try:
        with pool.connection() as connection:
            row = connection.execute(
                "INSERT INTO orders (customer_id, product_id, pieces, total, token) VALUES (%s, %s, %s, %s, %s)"
                " RETURNING id",
                [order.customer_id, order.product_id, order.pieces, total, order.token],
            ).fetchone()
    except psycopg.errors.UniqueViolation:
        note("warning", "duplicate order ignored, error is harmless", request_id=request.state.id, token=order.token)
        return {"id": None, "duplicate": True}
    assert row
    note("info", "order placed", request_id=request.state.id, order=row["id"], customer=order.customer_id, total=total)
    shop_tasks.send_receipt.apply_async((row["id"], f"customer{order.customer_id}@example.net"), retry=False)
    if random.random() < 0.3:
        shop_tasks.index_product.apply_async((order.product_id,), retry=False)
    return {"id": row["id"], "total": total}


@app.get("/api/orders/{order_id}")
def show_order(order_id: int) -> dict[str, Any]:
    with pool.connection() as connection:
        row = connection.execute(
            "SELECT o.id, o.pieces, o.total, p.name FROM orders o JOIN products p ON p.id = o.product_id"
            " WHERE o.id = %s",
            [order_id],
        ).fetchone()
    if row is None:
        raise HTTPException(404)
    return row


@app.post("/api/carts/{customer_id}")
def touch_cart(customer_id: int) -> dict[str, bool]:
    with pool.connection() as connection:
        connection.execute(
            "INSERT INTO carts (customer_id) VALUES (%s) ON CONFLICT (customer_id) DO UPDATE SET touched_at = now()",
            [customer_id],
        )
    return {"ok": True}


@app.post("/api/audit")
def add_audit(request: Request, note_text: str = "visit") -> dict[str, bool]:
    with pool.connection() as connection:
        connection.execute("INSERT INTO audit (note) VALUES (%s)", [note_text])
    note("info", "audit line written", request_id=request.state.id)
    return {"ok": True}


@app.post("/api/login")
def login(request: Request, user: str, password: str) -> dict[str, bool]:
    if password != f"pass-{user}":
        note("warning", "login failed: wrong password", request_id=request.state.id, user=user)
        raise HTTPException(401)
    cache.set(f"session:{uuid.uuid4().hex}", user, ex=60)
    note("info", "login", request_id=request.state.id, user=user)
    return {"ok": True}


@app.post("/api/uploads")
async def upload(request: Request) -> dict[str, int]:
    body = await request.body()
    shop_tasks.make_thumbnail.apply_async((f"img-{uuid.uuid4().hex[:8]}", len(body) // 64), retry=False)
    note("info", "upload stored", request_id=request.state.id, bytes=len(body))
    return {"bytes": len(body)}


@app.post("/api/exports/{customer_id}")
def export(customer_id: int, request: Request) -> dict[str, str]:
    task = shop_tasks.export_orders.apply_async((customer_id,), retry=False)
    note("info", "export asked for", request_id=request.state.id, task_id=task.id, customer=customer_id)
    return {"task": task.id}
