"""The parameters that routes share, checked where they come in: whatever is wrong with one is told by its name."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, StringConstraints

MOST_AT_ONCE = 1_000  # of a page: more is slower to send than to ask for again
DEFAULT_AT_ONCE = 100
LONGEST_NAME = 200  # characters of a source's name
LONGEST_CURSOR = 500

# A submission takes entries from 1990 to tomorrow: nothing lies beyond, and whatever is done to these stays a datetime.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _clamped(moment: datetime) -> datetime:
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC)


def without_nul(text: str) -> str:
    """The text.

    Raises:
        ValueError: it holds a NUL, which PostgreSQL has no room for.
    """
    if "\0" in text:
        raise ValueError("there is a NUL character in it")
    return text


Moment = Annotated[AwareDatetime, AfterValidator(_clamped)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(without_nul)]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="At most so many; there may be fewer and a `next`")]
From = Annotated[Moment | None, Query(alias="from", description="This moment or later (RFC 3339, with a zone)")]
To = Annotated[Moment | None, Query(alias="to", description="Before this moment (RFC 3339, with a zone)")]
After = Annotated[str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of the page before")]
Sources = Annotated[list[Name] | None, Query(description="From one of these sources")]
MinimumScore = Annotated[
    float | None, Query(ge=0, le=1, allow_inf_nan=False, description="With this score or a higher one")
]
