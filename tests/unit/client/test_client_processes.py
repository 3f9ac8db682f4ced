"""Processes that log and end, or fork while they log: nothing is lost, nothing is sent twice, none hangs."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering_server import CUT, HANG, AnsweringServer, answering

ROOT = Path(__file__).resolve().parents[3]
BEGIN = """
import logging, os, sys, threading, time
from oddline.client import OddlineHandler
logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)
"""


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


def run(
    server: AnsweringServer, program: str, *, timeout_s: float = 60, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program that logs to the server by `logger`."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", BEGIN + textwrap.dedent(program)],
        cwd=ROOT, env=os.environ | {"ODDLINE_URL": server.url, "ODDLINE_API_KEY": "key"},
        capture_output=True, text=True, timeout=timeout_s, check=check,
    )  # fmt: skip


def messages(server: AnsweringServer) -> list[str]:
    """Of all batches that came, each key once, sorted."""
    taken = {request.headers["Idempotency-Key"]: request.entries for request in server.requests}
    return sorted(entry["message"] for entries in taken.values() for entry in entries)


def test_what_was_logged_is_sent_before_the_program_ends(server: AnsweringServer) -> None:
    server.told = [CUT, (500, {})]

    ran = run(
        server,
        """
        import atexit
        atexit.register(logger.info, "while ending")
        logger.addHandler(OddlineHandler(interval_s=60, batch_records=100))
        for number in range(250):
            logger.info("line %03d", number)
        """,
    )

    assert messages(server) == [*(f"line {number:03}" for number in range(250)), "while ending"]
    assert ran.stderr == ""


def test_thousands_that_wait_while_the_program_ends_are_sent(server: AnsweringServer) -> None:
    ran = run(
        server,
        """
        logger.addHandler(OddlineHandler(interval_s=60, batch_records=1_000, exit_timeout_s=30))
        for number in range(9_500):
            logger.info("line %04d", number)
        sys.exit("the program fails")
        """,
        check=False,
    )

    assert messages(server) == [f"line {number:04}" for number in range(9_500)]
    assert ran.stderr == "the program fails\n"


def test_what_is_first_logged_while_the_program_ends_is_sent_too(server: AnsweringServer) -> None:
    run(
        server,
        """
        import atexit
        logger.addHandler(OddlineHandler())
        atexit.register(logger.info, "while ending")
        """,
    )

    assert messages(server) == ["while ending"]


@pytest.mark.parametrize("told", [HANG, CUT])
def test_an_api_that_is_away_holds_up_the_end_for_the_timeout_at_most(server: AnsweringServer, told: str) -> None:
    server.told = [told] * 1_000

    ran = run(
        server,
        """
        began = time.monotonic()
        import atexit
        atexit.register(lambda: print(time.monotonic() - began))
        logger.addHandler(OddlineHandler(interval_s=0.01, exit_timeout_s=0.5))
        logger.info("hello")
        logging.shutdown()
        """,
    )

    assert 0.4 < float(ran.stdout) < 3
    assert ran.stderr == "oddline: 1 log record could not be sent in time\n"


def test_children_send_what_they_log_and_nothing_of_their_parents(server: AnsweringServer) -> None:
    """The parent's queue is full of records, and its other threads log while it forks."""
    ran = run(
        server,
        """
        logger.addHandler(OddlineHandler(interval_s=0.02, batch_records=20))
        ending = threading.Event()
        counts = [0] * 4
        def work(name):
            while not ending.is_set():
                logger.info("parent %d-%05d", name, counts[name])
                counts[name] += 1
                time.sleep(0.0005)
        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        children = []
        for child in range(10):
            for number in range(10):
                logger.info("main %d-%d", child, number)
            pid = os.fork()
            if pid == 0:
                for number in range(50):
                    logger.info("child %d-%02d", child, number)
                logging.shutdown()
                os._exit(0)
            children.append(pid)
        ends = [os.waitpid(pid, 0)[1] for pid in children]
        ending.set()
        for thread in threads:
            thread.join()
        print(ends == [0] * 10, *counts)
        """,
    )

    ended, *counts = ran.stdout.split()
    expected = [f"parent {name}-{number:05}" for name, count in enumerate(counts) for number in range(int(count))]
    expected += [f"main {child}-{number}" for child in range(10) for number in range(10)]
    expected += [f"child {child}-{number:02}" for child in range(10) for number in range(50)]
    assert ended == "True"
    assert messages(server) == sorted(expected)


def test_children_of_multiprocessing_send_what_they_log_before_they_end(server: AnsweringServer) -> None:
    """Those that are forked end without what runs at the end of an interpreter."""
    run(
        server,
        """
        import multiprocessing
        logger.addHandler(OddlineHandler(interval_s=60))
        def work(child):
            logger.info("child %d", child)
        logger.info("parent")
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(number,)) for number in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0, 0, 0]
        """,
    )

    assert messages(server) == ["child 0", "child 1", "child 2", "parent"]
