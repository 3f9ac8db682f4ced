"""The parameters of a search that no other function has."""

from typing import Annotated

from fastapi import Query, Request
from pydantic import BeforeValidator

from functions.http.parameters import From, MinimumScore, Sources, To
from functions.http.unknown import takes_beginning
from oddline.entries import LARGEST_PATTERN_ID, LONGEST_TEXT, MOST_TERMS, EntryQuery, severity_number, severity_numbers

Severities = Annotated[
    list[str] | None,
    Query(
        description="Of this severity; several: of one of them. A name that answers show (ERROR) stands for all that "
        "they show under it (OpenTelemetry's numbers 17 to 20), any other name or a number for exactly that one",
        examples=[["ERROR", "FATAL"]],
    ),
]
MinimumSeverity = Annotated[
    int | None,
    BeforeValidator(severity_number, json_schema_input_type=str),
    Query(description="Of this severity or a higher one: a name, or OpenTelemetry's number", examples=["WARN"]),
]

ATTRIBUTE = "attr."  # the beginning of a parameter's name; the rest is the attribute's

IsAnomaly = Annotated[bool | None, Query(description="Only entries that are, or are not, over their threshold")]
Pattern = Annotated[int | None, Query(ge=0, le=LARGEST_PATTERN_ID, description="With the pattern of this id")]
Text = Annotated[
    str | None,
    Query(min_length=1, max_length=LONGEST_TEXT, description="With this in the message, in letters of any case"),
]
Words = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_TEXT,
        description=f"With each of these (at most {MOST_TERMS}, blanks between them) in the message as a whole word, "
        "in letters of any case: much faster than `text`",
    ),
]
Regex = Annotated[
    str | None,
    Query(min_length=1, max_length=LONGEST_TEXT, description="With a match of this in the message (RE2's syntax)"),
]
Exactly = Annotated[str | None, Query(min_length=1, max_length=LONGEST_TEXT, description="Exactly this one")]


@takes_beginning(ATTRIBUTE)
def query_of(
    request: Request,
    *,
    time_from: From = None,
    time_to: To = None,
    source: Sources = None,
    severity: Severities = None,
    minimum_severity: MinimumSeverity = None,
    minimum_score: MinimumScore = None,
    is_anomaly: IsAnomaly = None,
    pattern: Pattern = None,
    text: Text = None,
    words: Words = None,
    regex: Regex = None,
    trace_id: Exactly = None,
    span_id: Exactly = None,
    session: Exactly = None,
) -> EntryQuery:
    """A dependency: the query that the parameters make.

    Raises (as a dependency):
        InvalidParameter: a value that it cannot have.
    """
    given = request.query_params.multi_items()
    return EntryQuery(
        time_from=time_from,
        time_to=time_to,
        sources=tuple(source or ()),
        severities=severity_numbers(severity or ()),
        severity_minimum=minimum_severity,
        score_minimum=minimum_score,
        is_anomaly=is_anomaly,
        pattern_id=pattern,
        text=text,
        words=tuple(words.split()) if words else (),
        regex=regex,
        attributes=tuple((name[len(ATTRIBUTE) :], value) for name, value in given if name.startswith(ATTRIBUTE)),
        trace_id=trace_id,
        span_id=span_id,
        session=session,
    )
