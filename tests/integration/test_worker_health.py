"""The health check of a worker's container: a task really done, by this worker, lately."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis
from worker_process import ROOT, StartWorker, Worker, running_worker

from oddline.local.valkey import ValkeyServer
from oddline.settings import Side
from oddline.tasks import Publisher
from worker_image.worker.process import host_name
from worker_image.worker.proof import PROVE_WORKER, Proof, own_queue
from worker_image.worker.pulse import FILE, LATEST_S, Pulse

APP = "worker_image.worker.app"


@pytest.fixture
def pulse(tmp_path: Path) -> Pulse:
    return Pulse(tmp_path)


@pytest.fixture
def queued(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    publisher = Publisher(redis_url, timeout_s=5)
    yield publisher
    publisher.close()


def is_healthy(home: Path) -> bool:
    """What Docker and ECS find out."""
    command = [sys.executable, "-m", "worker_image.worker.healthy"]
    return subprocess.run(command, env={"ODDLINE_HOME": str(home)}, cwd=ROOT, check=False).returncode == 0


def make_old(home: Path) -> None:
    """Have the last task done longer ago than a healthy worker's."""
    before = time.time() - LATEST_S - 1
    os.utime(home / FILE, (before, before))


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    for process in processes:
        process.suspend()
    yield
    for process in processes:
        process.resume()


def queue_of(worker: Worker) -> str:
    return str(own_queue(f"{host_name()}:{worker.child.pid}").name)


def test_a_container_without_a_worker_is_not_healthy(tmp_path: Path) -> None:
    assert not is_healthy(tmp_path)


def test_an_idle_worker_proves_itself_again_and_again(start_worker: StartWorker, tmp_path: Path) -> None:
    with start_worker(APP) as worker:
        worker.wait_for(lambda: is_healthy(tmp_path))
        make_old(tmp_path)

        worker.wait_for(lambda: is_healthy(tmp_path))


def test_a_worker_whose_child_hangs_is_not_healthy_until_it_goes_on(
    start_worker: StartWorker, publisher: Publisher, queued: redis.Redis, tmp_path: Path
) -> None:
    with start_worker(APP) as worker:
        worker.wait_for(lambda: is_healthy(tmp_path))
        (child,) = psutil.Process(worker.child.pid).children()

        with stopped(child):
            make_old(tmp_path)
            publisher.wake(PROVE_WORKER, queue=own_queue(f"{host_name()}:{worker.child.pid}"))
            worker.wait_for(lambda: queued.llen(queue_of(worker)) == 0)
            assert not is_healthy(tmp_path)

        worker.wait_for(lambda: is_healthy(tmp_path))


def test_a_worker_that_takes_nothing_more_from_redis_is_not_healthy_until_it_does(
    start_worker: StartWorker, queued: redis.Redis, tmp_path: Path
) -> None:
    with start_worker(APP) as worker:
        worker.wait_for(lambda: is_healthy(tmp_path))

        with stopped(psutil.Process(worker.child.pid)):
            make_old(tmp_path)
            worker.wait_for(lambda: queued.llen(queue_of(worker)) == 1)
            assert not is_healthy(tmp_path)

        worker.wait_for(lambda: is_healthy(tmp_path))


def test_a_worker_without_redis_is_left_in_peace(database_urls: dict[Side, str], tmp_path: Path) -> None:
    valkey = ValkeyServer(tmp_path / "valkey")
    valkey.start()
    try:
        with running_worker(APP, home=tmp_path, database_url=database_urls["worker"], redis_url=valkey.url) as worker:
            worker.wait_for(lambda: is_healthy(tmp_path))
            valkey.stop()
            make_old(tmp_path)

            worker.wait_for(lambda: is_healthy(tmp_path))
    finally:
        valkey.stop()
        valkey.remove()


def test_a_busy_process_is_healthy_within_its_limit_and_not_beyond(
    pulse: Pulse, publisher: Publisher, queued: redis.Redis, tmp_path: Path
) -> None:
    proof = Proof(pulse, publisher=publisher, worker="w:1")

    with pulse.task(limit_s=60):
        proof.seek()
        within = is_healthy(tmp_path)
        make_old(tmp_path)
    with pulse.task(limit_s=0):
        make_old(tmp_path)
        proof.seek()
        beyond = is_healthy(tmp_path)

    assert (within, beyond) == (True, False)
    assert queued.llen(own_queue("w:1").name) == 1


def test_an_unanswered_question_is_not_piled_up_and_leaves_redis_by_itself(
    pulse: Pulse, publisher: Publisher, queued: redis.Redis
) -> None:
    proof = Proof(pulse, publisher=publisher, worker="w:1")

    proof.seek()
    proof.seek()

    assert queued.llen(own_queue("w:1").name) == 1
    assert 0 < queued.ttl(own_queue("w:1").name) <= 600


def test_the_check_is_light(tmp_path: Path) -> None:
    loads = "import sys; import worker_image.worker.healthy; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, check=True, capture_output=True, text=True)

    assert not {"pydantic", "celery", "redis", "psycopg", "logging"} & set(done.stdout.split())
