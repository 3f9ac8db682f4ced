"""The parameters of a search that no other function has."""

from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from oddline.submissions import SEVERITY_NUMBERS, SEVERITY_TEXTS


def _severity_number(given: str) -> int:
    """OpenTelemetry's number of a severity given by name or number."""
    if given.upper() in SEVERITY_NUMBERS:
        return SEVERITY_NUMBERS[given.upper()]
    if given in map(str, SEVERITY_TEXTS):
        return int(given)
    raise ValueError("this is no severity: a name, such as ERROR, or OpenTelemetry's number, 0 to 24")


Severity = Annotated[
    int | None,
    BeforeValidator(_severity_number, json_schema_input_type=str),
    Query(description="Of this severity or a higher one: a name, or OpenTelemetry's number", examples=["ERROR"]),
]
