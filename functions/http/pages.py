"""Cut a page where its answer would be larger than Lambda lets through."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

LARGEST_ANSWER = 5_500_000  # bytes, of Lambda's 6 MB: the rest is for the headers and what a page says beside its items


def fitting(views: Iterable[Mapping[str, Any]], *, largest: int = LARGEST_ANSWER) -> list[Mapping[str, Any]]:
    """The first of `views` that fit into one answer together; one at least, so that every page gets further."""
    fitted: list[Mapping[str, Any]] = []
    left = largest
    for view in views:
        left -= wire_size(view)
        if left < 0 and fitted:
            break
        fitted.append(view)
    return fitted


def wire_size(view: Mapping[str, Any]) -> int:
    """Bytes that it takes on its way out of Lambda: JSON within a JSON string, in ASCII in older runtimes."""
    return len(json.dumps(orjson.dumps(view, option=orjson.OPT_UTC_Z).decode()))
