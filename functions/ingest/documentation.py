"""What OpenAPI says of the bodies: they are read by hand, so that a bad entry never refuses the good ones."""

from typing import Any

from functions.http.answers import Responses, answer, schema_of
from functions.http.repeating import PARAMETER

_ENTRY_EXAMPLE = {
    "timestamp": "2026-11-05T08:15:30.123Z",
    "severity": "ERROR",
    "source": "checkout-api",
    "message": "payment 4711 refused after 3 tries: connection reset by 10.0.4.7",
    "attributes": {"host": "web-3", "retries": 3},
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}
_ENTRY: dict[str, Any] = {
    "type": "object",
    "title": "Entry",
    "required": ["message"],
    "description": "Further fields become attributes.",
    "properties": {
        "message": {"type": "string", "minLength": 1, "description": "At most 256 KB as UTF-8, not blank, without NUL"},
        "timestamp": {"type": "string", "format": "date-time", "description": "With a zone; arrival where missing"},
        "severity": {
            "oneOf": [{"type": "string"}, {"type": "integer", "minimum": 1, "maximum": 24}],
            "description": "OpenTelemetry's names or numbers, and the usual other names; `level` is taken as well",
        },
        "source": {"type": "string", "minLength": 1, "maxLength": 200, "default": "default"},
        "attributes": {"type": "object", "description": "At most 64 KB as JSON and 32 levels deep"},
        "trace_id": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
        "span_id": {"type": "string", "pattern": "^[0-9a-fA-F]{16}$"},
        "session": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    "example": _ENTRY_EXAMPLE,
}
_BATCH: dict[str, Any] = {
    "title": "Batch",
    "oneOf": [
        {"type": "array", "items": _ENTRY, "minItems": 1, "maxItems": 10_000},
        _ENTRY,
        *(
            {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": _ENTRY}}}
            for name in ("entries", "logs", "log_entries")
        ),
    ],
    "example": [_ENTRY_EXAMPLE, {"message": "started"}],
}
_PARAMETERS: list[dict[str, Any]] = [
    PARAMETER,
    *(
        {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
        for name, description in {
            "webhook-id": "Standard Webhooks; for keys with a signing secret",
            "webhook-timestamp": "Seconds since 1970, at most 5 minutes off",
            "webhook-signature": "v1,<base64 of HMAC-SHA256 over id.timestamp.body>",
        }.items()
    ),
]
_SUBMISSION = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64000"


def _documentation(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}, "parameters": _PARAMETERS}


SINGLE_DOCUMENTATION = _documentation({"application/json": {"schema": _ENTRY}})
BATCH_DOCUMENTATION = _documentation(
    {
        "application/json": {"schema": _BATCH},
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "One entry a line"},
            "example": '{"message": "started"}\n{"message": "stopped"}\n',
        },
    }
)

_HEADERS = {"Location": "The task that scores it"}
SINGLE_RESPONSES = answer(
    "Stored, and to be scored",
    {
        "id": _SUBMISSION,
        "timestamp": "2026-11-05T08:15:30.123000Z",
        "severity": "ERROR",
        "message": _ENTRY_EXAMPLE["message"],
        "source": "checkout-api",
        "analysis_task_id": _SUBMISSION,
        "status": "processing",
    },
    status=202,
    headers=_HEADERS,
)
BATCH_RESPONSES = answer(
    "What could be taken is stored, and to be scored; the rest is told by its index",
    {
        "batch_id": _SUBMISSION,
        "task_id": _SUBMISSION,
        "analysis_task_id": _SUBMISSION,
        "accepted": 1,
        "refused": [{"index": 1, "field": "message", "code": "missing", "detail": "an entry needs a message"}],
        "entry_ids": {"first": _SUBMISSION, "formula": "batch_id | index"},
        "status": "processing",
    },
    status=202,
    headers=_HEADERS,
)


def _text(what: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "format": "binary", "description": what}}


_RESOURCE_LOGS = {
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout-api"}}]},
    "scopeLogs": [
        {
            "logRecords": [
                {
                    "timeUnixNano": "1762330530123000000",
                    "severityNumber": 17,
                    "body": {"stringValue": _ENTRY_EXAMPLE["message"]},
                }
            ]
        }
    ],
}
_STREAM = {
    "stream": {"service_name": "checkout-api", "level": "error"},
    "values": [["1762330530123000000", _ENTRY_EXAMPLE["message"], {"retries": "3"}]],
}
_OBJECT = {"type": ["object", "null"]}  # in protobuf's JSON null is what is left away
_OTLP_SCHEMA = _OBJECT | {"properties": {"resourceLogs": {"type": ["array", "null"], "items": _OBJECT}}}
_LOKI_SCHEMA = {
    "type": "object",
    "required": ["streams"],
    "properties": {
        "streams": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["values"],
                "properties": {
                    "stream": {
                        "type": ["object", "null"],
                        "description": "Labels: texts, as Loki has them; others are kept, too",
                    },
                    "values": {
                        "type": "array",
                        "items": {"type": "array", "minItems": 2, "maxItems": 3},
                    },
                },
            },
        }
    },
}
OTLP_DOCUMENTATION = _documentation(
    {
        "application/json": {"schema": _OTLP_SCHEMA, "example": {"resourceLogs": [_RESOURCE_LOGS]}},
        "application/x-protobuf": _text("ExportLogsServiceRequest"),
    }
)
LOKI_DOCUMENTATION = _documentation(
    {
        "application/json": {"schema": _LOKI_SCHEMA, "example": {"streams": [_STREAM]}},
        "application/x-protobuf": _text("PushRequest, packed with snappy"),
    }
)

_STATUS = {"code": 16, "message": "send an API key, as Authorization: Bearer … or as X-API-Key"}
_OTLP_REFUSED = {
    "description": "A google.rpc.Status; 429 and 503 say in `Retry-After` when to try again",
    "content": {
        "application/json": {"schema": schema_of(_STATUS), "example": _STATUS},
        "application/x-protobuf": _text("google.rpc.Status"),
    },
}
_PARTIAL = {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "entry 3: the message is blank"}}
OTLP_RESPONSES: Responses = {
    200: {
        "description": "Stored, and to be scored; `partialSuccess` tells of records that were refused",
        "content": {
            "application/json": {"schema": schema_of(_PARTIAL, optional=["partialSuccess"]), "example": _PARTIAL},
            "application/x-protobuf": _text("ExportLogsServiceResponse"),
        },
    },
    "4XX": _OTLP_REFUSED,
    "5XX": _OTLP_REFUSED,
}
_LOKI_REFUSED = {"description": "What was wrong; 429 and 503 say in `Retry-After` when to try again"} | {
    "content": {"text/plain": {"schema": {"type": "string"}, "example": "send an API key\n"}}
}
LOKI_RESPONSES: Responses = {
    204: {"description": "Stored, and to be scored"},
    400: {
        "description": "Not to be understood, or some lines were refused and all others stored",
        "content": {
            "text/plain": {
                "schema": {"type": "string"},
                "example": "1 refused, all others are stored; the first: entry 3: the message is blank\n",
            }
        },
    },
    "4XX": _LOKI_REFUSED,
    "5XX": _LOKI_REFUSED,
}
