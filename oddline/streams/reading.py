"""What a type of connection is, and what it reads with: each type is one module with these few names."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from oddline.outgoing import Outgoing
from oddline.settings import Settings
from oddline.streams.memory import Memory
from oddline.streams.model import FoundObject, Page

LONGEST_TEXT: Final = 4_000


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("there is a NUL character in it")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_without_nul)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class Given(BaseModel):
    """What users give: a type's configuration, or its credentials, of which no error quotes anything."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a feed is read with.

    Args:
        configuration, credentials: of the type's own classes; no credentials where none were given.
        cursor: behind the last page that was stored; empty at the beginning.
        since: what is older is not taken.
        memory: what was taken at the edge.
        most: entries of a page, at most.
        ends: when calls must be over, by `time.monotonic`, as the outgoing ones know.
        is_operators: whether it is of the operator's project, which alone may read with the worker's own rights.
        now: aware UTC; tells when each part of the reading begins.
    """

    project: UUID
    source: str
    configuration: Any
    credentials: Any
    cursor: Mapping[str, Any]
    since: datetime
    memory: Memory
    outgoing: Outgoing
    ends: float | None
    settings: Settings
    most: int
    is_operators: bool
    now: Callable[[], datetime]


def _providers_own(configuration: Any) -> tuple[str, ...]:  # noqa: ARG001  # whatever is configured
    return ()


def _always(configuration: Any) -> bool:  # noqa: ARG001  # whatever is configured
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionType:
    """A type of connection.

    Args:
        shown_to: the addresses that get the credentials to see; none where these are the provider's own.
        place: says in words where a configuration leads; another place has another cursor.
        pages: reads from the link's cursor to what is the end now. Each page is stored before the next one is read. It
            raises `FeedRefused` for what will not pass by itself, and `FeedFailed` for what may; `OutgoingRefused` and
            `OutgoingFailed` likewise.
        needs_credentials: whether a configuration is nothing without.
        read_object: the bytes from one on of an object that a page has found, in pieces; raises also `ObjectMissing`
            where it is gone.
    """

    name: str
    configuration: type[Given]
    credentials: type[Given]
    place: Callable[[Any], str]
    pages: Callable[[Link], Iterator[Page]]
    shown_to: Callable[[Any], tuple[str, ...]] = _providers_own
    needs_credentials: Callable[[Any], bool] = _always
    read_object: Callable[[Link, FoundObject, int], Generator[bytes, None, None]] | None = None
