"""`oddline up`, `status`, `stop` and `worker`: the local stack."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from oddline.cli.connecting import operator_settings
from oddline.cli.console import new_console
from oddline.cli.demo import show_demo
from oddline.errors import OddlineError, StackFailed
from oddline.local.stack import FLOWER_USER, Stack
from oddline.local.supervisor import Supervisor
from oddline.settings import load_settings

READY_PATIENCE_S = 120.0
HEALTH_TIMEOUT_S = 5.0
STOP_PATIENCE_S = 60.0

console = new_console()


def up(
    demo: Annotated[bool, typer.Option(help="send the sample log at the first start")] = True,
    flower: Annotated[bool, typer.Option(help="run Flower, too, behind the password that `status` tells")] = False,
) -> None:
    """Start everything and stay in the foreground until Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell that starts us in the background has it ignored
    supervisor = Supervisor(
        load_settings(), say=lambda step: console.print(f"{step} …", style="dim"), with_flower=flower
    )
    try:
        with supervisor.running() as stack:
            _wait_until_ready(supervisor, stack)
            if demo and stack.first_start:
                threading.Thread(target=_demo, args=[stack], daemon=True).start()
            else:
                _say_where(stack)
            supervisor.watch(until=lambda: False)
    except KeyboardInterrupt:
        console.print("stopped")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="as one JSON object")] = False,
) -> None:
    """Say whether the local stack runs, where, and how its parts are."""
    stack = Stack.load(load_settings().home.absolute())
    health = _health(stack)
    told = {
        "healthy": health.get("status") == "healthy",
        "url": stack.url,
        "api_key": stack.api_key,
        "hmac_secret": stack.hmac_secret,
        "flower": {"url": stack.flower_url, "user": FLOWER_USER, "password": stack.flower_password},
        "health": health,
    }
    if as_json:
        print(json.dumps(told))
    else:
        console.print(f"{'healthy' if told['healthy'] else 'not healthy'}: {health.get('message', '')}")
        console.print(f"API {stack.url}\nkey {stack.api_key}", soft_wrap=True)
        if stack.flower_url:
            console.print(f"Flower {stack.flower_url}, user {FLOWER_USER}, password {stack.flower_password}")
    raise typer.Exit(0 if told["healthy"] else 1)


def stop(
    forget: Annotated[bool, typer.Option(help="delete its state too: all that it stored")] = False,
) -> None:
    """Stop the local stack of this folder."""
    settings = load_settings()
    _stop(settings.home.absolute() / "lock")
    if forget:
        Supervisor(settings).forget()
        console.print("its state is deleted")


def _stop(lock: Path) -> None:
    deadline = time.monotonic() + STOP_PATIENCE_S
    pid = _holder(lock)
    if pid is None:
        console.print("nothing runs here")
        return
    os.kill(pid, signal.SIGTERM)
    while _holder(lock) is not None:
        if time.monotonic() > deadline:
            raise StackFailed(f"process {pid} did not end within {STOP_PATIENCE_S:.0f} s")
        time.sleep(0.1)
    console.print("stopped")


def worker(
    concurrency: Annotated[int | None, typer.Option(min=1, help="processes")] = None,
    queues: Annotated[str | None, typer.Option(help="comma-separated; all of them when not given")] = None,
) -> None:
    """Run one more worker in the foreground, for the servers of the environment or the local stack's."""
    operator_settings()  # the local stack's become this process's, where the environment names no servers
    env = os.environ | {"REMAP_SIGTERM": "SIGQUIT"}
    command = [sys.executable, "-m", "celery", "--app", "worker_image.worker.app", "worker", "--without-gossip"]
    command += ["--without-mingle", "--without-heartbeat", "--task-events", "--hostname", f"extra{os.getpid()}@%h"]
    command += ["--concurrency", str(concurrency)] if concurrency else []
    command += ["--queues", queues] if queues else []
    os.execve(command[0], command, env)  # noqa: S606  # this process becomes the worker


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _wait_until_ready(supervisor: Supervisor, stack: Stack) -> None:
    deadline = time.monotonic() + READY_PATIENCE_S

    def ready() -> bool:
        if time.monotonic() > deadline:
            raise StackFailed(f"not healthy after {READY_PATIENCE_S:.0f} s: {_health(stack).get('message')}")
        return _health(stack).get("status") == "healthy"

    supervisor.watch(until=ready)


def _health(stack: Stack) -> dict[str, Any]:
    try:
        # No proxy of the environment: it could not reach this machine's own address.
        answer: dict[str, Any] = httpx.get(
            f"{stack.url}/api/v1/monitoring/health", timeout=HEALTH_TIMEOUT_S, trust_env=False
        ).json()
    except (httpx.HTTPError, ValueError) as error:
        return {"status": "unhealthy", "message": f"the API does not answer: {error}"}
    return answer


def _demo(stack: Stack) -> None:
    try:
        show_demo(stack, console=console)
    except OddlineError as error:
        console.print(f"the sample log could not be shown: {error}", style="red")
    _say_where(stack)


def _say_where(stack: Stack) -> None:
    console.print(Text.assemble("\n", ("Oddline runs", "bold green"), f" at {stack.url}"), soft_wrap=True)
    console.print(f"API key {stack.api_key}", soft_wrap=True)
    console.print("Ctrl-C stops it; `.venv/bin/oddline status` tells how it is", style="dim")


def _holder(lock: Path) -> int | None:
    """The process that holds the home folder."""
    import fcntl

    if not lock.exists():
        return None
    with lock.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            return int(held.read() or 0) or None
    return None
