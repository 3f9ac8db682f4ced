"""What OpenAPI says of the answers, with an example of each."""

from typing import Any

from functions.http.answers import NEXT, answer, no_content

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
    "verdict": None,
    "threshold": 0.9,
    "severity_part": 0.8812,
    "novelty_part": 0.7744,
    "nearest_pattern_id": 640,
    "model_version": "general-6",
    "analyzed_at": "2026-11-05T08:15:30.243000Z",
    "processing_time": 0.0041,
    "status": "analyzed",
}
_PATTERN = "payment <num> refused after <num> tries: connection reset by <ip>"
_EXPLAINED = _ENTRY | {"explanation": {"pattern": _PATTERN, "severity": 0.8812, "novelty": 0.7744}}
_PAGE = {
    "entries": [_ENTRY],
    "next": "AAZCz0qX8HgBk08OfFp9K58-UsihH0AD",
    "searched_until": "2026-11-05T07:00:00Z",
    "facets": {
        "entries": 4_711,
        "severity": [{"value": "ERROR", "entries": 4_711}],
        "source": [{"value": "checkout-api", "entries": 4_711}],
        "hour": [{"value": "2026-11-05T08:00:00.000000Z", "entries": 4_711}],
        "complete": False,
        "counted_until": "2026-11-05T07:00:00.000000Z",
    },
    "cost": {
        "metadata_rows": 112,
        "chunks_considered": 112,
        "chunks_opened": 6,
        "chunks_skipped": {"words": 106},
        "entries_scanned": 60_000,
        "bytes": 1_310_720,
        "seconds": 0.041,
    },
}
_TAIL = {
    "entries": [_ENTRY | {"explanation": None}],
    "next": "aQsR8gAAAAEAAAAAAAEqOgGTTw58Wn0rnz5SyKHWQAAAAAAH",
    "caught_up": True,
}
_SHADOW_REPORT = {
    "shadow": "shop-2",
    "live": None,
    "read_from": "2026-11-04T08:15:00Z",
    "read_to": "2026-11-05T08:15:00Z",
    "entries": 1_204_311,
    "pairs": 412,
    "correlation": 0.9312,
    "mean_difference": 0.0211,
    "anomalies": {"both": 41, "only_live": 3, "only_shadow": 7},
    "patterns": [
        {
            "source": "checkout-api",
            "pattern_id": 812,
            "entries": 7,
            "score": 0.31,
            "shadow_score": 0.94,
            "only_live": 0,
            "only_shadow": 7,
            "difference": 0.63,
            "pattern": _PATTERN,
        }
    ],
}
_PREVIEW = {
    "kind": "anomaly",
    "pattern_id": 812,
    "pattern": _PATTERN,
    "source": "checkout-api",
    "days": 30,
    "hidden": 112,
    "anomalies": 140,
    "similar": [
        {
            "pattern_id": 845,
            "pattern": "payment <num> refused after <num> tries: connection timed out by <ip>",
            "distance": 0.0371,
            "anomalies": 12,
        }
    ],
}
_FEEDBACK = {
    "id": "01934f2a-0b11-7c52-8e0a-5d1f7a4b9c00",
    "kind": "anomaly",
    "source": "checkout-api",
    "pattern_id": 812,
    "pattern": _PATTERN,
    "entry_id": None,
    "steps": None,
    "verdict": "expected",
    "note": "the bank's maintenance, every Sunday",
    "by": "01934f0e-2222-7abc-8def-0123456789ab",
    "since": "2026-11-05T08:20:00.000000Z",
    "undone_at": None,
}


_ENTRY_GAPS: dict[str, Any] = {"nullable": ["trace_id", "nearest_pattern_id", "pattern"], "free": ["attributes"]}
_FEEDBACK_NULLS = ["source", "pattern_id", "pattern"]
PAGE = answer(
    "Entries, newest first. Fewer than `limit` is not the end, only a missing `next` is; with `searched_until` the "
    "search stopped early, and everything younger has been looked at. `facets` come where they are asked for; not "
    "`complete`, they count what is younger than `counted_until`, and some that is older. `chunks_skipped` says why: "
    "by time, source, severity, score, pattern, or the filter of words",
    _PAGE,
    optional=["next", "searched_until", "facets", "time", "source", "severity", "score", "pattern", "words"],
    nullable=["trace_id", "nearest_pattern_id", "pattern", "counted_until"],
    free=["attributes", "chunks_skipped"],
)
_HIT: dict[str, Any] = {
    "pattern_id": 812,
    "pattern": _PATTERN,
    "score": 0.0492,
    "why": {
        "similarity": 0.6113,
        "similarity_rank": 1,
        "words": ["payment"],
        "words_rank": 2,
        "parameters": ["10.0.4.7"],
        "parameters_rank": 1,
    },
    "count": 4_711,
    "first_seen": "2026-11-01T02:11:09.000000Z",
    "last_seen": "2026-11-05T08:15:30.123000Z",
    "sources": [
        {
            "source": "checkout-api",
            "count": 4_711,
            "first_seen": "2026-11-01T02:11:09.000000Z",
            "last_seen": "2026-11-05T08:15:30.123000Z",
        }
    ],
    "entries": [_ENTRY],
}
_HIT_NULLS = ["similarity", "similarity_rank", "words_rank", "parameters_rank", "first_seen", "last_seen"]
HITS = answer(
    "Patterns, the best first, each with why it is one: a rank is its place in that list alone, and null where it is "
    "not in it. `count` and times are of all its entries in the asked sources, `entries` the latest of the asked time. "
    "`waiting`: patterns too new to be found by what they mean or by words. Not `complete`: time was up before all "
    "was looked at",
    {"hits": [_HIT], "waiting": 0, "complete": True, "cost": _PAGE["cost"]},
    nullable=["trace_id", "nearest_pattern_id", *_HIT_NULLS],
    optional=["time", "source", "severity", "score", "pattern", "words"],
    free=["attributes", "chunks_skipped"],
)
_STARTED = {"task_id": "01934f2a-0b11-7c52-8e0a-5d1f7a4b9c00", "status": "queued", "progress": 0.4}
_LONG = answer(
    "It takes too long for an answer: a task does it, and `Location` has the page once that is done; `progress`, 0 to "
    "1, is null where no `from` was given",
    _STARTED,
    status=202,
    nullable=["progress"],
    headers={"Location": "Where the page will be"},
)
PAGE |= {202: _LONG[202]}
SEARCHED = PAGE
TAIL = answer(
    "What came in, in the order in which it was scored; `next` is always there. `explanation` stands by odd entries. "
    "`caught_up`: there was no more; otherwise the next answer has more at once",
    _TAIL,
    optional=[],
    nullable=["trace_id", "nearest_pattern_id"],
    free=["attributes", "explanation"],
)
ENTRY = answer(
    "The entry; `status` is `analyzed`, `processing` before it is scored, or `dead` where that failed: then nothing "
    "else is told but its id and when it came",
    _EXPLAINED,
    optional=_EXPLAINED.keys() - {"id", "status", "received_at"},
    **_ENTRY_GAPS,
)
SHADOW_REPORT = answer(
    "Pairs are pairs of source and pattern, the patterns those that differ the most; `live` is null for the model that "
    "comes with the installation, and `read_from` later than asked for where there was too much to read",
    _SHADOW_REPORT,
    nullable=["correlation", "mean_difference", "pattern"],
)
PREVIEW = answer(
    "`hidden` of the `anomalies` of these days; `similar` are the patterns that would follow, those with most first; "
    "of a sequence the odd ones that are nearly the same, the newest first",
    _PREVIEW,
    optional=["pattern_id", "pattern", "source"],  # which a sequence has not
    nullable=["source"],
)
GIVEN = answer(
    "The verdict, new or as it was given before; `hidden` is what it hides of the last days",
    _FEEDBACK | {"days": 30, "hidden": 112},
    nullable=_FEEDBACK_NULLS,
)
FEEDBACKS = answer(
    NEXT,
    {"feedback": [_FEEDBACK], "next": _FEEDBACK["id"]},
    nullable=_FEEDBACK_NULLS,
)
UNDONE = no_content("Taken back")
