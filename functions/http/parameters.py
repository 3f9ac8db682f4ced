"""The parameters that routes share, checked where they come in: whatever is wrong with one is told by its name."""

import struct
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict, StringConstraints

MOST_AT_ONCE = 1_000  # of a page: more is slower to send than to ask for again
DEFAULT_AT_ONCE = 100
LONGEST_NAME = 200  # characters of a source's name
LONGEST_CURSOR = 500

# A submission takes entries from 1990 to tomorrow: nothing lies beyond, and whatever is done to these stays a datetime.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _written_out(given: object) -> object:
    """What is no number: those are taken for seconds or milliseconds since 1970, as whichever seems likelier."""
    if not isinstance(given, str) or not given[:5].endswith("-"):
        raise ValueError("write it as RFC 3339 does: 2026-11-05T08:15:30Z")
    return given


def _clamped(moment: datetime) -> datetime:
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC)


def _without_nul(text: str) -> str:
    """The text.

    Raises:
        ValueError: it holds a NUL, which PostgreSQL has no room for.
    """
    if "\0" in text:
        raise ValueError("there is a NUL character in it")
    return text


def single_precision(number: float) -> float:
    """The number as PostgreSQL's `real` keeps it: one too small for that is 0 there, where `real` would refuse it."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


Portion = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AfterValidator(single_precision)]
# Not strict: what a function has looked at is no JSON to pydantic any more, where a moment may be a text.
Moment = Annotated[AwareDatetime, Strict(strict=False), BeforeValidator(_written_out), AfterValidator(_clamped)]
WithoutNul = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[WithoutNul, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="At most so many; there may be fewer and a `next`")]
From = Annotated[Moment | None, Query(alias="from", description="This moment or later (RFC 3339, with a zone)")]
To = Annotated[Moment | None, Query(alias="to", description="Before this moment (RFC 3339, with a zone)")]
After = Annotated[str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of the page before")]
Sources = Annotated[list[Name] | None, Query(description="From one of these sources")]
MinimumScore = Annotated[Portion | None, Query(description="With this score or a higher one")]
