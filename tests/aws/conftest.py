"""What functions need around them on AWS: S3, secrets, the database, Redis, and workers that score."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from aws_account import Account
from secrets_extension import SecretsExtension, running_extension

from oddline.database import Database
from oddline.identity import Scope, create_key
from oddline.settings import Side
from oddline.submissions import new_id


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What looks at packages needs some."""
    return True if collection_path.name == "test_packages.py" and not config.getoption("--packages") else None


@pytest.fixture
def account(
    database_urls: dict[Side, str],
    redis_url: str,
    aws_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Account]:
    """An account with a bucket, and nothing running in it yet."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    packages: Path | None = request.config.getoption("--packages")
    with running_extension(SecretsExtension()) as extension:
        account = Account(
            database_urls=database_urls,
            redis_url=redis_url,
            s3_url=aws_url,
            extension=extension,
            folder=tmp_path,
            packages=packages and packages.absolute(),
        )
        boto3.client("s3", endpoint_url=aws_url).create_bucket(Bucket=account.bucket)
        yield account


@pytest.fixture
def headers(db: Callable[[Side], Database], project: UUID) -> dict[str, str]:
    """The headers of a caller who may do everything in the project."""
    made: Any = create_key(
        db("worker"), project=project, name="test", key_id=new_id(), now=datetime.now(UTC), scopes=list(Scope)
    )
    return {"Authorization": f"Bearer {made.key}"}
