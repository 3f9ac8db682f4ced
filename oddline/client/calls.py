"""What a call is and how often it is tried, without I/O: so it is the same for those who wait and those who await.

What the clients do is written as generators of steps: each yields the calls to make and the pauses to keep, and is
told what came of them.
"""

import json
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import count
from typing import Any, TypeVar

from oddline.client.errors import Refused, Unavailable

_TURNED_AWAY = {
    HTTPStatus.REQUEST_TIMEOUT,  # a proxy's: the request did not come whole
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
SHOWN_CHARACTERS = 200  # of an answer that is no problem document


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `repeatable`: the API does the same, however often it comes."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """Nothing came back. `reached`: the API may have got the call all the same."""

    reason: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait before the next call."""

    seconds: float


T = TypeVar("T")
Steps = Generator[Call | Pause, Answer | Fault | None, T]
Transport = Callable[[Call], Answer | Fault]
"""Makes one call, once; it raises nothing that has to do with the network."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a call is tried, and how long the pauses between are: drawn evenly from 0 to a bound that doubles.

    Args:
        tries: None: without end.
        longest_retry_after_s: an API that asks for more than this is not waited for.
    """

    tries: int | None = 5
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0
    longest_retry_after_s: float = 60.0
    draw: Callable[[float, float], float] = random.uniform

    def pause(self, attempt: int, *, retry_after_s: float | None) -> Pause:
        """The one after the attempt of this number, from 0 on."""
        bound = min(self.longest_pause_s, self.first_pause_s * 2 ** min(attempt, 30))
        # Not all whom the API told the same second come back at that second.
        return Pause((retry_after_s or 0.0) + self.draw(0.0, bound))


def run(steps: Steps[T], *, transport: Transport, pause: Callable[[float], None]) -> T:
    """Take the steps one after the other; what they come to."""
    told: Answer | Fault | None = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration as done:
            result: T = done.value
            return result
        if isinstance(step, Pause):
            pause(step.seconds)
            told = None
        else:
            told = transport(step)


def called(call: Call, *, patience: Patience, told: Sequence[str] = (), instead: Sequence[str] = ()) -> Steps[Any]:
    """The JSON that the API answers to a call; None where it answers nothing.

    Args:
        told: what the answer must have, if it is the API's.
        instead: what it may have in the place of that.

    Raises:
        Refused: for good; or something else answered.
        Unavailable: in none of the tries it was taken.
    """
    for attempt in count():
        came = yield call
        assert came is not None  # noqa: S101  # whoever takes steps tells what came of a call
        if isinstance(came, Answer) and came.status < HTTPStatus.MULTIPLE_CHOICES:
            return _content(came, names=told, instead=instead)
        after = _retry_after_s(came)
        if not _may_pass(call, came):
            if isinstance(came, Answer) and came.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _refused(came)
            raise Unavailable(_reason(came), retry_after_s=after)
        is_last = patience.tries is not None and attempt + 1 >= patience.tries
        if is_last or (after or 0.0) > patience.longest_retry_after_s:
            raise Unavailable(f"{_reason(came)} ({attempt + 1} tries)", retry_after_s=after)
        yield patience.pause(attempt, retry_after_s=after)
    raise AssertionError("counting never ends")


def _may_pass(call: Call, told: Answer | Fault) -> bool:
    """Whether to make the call again.

    One that the API would do twice is made again only where it surely was not done: it never got there, or was turned
    away. 409 says of one with a key that it is being worked on at this moment. The API's own 503 says when to come
    again; that of a gateway may be all that is heard of a call that it passed on and gave up.
    """
    if isinstance(told, Fault):
        return call.repeatable or not told.reached
    if told.status in _TURNED_AWAY:
        return True
    if told.status == HTTPStatus.CONFLICT:
        return "Idempotency-Key" in call.headers
    if told.status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in told.headers:
        return True
    return call.repeatable and told.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _content(answer: Answer, *, names: Sequence[str], instead: Sequence[str]) -> Any:
    if not answer.body and not names:
        return None
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise _refused(answer, why="the answer is no JSON: ") from error
    known = [set(one) for one in (names, instead) if one]
    if known and not (isinstance(content, dict) and any(content.keys() >= one for one in known)):
        raise _refused(answer, why="this is no answer of Oddline: ")
    return content


def _refused(answer: Answer, *, why: str = "") -> Refused:
    problem = _problem(answer)
    detail = problem.get("detail") or _shown(answer)
    return Refused(f"{why}{detail}", status=answer.status, problem=problem)


def _reason(told: Answer | Fault) -> str:
    if isinstance(told, Fault):
        return told.reason
    return f"{told.status} {_problem(told).get('detail') or _shown(told)}"


def _problem(answer: Answer) -> dict[str, Any]:
    """What else than the API answers, a proxy, say, speaks another language."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _shown(answer: Answer) -> str:
    return answer.body[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace")[:SHOWN_CHARACTERS]


def _retry_after_s(told: Answer | Fault) -> float | None:
    """Seconds, whether the API names them or a time; None where it does neither."""
    value = told.headers.get("retry-after", "") if isinstance(told, Answer) else ""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
