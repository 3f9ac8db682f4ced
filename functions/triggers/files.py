"""Have objects that were put under `uploads/` processed as files: what they hold is read by workers, not here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote_plus

from functions.parts import Parts
from oddline.errors import BadRequest
from oddline.files import UPLOADED as PREFIX
from oddline.files import PutObject, take_object
from oddline.identity import configured_project

__all__ = ["PREFIX", "Told", "take_objects"]


@dataclass(frozen=True, slots=True)
class Told:
    """An object that an event tells of; `mark` is what no other put of its key has."""

    bucket: str
    key: str
    size: int
    version: str
    mark: str
    put_at: datetime

    @classmethod
    def by_eventbridge(cls, event: Mapping[str, Any], *, at: str) -> Self:
        """As EventBridge tells it (S3 user guide, "EventBridge event message structure")."""
        one = event["object"]
        mark = f"{one.get('etag', '')} {one.get('sequencer', '')}"
        return cls(event["bucket"]["name"], one["key"], one["size"], one.get("version-id", ""), mark, _moment(at))

    @classmethod
    def by_s3(cls, record: Mapping[str, Any]) -> Self:
        """As S3 itself tells it (S3 user guide, "Event message structure"): a key is written as in a form."""
        told, one = record["s3"], record["s3"]["object"]
        mark = f"{one.get('eTag', '')} {one.get('sequencer', '')}"
        return cls(
            told["bucket"]["name"],
            unquote_plus(one["key"]),
            one["size"],
            one.get("versionId", ""),
            mark,
            _moment(record["eventTime"]),
        )


def take_objects(parts: Parts, told: list[Told]) -> dict[str, int]:
    """Write each object down as a file and start its processing, unless that was done; returns how many are new.

    Raises:
        BadRequest: one lies elsewhere.
        NotConfigured: ODDLINE_TRIGGER_PROJECT names no project.
        DatabaseUnavailable: not all of it was written.
    """
    project = configured_project(parts.db, parts.settings.trigger_project, setting="ODDLINE_TRIGGER_PROJECT")
    new = 0
    for one in told:
        key = _key(f"s3://{one.bucket}/{one.key}", objects_url=parts.settings.objects_url)
        if not one.size:  # a folder, as consoles make them
            continue
        put = PutObject(key=key, version=one.version, mark=one.mark, size=one.size, at=one.put_at)
        with parts.db.transaction(project=project) as tx:
            started = take_object(tx, project, put, now=parts.clock())
        if started is not None:
            new += 1
            for step in started.due:
                parts.publisher.wake(step.spec, task_id=step.id)
    return {"files": new}


def _key(address: str, *, objects_url: str) -> str:
    """The object's key within our store."""
    root = f"{objects_url.rstrip('/')}/"
    if not address.startswith(root + PREFIX):
        raise BadRequest(f"{address} does not lie under {root}{PREFIX}")
    return address.removeprefix(root)


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)
