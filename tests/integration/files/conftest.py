"""A project's files, and where they are kept."""

from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest
from filing import Filing, open_client
from starlette.testclient import TestClient

from oddline.objects import S3Objects
from oddline.settings import Side


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture
def client(filing: Filing) -> Iterator[TestClient]:
    with open_client(filing) as client:
        yield client


@pytest.fixture
def bucket(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Objects:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"test-{uuid4().hex}"
    boto3.client("s3", endpoint_url=aws_url).create_bucket(Bucket=name)
    return S3Objects(name, endpoint_url=aws_url)
