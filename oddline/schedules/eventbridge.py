"""Alarms in a group of EventBridge Scheduler; boto3 is imported only where one is put, since it costs a cold start."""

import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from oddline.errors import AlarmRefused, TimerUnavailable
from oddline.schedules.model import Alarm

CONNECT_TIMEOUT_S: Final = 2
READ_TIMEOUT_S: Final = 5
ATTEMPTS: Final = 2  # the sweep of the next minute is another
PAGE: Final = 100  # EventBridge's most

# What EventBridge sends: the members of its event, which Chalice needs, and the schedule in `detail`.
_EVENT: Final = {
    "version": "0",
    "id": "<aws.scheduler.execution-id>",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "time": "<aws.scheduler.scheduled-time>",
    "resources": ["<aws.scheduler.schedule-arn>"],
}


class EventBridgeTimer:
    """A `Timer` in a schedule group that holds nothing else.

    Args:
        group: its name.
        target: ARN of the function that is called.
        role: ARN of the role in which EventBridge calls it.
        endpoint_url: another address than AWS's own.
    """

    patience = timedelta(minutes=1)  # EventBridge Scheduler user guide: "60 second precision"

    def __init__(self, group: str, *, target: str, role: str, endpoint_url: str | None = None) -> None:
        self._group = group
        self._target = target
        self._role = role
        self._endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> Any:
        from boto3.session import Session
        from botocore.config import Config

        return Session().client(
            "scheduler",
            endpoint_url=self._endpoint_url,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ),
        )

    def put(self, alarm: Alarm) -> None:
        """See `Timer.put`."""
        wanted = self._wanted(alarm)
        with _timer_errors():
            try:
                self._client.update_schedule(**wanted)
            except self._client.exceptions.ResourceNotFoundException:
                self._client.create_schedule(**wanted)

    def remove(self, name: str) -> None:
        """See `Timer.remove`."""
        with _timer_errors(), suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.delete_schedule(GroupName=self._group, Name=name)

    def held(self) -> AbstractSet[str]:
        """See `Timer.held`. One that somebody has disabled is not held, so that it is put there again."""
        pages = self._client.get_paginator("list_schedules")
        enabled = {"GroupName": self._group, "State": "ENABLED"}
        with _timer_errors():
            return {
                found["Name"]
                for page in pages.paginate(**enabled, PaginationConfig={"PageSize": PAGE})
                for found in page["Schedules"]
            }

    def _wanted(self, alarm: Alarm) -> dict[str, Any]:
        region, account = self._target.split(":")[3:5]
        event = _EVENT | {"region": region, "account": account, "detail": {"schedule": str(alarm.schedule)}}
        times = {"StartDate": alarm.starts_at, "EndDate": alarm.ends_at}
        return {
            "GroupName": self._group,
            "Name": str(alarm.schedule),
            "ScheduleExpression": alarm.expression,
            "ScheduleExpressionTimezone": alarm.timezone,
            "State": "ENABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": self._target,
                "RoleArn": self._role,
                "Input": json.dumps(event),
                # What it could not deliver by then the sweep has fired.
                "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
            },
            **{name: moment for name, moment in times.items() if moment is not None},
        }


@contextmanager
def _timer_errors() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            raise AlarmRefused(f"EventBridge refuses: {error}") from error
        raise TimerUnavailable(f"EventBridge fails: {error}") from error
    except BotoCoreError as error:
        raise TimerUnavailable(f"EventBridge does not answer: {error}") from error
