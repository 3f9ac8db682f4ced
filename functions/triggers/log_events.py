"""Read what CloudWatch Logs sends to a subscriber: gzip in base64, some events of one log stream."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from oddline.errors import BadRequest
from oddline.submissions import (
    MOST_PART_ENTRIES,
    NAME_CHARACTERS,
    Limits,
    Part,
    decode_document,
    rfc3339,
    storable_entry,
    unpack_body,
)

LIMITS = Limits(wire_bytes=6 * 1024 * 1024, unpacked_bytes=128 * 1024 * 1024)  # Lambda's event has 6 MB
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_log_events(event: Mapping[str, Any], *, sources: Mapping[str, str]) -> Iterator[Part]:
    """The event's entries; none for a control message, by which CloudWatch Logs only looks whether we are there.

    Args:
        sources: the sources of log groups that are not to be named as their group.

    Raises:
        BadRequest, TooLarge: it is no such event.
    """
    document = _document(event)
    if document.get("messageType") != "DATA_MESSAGE":
        return
    try:
        group, stream = document["logGroup"], document["logStream"]
        given = [(str(one["id"]), int(one["timestamp"]), str(one["message"])) for one in document["logEvents"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest(f"no event of CloudWatch Logs: {error!r}") from error
    source = sources.get(group) or group[-NAME_CHARACTERS:]
    for first in range(0, len(given), MOST_PART_ENTRIES):
        part = given[first : first + MOST_PART_ENTRIES]
        yield Part(
            name=f"log group {group}",
            entries=[
                storable_entry(
                    message,
                    source=source,
                    timestamp=rfc3339(_EPOCH + timedelta(milliseconds=milliseconds)),
                    attributes={"log_group": group, "log_stream": stream, "event_id": event_id},
                )
                for event_id, milliseconds, message in part
            ],
            request_keys=(_key(document.get("owner"), group, stream, *(event_id for event_id, _, _ in part)),),
        )


def _document(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        packed = base64.b64decode(event["awslogs"]["data"], validate=True)
    except (KeyError, TypeError, ValueError) as error:  # a ValueError: no ASCII, or no base64
        raise BadRequest("no event of CloudWatch Logs: it has no awslogs.data in base64") from error
    document = decode_document(unpack_body(packed, content_encoding="gzip", limits=LIMITS))
    if not isinstance(document, dict):
        raise BadRequest("no event of CloudWatch Logs: awslogs.data is no JSON object")
    return document


def _key(*names: object) -> str:
    """What the same events are known by; their ids are CloudWatch Logs' own."""
    return "cloudwatch:" + hashlib.sha256("\n".join(map(str, names)).encode()).hexdigest()
