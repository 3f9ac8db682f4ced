"""The values that attributes and bodies have in both forms of OTLP, as JSON has them."""

import math
from typing import Final

from oddline.errors import BadRequest

MOST_LEVELS: Final = 64  # of a value: twice as many as attributes may have


def number_of(value: float) -> float | str:
    """A double; those that JSON has no number for by their names in protobuf's JSON."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def deeper(levels: int) -> int:
    """The levels left within a value that has so many.

    Raises:
        BadRequest: there are none.
    """
    if not levels:
        raise BadRequest(f"a value is nested deeper than {MOST_LEVELS} levels", field="body")
    return levels - 1


def dropped_of(number: int) -> dict[str, int]:
    """How many attributes a resource or a scope lost before it was sent, as one more of them; nothing for none."""
    return {"dropped_attributes_count": number} if number else {}
