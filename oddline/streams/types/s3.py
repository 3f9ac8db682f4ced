"""An S3 prefix: what is put there is found by a poll, and read by `process_live_logs`."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from oddline.errors import FeedFailed, FeedRefused, ObjectMissing
from oddline.objects import PIECE_BYTES
from oddline.streams.model import FoundObject, Page
from oddline.streams.reading import ConnectionType, Link
from oddline.streams.types.aws import AwsConfiguration, AwsKeys, aws_errors, needs_keys, open_client

# S3 tells of a multipart upload when it began, and shows it when it is complete.
LOOK_BACK_S: Final = 3_600
AT_ONCE: Final = 1_000  # keys of one list: S3's most
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class Configuration(AwsConfiguration):
    """Which objects of which bucket."""

    bucket: Bucket
    prefix: Annotated[str, Field(max_length=1024)] = ""
    suffix: Annotated[str, Field(max_length=100, description="only keys that end so, as in .gz")] = ""
    order: Annotated[
        Literal["time", "key"],
        Field(description="key: new keys stand behind old ones, so that old ones need not be listed again"),
    ] = "time"
    look_back_s: Annotated[
        int, Field(ge=60, le=604_800, description="seconds from the begin of an upload to its end, at most")
    ] = LOOK_BACK_S


def _open(link: Link) -> Any:
    """A client; Oddline's own bucket holds what all projects have, and is no feed of anybody's."""
    if urlsplit(link.settings.objects_url)[:2] == ("s3", link.configuration.bucket):
        raise FeedRefused("this bucket is Oddline's own: connections may not read it")
    return open_client("s3", link)


def place(configuration: Configuration) -> str:
    """Where it leads."""
    return f"s3://{configuration.bucket}/{configuration.prefix} in {configuration.region}"


def pages(link: Link) -> Iterator[Page]:
    """A page for each thousand keys.

    The cursor: the `edge`, the key `after` which is listed, and of a list under way how far it is `listed`.
    """
    configuration: Configuration = link.configuration
    look_back = timedelta(seconds=configuration.look_back_s)
    client = _open(link)
    cursor = dict(link.cursor)
    while True:
        edge = _time(cursor.get("edge"))
        start = max(link.since, edge - look_back)
        asked: dict[str, Any] = {"Bucket": configuration.bucket, "Prefix": configuration.prefix, "MaxKeys": AT_ONCE}
        if cursor.get("listed"):
            # By the key and no token: a token may be gone when the list goes on.
            asked["StartAfter"] = cursor["listed"]
        elif configuration.order == "key" and cursor.get("after"):
            asked["StartAfter"] = cursor["after"]
        with aws_errors(place(configuration)):
            answer = client.list_objects_v2(**asked)
        listed = [_found(one) for one in answer.get("Contents", [])]
        new = [
            one for one in listed if _is_wanted(one, configuration, start=start) and link.memory.take(_identity(one))
        ]
        cursor = _cursor(cursor, listed, old_until=start, is_last=not answer["IsTruncated"], now=link.now())
        yield Page(
            cursor=cursor,
            objects=new,
            hashes=link.memory.new_hashes(),
            latest=max((one.modified_at for one in new), default=None),
            forget_before=None if answer["IsTruncated"] else max(link.since, _time(cursor.get("edge")) - look_back),
            more=answer["IsTruncated"],
        )
        if not answer["IsTruncated"]:
            return


def _cursor(
    cursor: dict[str, Any], listed: list[FoundObject], *, old_until: datetime, is_last: bool, now: datetime
) -> dict[str, Any]:
    """The cursor behind one page of a list: the edge moves when the list is at its end."""
    highest = max([_time(cursor.get("highest")), *(one.modified_at for one in listed)])
    after, is_settled = cursor.get("after", ""), cursor.get("is_settled", True)
    for one in listed:
        is_settled = is_settled and one.modified_at < old_until
        if is_settled:
            after = one.key
    edge = _time(cursor.get("edge"))
    if is_last:
        return {"edge": max(edge, min(highest, now)).isoformat(), "after": after}
    return {
        "edge": edge.isoformat(),
        "after": after,
        "listed": listed[-1].key,
        "highest": highest.isoformat(),
        "is_settled": is_settled,
    }


def read_object(link: Link, found: FoundObject, start: int) -> Generator[bytes, None, None]:
    """See `ConnectionType.read_object`; of another version than was found there is nothing to be had."""
    if start >= found.size:  # S3 refuses to tell of nothing
        return
    what = f"s3://{link.configuration.bucket}/{found.key}"
    asked: dict[str, Any] = {"Bucket": link.configuration.bucket, "Key": found.key, "IfMatch": found.etag}
    if start:
        asked["Range"] = f"bytes={start}-"
    client = _open(link)
    try:
        with aws_errors(what):
            answer = client.get_object(**asked)
    except (FeedFailed, FeedRefused) as error:
        if getattr(error.__cause__, "response", {}).get("Error", {}).get("Code") in {"NoSuchKey", "PreconditionFailed"}:
            raise ObjectMissing(f"{what} is gone, or was put anew") from error
        raise
    with closing(answer["Body"]) as body:
        while piece := _next_piece(body, what=what):
            yield piece


def _next_piece(body: Any, *, what: str) -> bytes:
    with aws_errors(what):
        piece: bytes = body.read(PIECE_BYTES)
        return piece


def _found(one: dict[str, Any]) -> FoundObject:
    return FoundObject(
        key=one["Key"], etag=one["ETag"], size=one["Size"], modified_at=one["LastModified"].astimezone(UTC)
    )


def _is_wanted(one: FoundObject, configuration: Configuration, *, start: datetime) -> bool:
    return one.size > 0 and one.modified_at >= start and one.key.endswith(configuration.suffix) and "\0" not in one.key


def _identity(one: FoundObject) -> str:
    return f"{one.key}\n{one.etag}\n{one.modified_at.isoformat()}"


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else _EPOCH


TYPE: Final = ConnectionType(
    name="s3",
    configuration=Configuration,
    credentials=AwsKeys,
    place=place,
    pages=pages,
    needs_credentials=needs_keys,
    read_object=read_object,
)
