"""The faults, each named as its row in docs/reliability.md; each returns when it is over."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from signal import Signals

import psutil
from breakable_stack import BreakableStack
from fault import FAULTS, Moment, fault
from proxy import Mode, Proxy
from running_stack import wait_until

from oddline import maintenance
from oddline.catalogue import CATALOGUE
from oddline.chunks import COMPACT_CHUNKS
from oddline.submissions import SCORE_WAITING
from oddline.tasks import Publisher, utc_now

__all__ = ["FAULTS"]

STARTED_S = 60.0
SEGMENT_BYTES = 16 * 2**20  # of PostgreSQL's write-ahead log
API_POINTS = ("body-written", "submission-written", "submission-committed")
SCORING_POINTS = ("claimed", "chunk-built", "chunk-written", "chunk-committed")
MERGE_POINTS = (
    "merge-listed", "merge-read", "merge-object-written", "merge-swapping", "merge-swapped", "merged-deleted",
)  # fmt: skip


# Workers


@fault("worker child killed with -9")
def kill_worker_child(stack: BreakableStack, moment: Moment) -> None:
    with suppress(psutil.NoSuchProcess):
        moment.rng.choice(_started(stack, "worker").children()).kill()


@fault("whole worker killed")
def kill_worker(stack: BreakableStack, _: Moment) -> None:
    worker = _started(stack, "worker")
    for process in [worker, *worker.children()]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@fault("worker killed between taking the message and acknowledging it")
def kill_worker_with_message(stack: BreakableStack, moment: Moment) -> None:
    points = ("message-taken", *SCORING_POINTS)
    stack.wait_for(stack.order(points[moment.round % len(points)]))


@fault("SIGTERM under load")
def deploy(stack: BreakableStack, _: Moment) -> None:
    for part in ("worker", "api", "schedules"):
        _started(stack, part).terminate()


@fault("worker killed between object and commit")
def kill_worker_after_object(stack: BreakableStack, _: Moment) -> None:
    _break_merge(stack, "merge-object-written")


@fault("compaction killed after each of its steps")
def kill_compaction(stack: BreakableStack, moment: Moment) -> None:
    _break_merge(stack, MERGE_POINTS[moment.round % len(MERGE_POINTS)])


@fault("lease runs out after the chunk is built, in a claim of several projects")
def outlive_lease(stack: BreakableStack, moment: Moment) -> None:
    frozen = psutil.Process(stack.wait_for(stack.order("chunk-of-several-built", Signals.SIGSTOP)))
    try:
        with suppress(psutil.TimeoutExpired):
            frozen.wait(moment.lease_s * 1.5)
    finally:
        frozen.resume()


@fault("model file replaced by a broken one")
def break_model(stack: BreakableStack, moment: Moment) -> None:
    model = stack.model / "model.onnx"
    kept = model.rename(model.with_suffix(".kept"))
    model.write_bytes(b"this is no model")
    try:
        kill_worker(stack, moment)
        _wait(moment.outage_s)
    finally:
        kept.rename(model)


@fault("supervisor killed")
def kill_supervisor(stack: BreakableStack, _: Moment) -> None:
    stack.kill_supervisor()
    wait_until(lambda: not stack.survivors(), seconds=STARTED_S, what="its parts have ended with it")
    stack.start()


# Messages


@fault("same message delivered three times at once")
def deliver_three_times(stack: BreakableStack, _: Moment) -> None:
    publisher = Publisher(stack.redis_url(), timeout_s=2, pause_s=0)
    for _number in range(20):
        for _copy in range(3):
            publisher.wake(SCORE_WAITING)
    publisher.close()
    task = stack.enqueue(COMPACT_CHUNKS, messages=3)
    wait_until(lambda: _state(stack, task)[0] == "SUCCESS", seconds=STARTED_S, what="the task has run")
    assert _state(stack, task) == ("SUCCESS", 1), "it ran more than once"


@fault("two reconcilers at once")
def reconcile_twice(stack: BreakableStack, moment: Moment) -> None:
    ended = threading.Event()

    def reconcile() -> None:
        publisher = Publisher(stack.redis_url(), timeout_s=2, pause_s=0)
        with stack.database() as db:
            while not ended.wait(0.05):
                maintenance.reconcile(db, publisher, catalogue=CATALOGUE, now=utc_now())
        publisher.close()

    threads = [threading.Thread(target=reconcile, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    kill_worker_child(stack, moment)
    _wait(2.0)
    ended.set()
    for thread in threads:
        thread.join()


@fault("Valkey killed and its data folder wiped")
def wipe_valkey(stack: BreakableStack, _: Moment) -> None:
    _started(stack, "valkey/process").kill()
    shutil.rmtree(stack.home / "valkey" / "appendonlydir")


@fault("Valkey frozen", lasts=True, in_cut=False)
def freeze_valkey(stack: BreakableStack, moment: Moment) -> None:
    valkey = stack.process("valkey/process")
    valkey.suspend()
    try:
        _wait(moment.outage_s)
    finally:
        valkey.resume()


@fault("connections to Valkey black-holed", lasts=True)
def swallow_valkey(stack: BreakableStack, moment: Moment) -> None:
    _disturb(stack.valkey, Mode.BLACK_HOLE, moment)


# PostgreSQL


@fault("PostgreSQL restarted")
def restart_postgres(stack: BreakableStack, _: Moment) -> None:
    _started(stack, "postgres/process").send_signal(Signals.SIGINT)


@fault("PostgreSQL killed with -9")
def kill_postgres(stack: BreakableStack, _: Moment) -> None:
    _started(stack, "postgres/process").kill()


@fault("PostgreSQL refusing connections", lasts=True)
def refuse_postgres(stack: BreakableStack, moment: Moment) -> None:
    _disturb(stack.postgres, Mode.REFUSING, moment)


@fault("connections to PostgreSQL black-holed", lasts=True, in_cut=False)
def swallow_postgres(stack: BreakableStack, moment: Moment) -> None:
    _disturb(stack.postgres, Mode.BLACK_HOLE, moment)


@fault("disk full on the database's volume", lasts=True, in_cut=False, stack="small volume")
def fill_volume(stack: BreakableStack, moment: Moment) -> None:
    volume = stack.home.parent / "volume"
    if not volume.is_mount():
        _limit_files(stack, moment)
        return
    filler = volume / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(64 * 1024)):
            pass
    try:
        _wait(moment.outage_s)
    finally:
        filler.unlink()


# API and clock


@fault("API process killed in the middle of a request")
def kill_api(stack: BreakableStack, moment: Moment) -> None:
    stack.wait_for(stack.order(API_POINTS[moment.round % len(API_POINTS)]))


@fault("clock jumped one hour forward", in_cut=False, stack="own clock")
def jump(stack: BreakableStack, moment: Moment) -> None:
    clock = stack.home.parent / "clock"
    new = clock.with_suffix(".new")
    new.write_text(f"+{moment.round + 1}h")
    new.replace(clock)
    stack.ahead = timedelta(hours=moment.round + 1)
    soon_then = utc_now() + stack.ahead - timedelta(minutes=10)
    wait_until(
        lambda: stack.ask("SELECT max(seen_at) > %s FROM workers", [soon_then])[0][0],
        seconds=STARTED_S,
        what="a worker gives its sign of life an hour ahead",
    )


# The object store


@fault("object store refusing", lasts=True, in_cut=False)
def refuse_objects(stack: BreakableStack, moment: Moment) -> None:
    _disturb(stack.objects, Mode.REFUSING, moment)


@fault("object store slow", lasts=True, in_cut=False)
def slow_objects(stack: BreakableStack, moment: Moment) -> None:
    _disturb(stack.objects, Mode.SLOW, moment)


@fault("object store losing answers", lasts=True, in_cut=False)
def lose_answers(stack: BreakableStack, moment: Moment) -> None:
    _disturb(stack.objects, Mode.ANSWERLESS, moment)


def _limit_files(stack: BreakableStack, moment: Moment) -> None:
    """Let no file grow past the middle of a segment of the write-ahead log, where no volume of its own can be had."""
    server = _started(stack, "postgres/process")
    processes = [server, *server.children()]
    _, hard = server.rlimit(psutil.RLIMIT_FSIZE)
    for limit, lasts_s in ((SEGMENT_BYTES // 2, moment.outage_s), (hard, 0.0)):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (limit, hard))
        _wait(lasts_s)


def _disturb(proxy: Proxy, mode: Mode, moment: Moment) -> None:
    proxy.set(mode)
    try:
        _wait(moment.outage_s)
    finally:
        proxy.set(Mode.OPEN)


def _break_merge(stack: BreakableStack, point: str) -> None:
    """Have compactions run until one of them is at `point`, where its worker dies."""
    taken = stack.order(point)
    with _compactions(stack):
        stack.wait_for(taken)


@contextmanager
def _compactions(stack: BreakableStack) -> Iterator[None]:
    ended = threading.Event()

    def compact() -> None:
        while not ended.wait(1.0):
            stack.enqueue(COMPACT_CHUNKS)

    thread = threading.Thread(target=compact, daemon=True)
    stack.enqueue(COMPACT_CHUNKS)
    thread.start()
    yield
    ended.set()
    thread.join()


def _started(stack: BreakableStack, part: str) -> psutil.Process:
    """The process of a part, which may be on its way back from the fault before."""
    wait_until(lambda: stack.runs(part), seconds=STARTED_S, what=f"{part} runs")
    return stack.process(part)


def _state(stack: BreakableStack, task: object) -> tuple[str, int]:
    [(state, attempt)] = stack.ask("SELECT state, attempt FROM tasks WHERE id = %s", [task])
    return state, attempt


def _wait(seconds: float) -> None:
    """How long the fault lasts: there is nothing to look for meanwhile."""
    time.sleep(seconds)
