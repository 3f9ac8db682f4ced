"""What `oddline up` says of a part that is no more: that it died, or that it ended as it was asked to."""

import os
import signal
import sys
from pathlib import Path

import pytest

from oddline.local.processes import wait_until
from oddline.local.supervisor import Program, Supervisor, Watched
from oddline.settings import Settings

PATIENCE_S = 10.0


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("pass", "worker ended as it was asked to; starting it again"),
        ("raise SystemExit(1)", "worker died; starting it again"),
        (f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", "worker died; starting it again"),
    ],
)
def test_a_part_that_is_no_more_is_told_by_how_it_ended(tmp_path: Path, ending: str, told: str) -> None:
    said: list[str] = []
    supervisor = Supervisor(Settings(_env_file=None, home=tmp_path), say=said.append)  # type: ignore[call-arg]
    program = Program("worker", [sys.executable, "-c", ending], home=tmp_path, env=os.environ)

    program.start()
    assert wait_until(lambda: not program.running(), patience_s=PATIENCE_S)
    supervisor._look_at(Watched(name="worker", part=program), now=0.0)
    program.stop()

    assert said == [told]
