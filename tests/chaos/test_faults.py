"""Whatever dies while logs come in: every accepted entry is stored exactly once, with a score."""

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from running_stack import READY_S, RunningStack, Sender, wait_until

RECOVERY_S = 90.0
LINES = 50  # of a batch


@dataclass(frozen=True, slots=True)
class Extent:
    """How many batches a fault meets, and how long it lasts where it does not end by itself."""

    batches: int
    outage_s: float


CUT, FULL_LENGTH = Extent(batches=40, outage_s=5), Extent(batches=200, outage_s=30)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("chaos") / "home")
    running.start()
    yield running
    running.remove()


@pytest.fixture(scope="module")
def extent(pytestconfig: pytest.Config) -> Extent:
    return FULL_LENGTH if pytestconfig.getoption("full_length") else CUT


def kill_worker(stack: RunningStack, _: Extent) -> None:
    stack.process("worker").kill()


def kill_worker_child(stack: RunningStack, _: Extent) -> None:
    random.choice(stack.process("worker").children()).kill()


def ask_worker_to_stop(stack: RunningStack, _: Extent) -> None:
    stack.process("worker").terminate()


def kill_valkey(stack: RunningStack, _: Extent) -> None:
    stack.process("valkey/process").kill()


def freeze_valkey(stack: RunningStack, extent: Extent) -> None:
    valkey = stack.process("valkey/process")
    valkey.suspend()
    with pytest.raises(psutil.TimeoutExpired):
        valkey.wait(extent.outage_s)
    valkey.resume()


def restart_postgres(stack: RunningStack, _: Extent) -> None:
    stack.process("postgres/process").send_signal(signal.SIGINT)


def kill_postgres(stack: RunningStack, _: Extent) -> None:
    stack.process("postgres/process").kill()


def kill_api(stack: RunningStack, _: Extent) -> None:
    stack.process("api").kill()


@pytest.mark.parametrize(
    "fault",
    [
        kill_worker,
        kill_worker_child,
        ask_worker_to_stop,
        kill_valkey,
        freeze_valkey,
        restart_postgres,
        kill_postgres,
        kill_api,
    ],
)
def test_every_accepted_entry_is_stored_once_in_spite_of(
    stack: RunningStack, extent: Extent, fault: Callable[[RunningStack, Extent], None]
) -> None:
    before = stack.stored()
    sender = Sender(stack, batches=extent.batches, lines=LINES)

    sending = sender.start()
    wait_until(lambda: len(sender.accepted) > extent.batches * LINES // 4, seconds=30, what="a quarter is sent")
    fault(stack, extent)
    sending.join(RECOVERY_S)

    assert len(sender.accepted) == extent.batches * LINES
    wait_until(
        lambda: len(stack.stored()) == len(before) + len(sender.accepted), seconds=RECOVERY_S, what="all are stored"
    )
    assert stack.stored() == before + Counter(sender.accepted)
    wait_until(stack.healthy, seconds=RECOVERY_S, what="the stack is healthy again")


def test_a_stack_whose_supervisor_was_killed_leaves_nothing_running_and_starts_again_with_all_data(
    stack: RunningStack,
) -> None:
    before = stack.stored()
    sender = Sender(stack, batches=10, lines=LINES)
    sender.run()

    stack.kill_supervisor()
    wait_until(lambda: not stack.survivors(), seconds=READY_S, what="its parts have ended with it")
    stack.start()

    expected = before + Counter(sender.accepted)
    wait_until(lambda: len(stack.stored()) == len(expected), seconds=RECOVERY_S, what="all are stored")
    assert stack.stored() == expected


def test_a_stopped_stack_leaves_no_process_and_a_forgotten_one_no_folder(tmp_path: Path) -> None:
    stack = RunningStack(tmp_path / "home")
    stack.start()

    stack.stop()

    assert stack.survivors() == []
    stack.remove()
    assert not stack.home.exists()
