"""Show on a terminal how far uploads are, and what becomes of them; anywhere else nothing is drawn."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from oddline.cli.uploading import Sent
from oddline.client import Client, NotReady, Task

LOOK_EVERY_S: Final = 1.0


class FileProgress:
    """A bar a file: parts and bytes while it is sent, then how much of it is processed.

    Use as a context manager.
    """

    def __init__(self, console: Console) -> None:
        self.is_shown = console.is_terminal
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[step]}"),
            DownloadColumn(),
        )
        self._bars = Progress(*columns, console=console, transient=True, disable=not self.is_shown)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, name: str) -> TaskID:
        """A bar for a file that is about to be sent."""
        return self._bars.add_task(name, total=None, step="")

    def sent(self, bar: TaskID, sent: Sent) -> None:
        """Show what of it is there."""
        self._bars.update(bar, completed=sent.bytes, total=sent.size, step=f"part {sent.part:,} of {sent.parts:,}")

    def processed(self, bar: TaskID, progress: float) -> None:
        """Show how much of it became entries, 0 to 1."""
        self._bars.update(bar, completed=progress, total=1.0, step=f"processed {100 * progress:.1f} %")


def wait_for(
    client: Client, task_ids: Mapping[str, TaskID], *, patience_s: float, told: Callable[[TaskID, float], None]
) -> list[Task]:
    """The tasks once over, in their order; `told` is told how far each is meanwhile.

    Raises:
        NotReady: one is not over after so many seconds.
        Refused: there is no such task, or the key may not read.
    """
    deadline = time.monotonic() + patience_s
    tasks = []
    for task_id, bar in task_ids.items():
        while True:
            left = deadline - time.monotonic()
            try:
                tasks.append(client.wait(task_id, timeout_s=min(LOOK_EVERY_S, max(left, 0.0))))
                told(bar, 1.0)
                break
            except NotReady:
                if left <= 0:
                    raise
                told(bar, client.task(task_id).progress or 0.0)
    return tasks
