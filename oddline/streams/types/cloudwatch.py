"""CloudWatch Logs: the events of a log group, by FilterLogEvents."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from oddline.streams.model import Page
from oddline.streams.reading import ConnectionType, Link, Text
from oddline.streams.types.aws import AwsConfiguration, AwsKeys, aws_errors, needs_keys, open_client
from oddline.streams.windows import Found, LookBack, read_windows
from oddline.submissions import rfc3339, storable_entry

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

LogGroup = Annotated[str, StringConstraints(pattern=r"^[.\-_/#A-Za-z0-9]{1,512}$")]


class Configuration(AwsConfiguration):
    """Which events of which log group."""

    log_group: LogGroup
    stream_prefix: Annotated[Text | None, Field(description="only streams whose name begins so")] = None
    filter_pattern: Annotated[str, Field(max_length=1024, description="CloudWatch Logs' own; empty takes all")] = ""
    look_back_s: LookBack = 900


def place(configuration: Configuration) -> str:
    """Where it leads."""
    return f"log group {configuration.log_group} in {configuration.region}"


def pages(link: Link) -> Iterator[Page]:
    """See `ConnectionType.pages`."""
    configuration: Configuration = link.configuration
    client = open_client("logs", link)

    def fetch(start: datetime, until: datetime | None, token: Any) -> tuple[list[Found], Any]:
        asked: dict[str, Any] = {
            "logGroupName": configuration.log_group,
            "startTime": (start - _EPOCH) // _MILLISECOND,
            "filterPattern": configuration.filter_pattern,
            "limit": link.most,
        }
        if until is not None:
            asked["endTime"] = (until - _EPOCH) // _MILLISECOND
        if configuration.stream_prefix:
            asked["logStreamNamePrefix"] = configuration.stream_prefix
        if token:
            asked["nextToken"] = token
        with aws_errors(place(configuration)):
            answer = client.filter_log_events(**asked)
        return [_found(event, link) for event in answer["events"]], answer.get("nextToken")

    yield from read_windows(link, fetch, look_back=timedelta(seconds=configuration.look_back_s))


def _found(event: dict[str, Any], link: Link) -> Found:
    at = _EPOCH + event["timestamp"] * _MILLISECOND
    attributes = {
        "log_group": link.configuration.log_group,
        "log_stream": event["logStreamName"],
        "event_id": event["eventId"],
    }
    entry = storable_entry(event["message"], source=link.source, timestamp=rfc3339(at), attributes=attributes)
    # An id alone is unique within its stream at the least, whatever made it.
    return Found(f"{event['logStreamName']}\n{event['eventId']}", at, entry)


TYPE: Final = ConnectionType(
    name="cloudwatch",
    configuration=Configuration,
    credentials=AwsKeys,
    place=place,
    pages=pages,
    needs_credentials=needs_keys,
)
