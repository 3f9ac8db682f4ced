"""Everything that is kept, in the clear, read past all the code that is to be checked."""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import polars as pl
import psycopg
import redis
import zstandard
from psycopg import sql

from oddline.encryption import Cipher
from oddline.errors import Undecipherable


def opened(data: bytes) -> str:
    """Stored bytes as text: unpacked, whatever they were packed with, and with escapes undone."""
    if data.startswith(b"PAR1"):
        frame = pl.read_parquet(BytesIO(data), hive_partitioning=False)
        return "\n".join(str(value) for row in frame.iter_rows() for value in row)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=2**30)
    elif data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    return data.decode("utf-8", "replace")


def in_the_clear(text: str, cipher: Cipher) -> str:
    """A text, and behind it all that stands encrypted in it and that the cipher opens."""
    pieces = [text]
    for token in re.findall(r"gAAAA[\w-]{60,}={0,2}", text):
        try:
            plain = cipher.decrypt(token.encode())
        except Undecipherable:
            continue
        with suppress(zlib.error):
            plain = zlib.decompress(plain)
        pieces.append(plain.decode())
    return "\n".join(pieces)


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, in order: joined they show what stands there in pieces."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def dump_database(owner_url: str, cipher: Cipher) -> dict[str, str]:
    """All rows of all tables by the table's name, as who owns the database and has its keys sees them.

    Only what is to be erased stays closed.
    """
    dumped = {}
    with psycopg.connect(owner_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
            text = "\n".join(shown(value) for row in rows for value in row)
            dumped[table] = text if table == "erasures" else in_the_clear(text, cipher)
    return dumped


def shown(value: Any) -> str:
    """A value of a row as text."""
    if isinstance(value, bytes):
        return opened(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str) + "\n" + "".join(texts_in(value))
    return str(value)


def dump_bucket(client: Any, bucket: str) -> dict[str, str]:
    """Every version of every object, with its metadata."""
    dumped = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in page.get("Versions", []):
            found = client.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
            dumped[f"{one['Key']} {one['VersionId']}"] = opened(found["Body"].read()) + str(found["Metadata"])
    return dumped


def dump_redis(url: str) -> str:
    """All keys with all that they hold; what messages carry, too."""
    pieces = []
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter():
            kind = client.type(key)
            items: Any = [client.get(key)] if kind == b"string" else []
            items = client.lrange(key, 0, -1) if kind == b"list" else items
            items = [*client.hgetall(key).values()] if kind == b"hash" else items
            items = client.smembers(key) if kind == b"set" else items
            items = client.zrange(key, 0, -1) if kind == b"zset" else items
            for item in [key, *items]:
                pieces.append(item.decode("utf-8", "replace"))
                if item.startswith(b'{"body"'):
                    pieces.append(base64.b64decode(json.loads(item)["body"]).decode())
    return "\n".join(pieces)
