"""What stands in for an AWS account: the functions and workers of the template, and what they share."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from lambda_runtime import RuntimeApi, lambda_environment
from secrets_extension import SecretsExtension
from trigger_events import object_created
from worker_process import Worker, running_worker

from oddline.settings import Side

ROOT = Path(__file__).resolve().parents[2]
# Each function by its handler, and the database role that its secret gives it.
FUNCTIONS: dict[str, tuple[str, Side]] = {
    "Ingest": ("functions.ingest.app.handler", "ingest"),
    "Console": ("functions.console.app.handler", "console"),
    "Search": ("functions.search.app.handler", "search"),
    "LogEvents": ("functions.triggers.app.log_events", "ingest"),
    "UploadedFiles": ("functions.triggers.app.uploaded_files", "ingest"),
    "Reconcile": ("functions.schedules.app.reconcile", "worker"),
    "HealthCheck": ("functions.schedules.app.health_check", "worker"),
    "CreatePartitions": ("functions.schedules.app.create_partitions", "worker"),
    "CompactChunks": ("functions.schedules.app.compact_chunks", "worker"),
    "WatchSchedules": ("functions.schedules.app.watch_schedules", "worker"),
    "UserSchedule": ("functions.schedules.app.user_schedule", "worker"),
}


@dataclass
class Account:
    """What stands in for an AWS account: functions and workers, and what they share."""

    database_urls: dict[Side, str]
    redis_url: str
    s3_url: str
    extension: SecretsExtension
    folder: Path
    packages: Path | None
    bucket: str = field(default_factory=lambda: f"test-{uuid4().hex}")

    def function(self, name: str, **variables: str) -> AbstractContextManager[RuntimeApi]:
        """An environment of a function of the template; of Search, which is an image, from its source."""
        handler, side = FUNCTIONS[name]
        self.extension.put(
            name,
            {
                "database_url": self.database_urls[side],
                "redis_url": self.redis_url,
                "encryption_keys": os.environ["ODDLINE_ENCRYPTION_KEYS"],
            },
        )
        return lambda_environment(
            handler,
            variables={
                "ODDLINE_SECRETS": name,
                "ODDLINE_DATABASE_POOL_SIZE": "1",
                "ODDLINE_OBJECTS_URL": f"s3://{self.bucket}",
                "ODDLINE_TRIGGER_PROJECT": "first",
                "AWS_ENDPOINT_URL": self.s3_url,
                **self.extension.environment,
                **variables,
            },
            folder=self.folder,
            package=self.packages / name if self.packages and name != "Search" else None,
        )

    def put(self, key: str, body: bytes) -> dict[str, Any]:
        """Store an object; the event that tells of it."""
        boto3.client("s3", endpoint_url=self.s3_url).put_object(Bucket=self.bucket, Key=key, Body=body)
        return object_created(self.bucket, key, size=len(body))

    def worker(self) -> AbstractContextManager[Worker]:
        """A worker that scores."""
        return running_worker(
            "worker_image.worker.app",
            home=self.folder,
            database_url=self.database_urls["worker"],
            redis_url=self.redis_url,
            ODDLINE_OBJECTS_URL=f"s3://{self.bucket}",
            AWS_ENDPOINT_URL=self.s3_url,
        )
