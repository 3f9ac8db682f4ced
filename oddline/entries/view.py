"""An entry as clients get it: the one place that says what its JSON looks like."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from oddline.entries.model import Position
from oddline.submissions import entry_id, rfc3339


def entry_view(row: Mapping[str, Any], *, verdict: str | None = None) -> dict[str, Any]:
    """The JSON object of a scored entry; `row` has the columns of `oddline.chunks.SCHEMA`.

    `is_anomaly` is what was found when the entry was scored, `verdict` what people say of it today.
    """
    return {
        "id": str(entry_id(UUID(bytes=row["submission"]), row["index"])),
        "timestamp": rfc3339(row["timestamp"]),
        "received_at": rfc3339(row["received_at"]),
        "severity": row["severity_text"],
        "severity_number": row["severity_number"],
        "source": row["source"],
        "message": row["message"],
        "attributes": attributes_of(row["attributes"]),
        "trace_id": row["trace_id"] or None,
        "span_id": row["span_id"] or None,
        "session": row["session"] or None,
        "pattern_id": row["pattern_id"],
        "anomaly_score": rounded(row["score"]),
        "is_anomaly": row["is_anomaly"],
        "verdict": verdict,
        "threshold": rounded(row["threshold"]),
        "severity_part": rounded(row["severity"]),
        "novelty_part": rounded(row["novelty"]),
        "nearest_pattern_id": row["nearest_pattern"],
        "model_version": row["model_version"],
        "analyzed_at": rfc3339(row["analyzed_at"]),
        "processing_time": rounded(row["processing_time"]),
        "status": "analyzed",
    }


def odd_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of an odd entry; `row` has the columns of the table `odd_entries`, and `verdict`."""
    return {
        "id": str(row["id"]),
        "timestamp": rfc3339(row["timestamp"]),
        "received_at": rfc3339(row["received_at"]),
        "severity": row["severity_text"],
        "severity_number": row["severity_number"],
        "source": row["source"],
        "message": row["message"],
        "attributes": attributes_of(row["attributes"]),
        "pattern_id": row["pattern_id"],
        "anomaly_score": rounded(row["score"]),
        "is_anomaly": row["is_anomaly"],
        "verdict": row["verdict"],
        "threshold": rounded(row["threshold"]),
        "model_version": row["model_version"],
        "analyzed_at": rfc3339(row["analyzed_at"]),
        "kind": row["kind"],
        "count": row["count"],
        "explanation": row["explanation"],
        "status": "analyzed",
    }


def cursor_behind(view: Mapping[str, Any]) -> str:
    """The cursor of the page that begins behind an entry, for whoever sends fewer than were found."""
    return Position(datetime.fromisoformat(view["timestamp"]), UUID(view["id"])).encode()


def attributes_of(text: str) -> dict[str, Any]:
    """The attributes in their JSON text, which is empty where there are none."""
    return dict(orjson.loads(text)) if text else {}


def rounded(value: float) -> float:
    """A number of single precision without the digits that it does not have."""
    return round(value, 7)
