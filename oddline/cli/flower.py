"""`oddline flower`: Flower in the foreground, behind its password."""

import os
import sys
from typing import Annotated

import typer

from oddline.cli.connecting import operator_settings
from oddline.cli.console import new_console
from oddline.local.stack import FLOWER_PORT, FLOWER_USER
from oddline.local.state import LOOPBACK, choose_port

console = new_console()


def flower(
    port: Annotated[int | None, typer.Option(help="5555, or one near it, where none is given")] = None,
) -> None:
    """Run Flower in the foreground, for the servers of the environment or the local stack's."""
    settings = operator_settings()
    used = port or choose_port(FLOWER_PORT)
    console.print(f"Flower at http://{LOOPBACK}:{used}, user {FLOWER_USER}, password {settings.flower_password}")
    command = [sys.executable, "-m", "worker_image.flower", str(used)]
    env = os.environ | {"ODDLINE_REDIS_URL": settings.redis_url, "ODDLINE_FLOWER_PASSWORD": settings.flower_password}
    os.execve(command[0], command, env)  # noqa: S606  # this process becomes Flower
