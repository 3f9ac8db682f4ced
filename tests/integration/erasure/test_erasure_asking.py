"""What cannot be erased is refused when it is asked for."""

from uuid import UUID

import pytest
from erasing import NAME
from inbox import Inbox

from oddline.errors import InvalidParameter
from oddline.privacy import request_erasure
from oddline.tasks import TaskContext


@pytest.mark.parametrize(
    ("values", "reason"),
    [((), "r"), (("abc",), "r"), (("    ",), "r"), (("a\0bcd",), "r"), (("x" * 1_001,), "r"), ((NAME,), f"of {NAME}")],
)
def test_values_that_would_erase_the_rest_or_stand_in_the_reason_are_refused(
    inbox: Inbox, context: TaskContext, project: UUID, values: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(InvalidParameter), inbox.db("console").transaction(project=project) as tx:
        request_erasure(
            tx,
            project=project,
            values=values,
            ignore_case=False,
            reason=reason,
            requested_by="key:test",
            cipher=context.settings.cipher(),
            now=inbox.clock(),
        )


class Accepted(Exception):
    """Raised where a request was taken, so that nothing of it stays."""


def test_erasures_that_could_not_be_looked_for_together_are_refused_so_that_logs_are_taken_for_ever(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    def ask(letters: str) -> None:
        with inbox.db("console").transaction(project=project) as tx:
            request_erasure(
                tx,
                project=project,
                values=[f"{number:03}{letters * 240}" for number in range(50)],
                ignore_case=True,
                reason="",
                requested_by="key:test",
                cipher=context.settings.cipher(),
                now=inbox.clock(),
            )
            raise Accepted

    with pytest.raises(Accepted):
        ask("a")
    with pytest.raises(InvalidParameter, match="too many"):
        ask("\u0416\u0434\u0436\u0414")
