"""What OpenAPI says of the answers, with an example of each."""

from typing import Any

from functions.http import PROBLEM_RESPONSES

_ENTRY_ID = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64003"
_ENTRY: dict[str, Any] = {
    "id": _ENTRY_ID,
    "timestamp": "2026-11-05T08:15:30.123000Z",
    "received_at": "2026-11-05T08:15:30.201000Z",
    "severity": "ERROR",
    "severity_number": 17,
    "source": "checkout-api",
    "message": "payment 4711 refused after 3 tries: connection reset by 10.0.4.7",
    "attributes": {"host": "web-3", "retries": 3},
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": None,
    "session": None,
    "pattern_id": 812,
    "anomaly_score": 0.9731,
    "is_anomaly": True,
    "threshold": 0.9,
    "severity_part": 0.8812,
    "novelty_part": 0.7744,
    "nearest_pattern_id": 640,
    "model_version": "general-1",
    "analyzed_at": "2026-11-05T08:15:30.243000Z",
    "processing_time": 0.0041,
    "status": "analyzed",
}
_PATTERN = "payment <num> refused after <num> tries: connection reset by <ip>"
_PAGE = {
    "entries": [_ENTRY],
    "next": "AAZCz0qX8HgBk08OfFp9K58-UsihH0AD",
    "searched_until": "2026-11-05T07:00:00Z",
    "cost": {"chunks_considered": 112, "chunks_opened": 6, "bytes": 1_310_720, "seconds": 0.041},
}


def _answer(description: str, example: Any) -> dict[int | str, dict[str, Any]]:
    return PROBLEM_RESPONSES | {
        200: {"description": description, "content": {"application/json": {"example": example}}}
    }


PAGE = _answer(
    "Entries, newest first. Fewer than `limit` is not the end, only a missing `next` is; with `searched_until` the "
    "search stopped early, and everything younger has been looked at",
    _PAGE,
)
ENTRY = _answer(
    "The entry; `status` is `analyzed`, `processing` before it is scored, or `dead` where that failed",
    _ENTRY | {"explanation": {"pattern": _PATTERN, "severity": 0.8812, "novelty": 0.7744}},
)
