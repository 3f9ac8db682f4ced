"""The one tree of what a caller of the API has to expect: each says what happened, and whether it may pass."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oddline.client.answers import Sent, Task


class ClientError(Exception):
    """A call came to nothing.

    `sent` is what of a sending in batches was taken before; None for other calls.
    """

    sent: "Sent | None" = None


class Refused(ClientError):
    """The API refused the call for good: the same one will be refused again.

    Args:
        status: of HTTP.
        problem: the answer's problem document (RFC 9457); empty where something else answered, a proxy, say.
    """

    def __init__(self, detail: str, *, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.problem = problem

    @property
    def code(self) -> str:
        """The stable name of what is wrong; empty where the answer has none."""
        return str(self.problem.get("code", ""))


class Unavailable(ClientError):
    """The API could not be reached, or did not take the call, in any of the tries: later it may.

    Args:
        retry_after_s: seconds after which the API asked to be tried again; None where it did not say.
    """

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class NotReady(ClientError):
    """A task was not over in the time that was given to wait; it goes on."""

    def __init__(self, task_id: str, *, status: str, timeout_s: float) -> None:
        super().__init__(f"task {task_id} is still {status} after {timeout_s:g} s")
        self.task_id = task_id
        self.status = status


class TaskFailed(ClientError):
    """Tasks ended without success: they failed for good, or were cancelled."""

    def __init__(self, tasks: "Sequence[Task]") -> None:
        super().__init__(
            "; ".join(f"task {task.id} is {task.status}: {task.error or 'no error told'}" for task in tasks)
        )
        self.tasks = tuple(tasks)
