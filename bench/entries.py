"""Makes entries as a fleet of services would log them: over a thousand patterns, ids that never come again."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from oddline.submissions import Columns, decode_batch, take_entries

COMPONENTS = (
    "acceptor", "allocator", "archiver", "balancer", "billing", "cache", "cart", "catalog", "checkout", "cleaner",
    "compactor", "consumer", "coordinator", "dispatcher", "exporter", "fetcher", "gateway", "importer", "indexer",
    "inventory", "invoicer", "mailer", "merger", "notifier", "planner", "poller", "pricing", "producer", "profile",
    "quota", "refunds", "registry", "replicator", "resolver", "scheduler", "search", "sessions", "shipping", "syncer",
    "uploader",
)  # fmt: skip
EVENTS = (
    "request {uuid} from {ip} to /api/v2/orders answered with status ok after {small} ms, cache was not asked",
    "accepted connection of client {ip}:{port} over tls, {small} connections are open, the session was resumed",
    "job {number} finished in {number} ms on node-{small}: all rows were read and written, none had to be skipped",
    "took message at offset {number} of partition {small}, the consumer group is {small} ms behind the newest one",
    "user {number} signed in from {ip} with a known device, second factor was asked for and given in {small} s",
    "stored object /data/objects/{hex}.bin in {small} parts, its checksum was verified on all of its replicas",
    "evicted {number} entries from segment {small} to make room, the oldest of them had not been read for a day",
    "scheduled task {uuid} for worker {small}, the queue is short and its dependencies have all been met already",
    "refreshed the configuration from {ip}: {small} keys have changed since the last time, the others were kept",
    "order {number} of customer {number} moved from state reserved to state paid, the warehouse has been told so",
    "lease on shard {small} was renewed by its holder {ip} in term {number}, every follower is in sync right now",
    "flushed {number} bytes of the write-ahead log in {small} ms, older segments are kept for the slowest replica",
    "query {hex} returned {number} rows within its budget, an index was used for each of its conditions and joins",
    "heartbeat of node-{small} at {ip} arrived in time: load is moderate, memory suffices, every slot is in use",
    "mail {uuid} was handed over to relay {ip} and accepted for all of its recipients at the first try",
    "checkpoint complete: wrote {number} buffers, added {small} files and recycled the others, sync was fast enough",
    "rotated the signing key of tenant {number}, version {small} is current and the one before it stays valid for now",
    "client at {ip} stays below its rate: {small} requests in the current window, tokens are left in each bucket",
    "snapshot of volume {number} taken in {small} s, only blocks that changed since its parent were copied there",
    "parsed document {uuid} into {small} sections, language was detected and every term went into the index",
    "replica {ip} caught up with the primary at position {number} and takes part in reads again since this moment",
    "invoice {number} was rendered for customer {number} in the language of its address and put into the archive",
    "session {hex} ended after {small} minutes by the user's own wish, its tokens were revoked on every device",
    "price list {number} was imported with {small} changes, the shops see them as soon as their caches have expired",
    "upload {uuid} of {number} bytes is complete, it was scanned and nothing suspicious has been found in it",
    "route to {ip} was added with metric {small}, traffic moves over to it step by step during the next minutes",
    "parcel {number} left depot {small} on time, the carrier has confirmed it and the customer was sent a notice",
    "backup {hex} was verified by a restore into an empty database in {small} minutes, the counts of rows agree",
    "thread pool of {small} is half used, the longest of the waiting calls has waited for {number} ms until now",
    "search for a phrase gave {number} hits in {small} ms, the first page was ranked anew by the latest clicks",
)  # fmt: skip
TROUBLES = (
    "fatal error while writing shard {small} to {ip}: connection reset by peer, {number} records have been lost",
    "worker {small} crashed with a segmentation fault after {number} requests, its core was dumped for inspection",
    "cannot allocate {number} bytes: out of memory, killing process {number} to save the others on this machine",
    "data corruption detected in segment {hex}: checksum mismatch at block {number}, the replica was refused",
)  # fmt: skip
TROUBLE_SHARE = 0.002  # of the lines: what a fleet in fair health logs
BATCH_ENTRIES = 1_000
SOURCES = tuple(f"fleet-{name}" for name in ("api", "auth", "batch", "data", "edge", "mail", "store", "web"))


def messages(count: int, *, seed: int) -> Iterator[str]:
    """Messages of about 120 characters, each pattern as likely as another but for those that tell of trouble."""
    rng = random.Random(seed)
    for _ in range(count):
        event = rng.choice(TROUBLES if rng.random() < TROUBLE_SHARE else EVENTS)
        yield f"{rng.choice(COMPONENTS)}: {_filled(event, rng)}"


def entries(
    count: int, *, seed: int, start: datetime, span: timedelta = timedelta(seconds=1)
) -> Iterator[dict[str, Any]]:
    """Entries as a client sends them, evenly spread over `span` from `start` on; each component logs to one source."""
    for number, message in enumerate(messages(count, seed=seed)):
        component = message.partition(":")[0]
        yield {
            "timestamp": (start + span * number / count).astimezone(UTC).isoformat(),
            "severity": "INFO",
            "source": SOURCES[COMPONENTS.index(component) % len(SOURCES)],
            "message": message,
        }


def batch_body(count: int, *, seed: int, start: datetime, span: timedelta = timedelta(seconds=1)) -> bytes:
    """The JSON body of a batch."""
    return orjson.dumps({"entries": list(entries(count, seed=seed, start=start, span=span))})


def columns(body: bytes, *, now: datetime) -> Columns:
    """The accepted entries of a batch body, all of which must be good."""
    accepted, faults = take_entries(decode_batch(body, content_type="application/json"), now=now)
    if faults:
        raise ValueError(f"the bench made a bad entry: {faults[0]}")
    return accepted


def _filled(event: str, rng: random.Random) -> str:
    return event.format_map(_Values(rng))


class _Values(dict[str, str]):
    """Gives each placeholder of an event a value of its own, at each place where it stands."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, name: str) -> str:
        bits = self._rng.getrandbits
        match name:
            case "uuid":
                return str(UUID(int=bits(128)))
            case "hex":
                return f"{bits(48):012x}"
            case "ip":
                return f"10.{bits(8)}.{bits(8)}.{bits(8)}"
            case "port":
                return str(1_024 + bits(15))
            case "number":
                return str(bits(20))
            case "small":
                return str(1 + bits(6))
        raise KeyError(name)
