"""What OpenAPI says of an answer: an example of it, and the schema that the example tells."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from functions.http.documentation import PROBLEM_RESPONSES

_FORMATS = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}
_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number"}

Responses = dict[int | str, dict[str, Any]]
NEXT = "A page; the next one is asked for with its `next`, and without `next` it was the last"


def answer(
    description: str,
    example: Any,
    *,
    status: int = 200,
    optional: Collection[str] = ("next",),
    nullable: Collection[str] = (),
    free: Collection[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Responses:
    """The answers of a route: this one, and problems.

    Args:
        example: what it may answer; whatever is `None` in it may be anything.
        optional: names of members that an answer may lack, at any depth.
        nullable: those that may be null.
        free: those that are null or of any form.
        headers: what each header of it tells.
    """
    schema = schema_of(example, optional=optional, nullable=nullable, free=free)
    told = {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}
    if headers:
        told["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return PROBLEM_RESPONSES | {status: told}


def no_content(description: str) -> Responses:
    """The answers of a route that tells nothing but that it is done: 204, and problems."""
    return PROBLEM_RESPONSES | {204: {"description": description}}


def schema_of(
    example: Any, *, optional: Collection[str] = (), nullable: Collection[str] = (), free: Collection[str] = ()
) -> dict[str, Any]:
    """The JSON Schema of values that look like an example; a list's members look like its first one."""
    more: Mapping[str, Collection[str]] = {"optional": optional, "nullable": nullable, "free": free}
    if isinstance(example, dict):
        members = {name: {} if name in free else schema_of(value, **more) for name, value in example.items()}
        for name in members.keys() & set(nullable):
            members[name] = {"anyOf": [members[name], {"type": "null"}]}
        required = [name for name in members if name not in optional]
        return {"type": "object", "properties": members, "required": required}
    if isinstance(example, list | tuple):
        return {"type": "array", "items": schema_of(example[0], **more) if example else {}}
    if isinstance(example, str):
        known = [("format", name) for name, form in _FORMATS.items() if form.fullmatch(example)]
        return dict([("type", "string"), *known])
    return {} if example is None else {"type": _TYPES[type(example)]}
