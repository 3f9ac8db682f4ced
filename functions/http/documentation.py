"""What OpenAPI says of every route: how its errors look."""

from typing import Any

from oddline.errors import PROBLEM_BASE

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "A problem document (RFC 9457). `type` and `code` are stable, the texts are not.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The field, header or parameter that it is about"},
        "index": {"type": "integer", "description": "The entry that it is about"},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "One by one, where there are several"},
    },
    "example": {
        "type": PROBLEM_BASE + "unauthenticated",
        "title": "A valid API key, token or signature is needed",
        "status": 401,
        "code": "unauthenticated",
        "detail": "the API key was revoked",
    },
}

PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "Refused; 429 says in `Retry-After` when to try again",
        "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}},
    },
    "5XX": {
        "description": "Failed; where it may pass, `Retry-After` says when to try again",
        "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}},
    },
}
