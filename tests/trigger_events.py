"""Events as CloudWatch Logs and S3 send them to Lambda."""

import base64
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

LOG_GROUP = "/aws/lambda/checkout"


def log_events(
    messages: Sequence[str], *, at: datetime | None = None, group: str = LOG_GROUP, kind: str = "DATA_MESSAGE"
) -> dict[str, Any]:
    """Some log events of a stream (CloudWatch Logs user guide, "Subscription filters with AWS Lambda")."""
    first_ms = int((at or datetime.now(UTC)).timestamp() * 1000)
    document = {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "2026/11/05/[$LATEST]0a1b2c3d",
        "subscriptionFilters": ["oddline"],
        "logEvents": [
            {"id": f"{first_ms:020d}{number:036d}", "timestamp": first_ms + number, "message": message}
            for number, message in enumerate(messages)
        ],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()}}


def control_message() -> dict[str, Any]:
    """By which CloudWatch Logs looks whether the function can be reached."""
    return log_events(
        ["CWL CONTROL MESSAGE: Checking health of destination Lambda Function."], group="", kind="CONTROL_MESSAGE"
    )


def object_created(bucket: str, key: str, *, size: int) -> dict[str, Any]:
    """An object was put, as EventBridge tells it (S3 user guide, "EventBridge event message structure")."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-05T08:15:30Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": size,
                "etag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0A1B2C3D4E5F678901",
            },
            "request-id": "C3D13FE58DE4C810",
            "requester": "123456789012",
            "source-ip-address": "198.51.100.7",
            "reason": "PutObject",
        },
    }


def notification(bucket: str, key: str, *, size: int) -> dict[str, Any]:
    """An object was put, as S3 itself tells it (S3 user guide, "Event message structure")."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "eu-central-1",
                "eventTime": "2026-11-05T08:15:30.123Z",
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "AIDAEXAMPLE"},
                "requestParameters": {"sourceIPAddress": "198.51.100.7"},
                "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "uploads",
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                        "arn": f"arn:aws:s3:::{bucket}",
                    },
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": size,
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                        "sequencer": "0A1B2C3D4E5F678901",
                    },
                },
            }
        ]
    }
