"""What work a batch makes: processor time of the function, of the worker and of PostgreSQL, log written, bytes stored.

The lines are the sample's, which real programs printed while faults were caused. Everything runs in this process, one
step after the other, by the code of the functions and of the worker, with row-level security; what is told is
processor time, which a loaded machine changes less than a clock. Not in it: publishing the wake-up, and Celery around
it. `oddline cost` and `python -m bench scale` reckon with these figures.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import psutil
import psycopg
from mangum import Mangum

from bench.listing import compact
from bench.services import LEASE, BareDatabase, bare_database
from bench.storage import sizes
from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.database import Database
from oddline.identity import create_key
from oddline.patterns import Masker
from oddline.sample import SampleLine, read_corpus
from oddline.scoring import Encoder, Memories, Scorer, fold_counts, score_waiting
from oddline.scoring.rates import Rules, detect_rates
from oddline.scoring.sequences import detect_sequences
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher

BATCH_LINES = 1_000
WARM_UP = 130  # batches: the sample's calm beginning and its first fault
BATCHES = 100  # measured as a backlog, and as many one by one
SINGLES = 200
EARLIER = timedelta(minutes=5)  # that the warm-up is scored, so that the worker looks again at what is known by then
STORED = ("chunks", "odd_entries", "submission_state", "bodies_for_2_days")
# A transaction takes a number when it first writes.
_COUNTERS = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       pg_backend_pid()
"""


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`work`: for each step its figures per batch of 1,000 lines; of single entries, per entry."""
    warm_up, batches, singles = (2, 3, 3) if quick else (WARM_UP, BATCHES, SINGLES)
    lines = read_corpus()
    sample = _bodies(lines)
    with bare_database(work) as bare, bare.connect("worker") as worker, bare.connect("ingest") as ingest:
        steps = _Steps(bare, ingest=ingest, worker=worker)
        steps.behind = EARLIER
        steps.take(islice(sample, warm_up))
        steps.score()
        steps.fold()
        steps.detect()
        steps.behind = timedelta()
        before = sizes(bare, parts=STORED)
        bodies = list(islice(sample, batches))
        measured = {
            "take": _watch(bare, lambda: steps.take(bodies), units=batches),
            "score_backlog": _watch(bare, steps.score, units=batches),
            "fold": _watch(bare, steps.fold, units=batches),
            "detect": _watch(bare, steps.detect, units=batches),
        }
        born = sizes(bare, parts=STORED)
        measured["score_one_by_one"] = _watch_alone(bare, steps, list(islice(sample, batches)))
        alone = list(islice(_bodies(lines, size=1), singles))
        measured["take_single"] = _watch(bare, lambda: steps.take(alone), units=singles)
        total = (warm_up + 2 * batches) * BATCH_LINES
        measured["compact"] = _watch(bare, lambda: compact(bare, worker), units=total / BATCH_LINES)
        measured["bytes_per_line"] = {
            part: round((born[part] - before[part]) / batches / BATCH_LINES, 1) for part in STORED
        } | {
            "compacted_objects": round(sum(one.size for one in bare.objects.list("chunks/")) / total, 1),
            "wire": round(sum(map(len, bodies)) / batches / BATCH_LINES, 1),
            "text": round(_text_bytes(bodies) / batches / BATCH_LINES, 1),
        }
    return {"work": measured}


class _Steps:
    """What the parts of Oddline do with batches, each step by its own code."""

    def __init__(self, bare: BareDatabase, *, ingest: Database, worker: Database) -> None:
        settings = Settings(_env_file=None)  # type: ignore[call-arg]  # pydantic takes it
        parts = Parts(settings=settings, db=ingest, publisher=Publisher("", pause_s=1e9), objects=bare.objects)
        self._handler = Mangum(new_app(router, title="bench", parts=lambda: parts), lifespan="off")
        self._key = create_key(worker, project=bare.project, name="bench", key_id=new_id(), now=datetime.now(UTC)).key
        encoder = Encoder.load()
        self._scorer = Scorer(encoder=encoder, masker=Masker(), memories=Memories(encoder))
        self._bare, self._worker, self._settings = bare, worker, settings
        self.behind = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) - self.behind

    def take(self, bodies: Iterable[bytes]) -> None:
        """The ingest function, from the event that API Gateway sends to the answer."""
        for body in bodies:
            answer = self._handler(_event(body, key=self._key), {})  # type: ignore[arg-type]  # it takes any context
            if answer["statusCode"] != 202:
                raise RuntimeError(f"a batch was answered with {answer['statusCode']}: {answer['body'][:500]}")

    def score(self) -> None:
        """The worker's claims, until nothing waits."""
        while score_waiting(
            db=self._worker, objects=self._bare.objects, scorer=self._scorer, worker="bench", lease=LEASE, now=self.now
        ):
            pass

    def fold(self) -> None:
        fold_counts(self._worker, now=self.now)

    def detect(self) -> None:
        rules = Rules(alarms_per_day=self._settings.rate_alarms, warm_up=self._settings.rate_warm_up)
        detect_rates(db=self._worker, objects=self._bare.objects, rules=rules, now=self.now)
        gap, alarms = self._settings.sequence_gap, self._settings.sequence_alarms
        detect_sequences(db=self._worker, objects=self._bare.objects, gap=gap, alarms=alarms, now=self.now)


def _bodies(lines: Iterator[SampleLine], *, size: int = BATCH_LINES) -> Iterator[bytes]:
    """The sample's next lines as the bodies of batches, as if they came in now."""
    while batch := list(islice(lines, size)):
        at = datetime.now(UTC).isoformat()
        yield orjson.dumps({"entries": [{"timestamp": at, "source": one.source, "message": one.text} for one in batch]})


def _text_bytes(bodies: Sequence[bytes]) -> int:
    return sum(len(entry["message"].encode()) for body in bodies for entry in orjson.loads(body)["entries"])


def _event(body: bytes, *, key: str) -> dict[str, Any]:
    """As an HTTP API sends it, payload format 2.0."""
    path = "/api/v1/logs/batch"
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "bench", "x-api-key": key},
        "requestContext": {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.7"}
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def _watch_alone(bare: BareDatabase, steps: _Steps, bodies: Sequence[bytes]) -> dict[str, float]:
    """Scoring where each claim finds one batch, as it is while workers keep up."""
    summed = {"cpu_ms": 0.0, "database_cpu_ms": 0.0, "log_kb": 0.0, "writes": 0.0}
    for body in bodies:
        steps.take([body])
        one = _watch(bare, steps.score, units=len(bodies))
        summed = {name: summed[name] + one[name] for name in summed}
    return {name: round(value, 2) for name, value in summed.items()}


def _watch(bare: BareDatabase, step: Callable[[], Any], *, units: float) -> dict[str, float]:
    """Processor time here and in PostgreSQL, log and writing transactions that a step takes, over `units`."""
    with psycopg.connect(bare.urls["owner"], autocommit=True) as connection:
        before, cpu_before = _counters(connection), time.process_time()
        step()
        cpu_s, after = time.process_time() - cpu_before, _counters(connection)
    log, writes, database_cpu_s = (late - early for late, early in zip(after, before, strict=True))
    return {
        "cpu_ms": round(cpu_s * 1_000 / units, 3),
        "database_cpu_ms": round(database_cpu_s * 1_000 / units, 3),
        "log_kb": round(log / 1_024 / units, 3),
        "writes": round(writes / units, 3),
    }


def _counters(connection: psycopg.Connection[Any]) -> tuple[float, float, float]:
    """Bytes of log, writing transactions, and the processor time of all of PostgreSQL's processes."""
    (log, writes, backend), *_ = connection.execute(_COUNTERS).fetchall()
    server = psutil.Process(backend).parent()
    assert server is not None
    used = [one.cpu_times() for one in (server, *server.children())]
    ended = used[0].children_user + used[0].children_system
    return float(log), float(writes), sum(one.user + one.system for one in used) + ended
