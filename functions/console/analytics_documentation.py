"""What OpenAPI says of the answers about analytics, with an example of each."""

from typing import Any

from functions.http.answers import answer

_FROM, _TO = "2026-11-04T08:00:00.000000Z", "2026-11-05T08:00:00.000000Z"
_COUNTS: dict[str, Any] = {
    "entries": 48_213,
    "anomalies": 3,
    "highest_score": 0.9731,
    "error_rate": 0.0004,
    "severities": {"info": 48_190, "warn": 4, "error": 19},
}
_PATTERN = {
    "pattern_id": 812,
    "source": "checkout-api",
    "pattern": "payment <num> refused: connection reset by <ip>",
    "first_seen": "2026-11-05T06:00:01.004000Z",
    "last_seen": "2026-11-05T08:15:30.201000Z",
}
_GAPS: dict[str, Any] = {
    "free": ["severities", "highest_score", "error_rate", "source", "pattern", "first_seen", "last_seen"]
}
TIMELINE = answer(
    "The slots in which anything came; `from` and `to` are those asked for, widened to whole slots",
    {"from": _FROM, "to": _TO, "step_seconds": 3_600, "slots": [{"time": _FROM, **_COUNTS}]},
    **_GAPS,
)
SUMMARY = answer(
    "What the time sums up to; `patterns` has those with most entries, in slots of its own",
    {
        "from": _FROM,
        "to": _TO,
        "step_seconds": 60,
        **_COUNTS,
        "sources": [{"source": "checkout-api", **_COUNTS}],
        "patterns": {
            "from": _FROM,
            "to": _TO,
            "step_seconds": 300,
            "top": [{**_PATTERN, "entries": 19, "anomalies": 3}],
        },
    },
    **_GAPS,
)
COMPARISON = answer(
    "The patterns that differ, those first that chance explains least; of all that are told with `q` up to "
    "`false_share`, that share may be chance",
    {
        "step_seconds": 300,
        "before": {"from": "2026-11-03T08:00:00.000000Z", "to": _FROM},
        "after": {"from": _FROM, "to": _TO},
        "false_share": 0.05,
        "compared": 112,
        "different": 1,
        "differences": [
            {"change": "new", **_PATTERN, "before": 0, "after": 19, "ratio": 39.0, "p": 0.0000038, "q": 0.00043}
        ],
    },
    **_GAPS,
)
