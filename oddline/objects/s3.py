"""Objects in an S3 bucket; boto3 is imported only when such a store is first used, since it costs a cold start."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any

from oddline.errors import ObjectMissing, ObjectStoreUnavailable
from oddline.objects.keys import check_key, check_metadata, check_prefix, check_range
from oddline.objects.model import NO_METADATA, PIECE_BYTES, ObjectInfo, ObjectVersion, StoredPart, Upload

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 10
ATTEMPTS = 2  # whoever calls is inside a request or a lease; the task's own retry waits longer
CONNECTIONS = 16  # a page of entries reads at most as many objects at once
_MISSING = {"404", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound"}


class S3Objects:
    """An `ObjectStore` in a bucket; encrypted as the bucket says. Safe to share between threads, not across a fork.

    Args:
        prefix: comes before each key, with a `/` between.
        endpoint_url: another address than AWS's own.
    """

    def __init__(self, bucket: str, *, prefix: str = "", endpoint_url: str | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> Any:
        """Made at the first call: what takes logs opens a store at every start, and rarely needs it."""
        from boto3.session import Session
        from botocore.config import Config

        return Session().client(
            "s3",
            endpoint_url=self._endpoint_url,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                max_pool_connections=CONNECTIONS,
                signature_version="s3v4",  # the older one signs no header, so that a URL would take any size
                # A test server has no name for each bucket.
                s3={"addressing_style": "path" if self._endpoint_url else "auto"},
            ),
        )

    def put(self, key: str, data: bytes, *, metadata: Mapping[str, str] = NO_METADATA) -> None:
        """See `ObjectStore.put`."""
        with _s3_errors(key):
            self._client.put_object(**self._name(key), Body=data, Metadata=check_metadata(metadata))

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """See `ObjectStore.get`. One request, unless the range is empty or past the object's end."""
        check_range(start, end)
        if start == end:
            self.head(key)
            return b""
        last = "" if end is None else end - 1
        wanted = {} if start == 0 and end is None else {"Range": f"bytes={start}-{last}"}
        with _s3_errors(key):
            try:
                found: bytes = self._client.get_object(**self._name(key), **wanted)["Body"].read()
            except self._client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":  # it starts behind the end
                    return b""
                raise
        return found

    def stream(self, key: str, *, start: int = 0, version: str = "") -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        chosen = {"VersionId": version} if version else {}
        with _s3_errors(key):
            size = self._client.head_object(**self._name(key), **chosen)["ContentLength"]
        for at in range(start, size, PIECE_BYTES):
            with _s3_errors(key):
                wanted = f"bytes={at}-{at + PIECE_BYTES - 1}"
                piece: bytes = self._client.get_object(**self._name(key), **chosen, Range=wanted)["Body"].read()
            yield piece

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """See `ObjectStore.head`."""
        chosen = {"VersionId": version} if version else {}
        with _s3_errors(key):
            found = self._client.head_object(**self._name(key), **chosen)
        return ObjectInfo(
            key=key,
            size=found["ContentLength"],
            modified_at=found["LastModified"].astimezone(UTC),
            metadata=found["Metadata"],
        )

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        pages = self._client.get_paginator("list_objects_v2")
        with _s3_errors(prefix):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + check_prefix(prefix)):
                for found in page.get("Contents", []):
                    yield ObjectInfo(
                        key=found["Key"].removeprefix(self._prefix),
                        size=found["Size"],
                        modified_at=found["LastModified"].astimezone(UTC),
                    )

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with _s3_errors(key):
            self._client.delete_object(**self._name(key))

    def versions(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """See `ObjectStore.versions`; where the bucket keeps no versions each object is one."""
        pages = self._client.get_paginator("list_object_versions")
        wanted = {"Bucket": self._bucket, "Prefix": self._prefix + check_prefix(prefix)}
        if after:
            wanted["KeyMarker"] = self._prefix + after
        with _s3_errors(prefix):
            for page in pages.paginate(**wanted):
                for found in page.get("Versions", []):
                    key = found["Key"].removeprefix(self._prefix)
                    if key > after:  # not every store leaves the marker's own key away
                        yield ObjectVersion(key=key, version=found["VersionId"], is_current=found["IsLatest"])

    def get_version(self, one: ObjectVersion) -> bytes:
        """See `ObjectStore.get_version`."""
        with _s3_errors(one.key):
            found = self._client.get_object(**self._name(one.key), VersionId=one.version)
            data: bytes = found["Body"].read()
        return data

    def delete_version(self, one: ObjectVersion) -> None:
        """See `ObjectStore.delete_version`."""
        with _s3_errors(one.key):
            self._client.delete_object(**self._name(one.key), VersionId=one.version)

    def begin_upload(self, key: str, *, part_bytes: int, metadata: Mapping[str, str] = NO_METADATA) -> str:  # noqa: ARG002
        """See `ObjectStore.begin_upload`. Only the limits of S3 bind the sizes of its parts."""
        with _s3_errors(key):
            begun = self._client.create_multipart_upload(**self._name(key), Metadata=check_metadata(metadata))
        upload: str = begun["UploadId"]
        return upload

    def part_url(
        self, key: str, *, upload: str, number: int, expires: timedelta, size: int | None = None
    ) -> str | None:
        """See `ObjectStore.part_url`; nothing is asked of S3."""
        bound = {} if size is None else {"ContentLength": size}
        url: str = self._client.generate_presigned_url(
            "upload_part", Params=self._part(key, upload, number) | bound, ExpiresIn=int(expires.total_seconds())
        )
        return url

    def put_part(self, key: str, data: bytes, *, upload: str, number: int) -> None:
        """See `ObjectStore.put_part`."""
        with _s3_errors(key):
            self._client.upload_part(**self._part(key, upload, number), Body=data)

    def parts(self, key: str, *, upload: str) -> Sequence[StoredPart]:
        """See `ObjectStore.parts`."""
        pages = self._client.get_paginator("list_parts")
        with _s3_errors(key):
            return [
                StoredPart(number=found["PartNumber"], size=found["Size"], tag=found["ETag"])
                for page in pages.paginate(**self._name(key), UploadId=upload)
                for found in page.get("Parts", [])
            ]

    def complete_upload(self, key: str, *, upload: str) -> str:
        """See `ObjectStore.complete_upload`."""
        parts = [{"PartNumber": part.number, "ETag": part.tag} for part in self.parts(key, upload=upload)]
        with _s3_errors(key):
            made = self._client.complete_multipart_upload(
                **self._name(key), UploadId=upload, MultipartUpload={"Parts": parts}
            )
        version = made.get("VersionId")
        return "" if version in {None, "null"} else str(version)  # where the bucket keeps none

    def abort_upload(self, key: str, *, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        with suppress(ObjectMissing), _s3_errors(key):
            self._client.abort_multipart_upload(**self._name(key), UploadId=upload)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """See `ObjectStore.uploads`."""
        pages = self._client.get_paginator("list_multipart_uploads")
        with _s3_errors(prefix):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + check_prefix(prefix)):
                for found in page.get("Uploads", []):
                    yield Upload(
                        key=found["Key"].removeprefix(self._prefix),
                        id=found["UploadId"],
                        begun_at=found["Initiated"].astimezone(UTC),
                    )

    def _part(self, key: str, upload: str, number: int) -> dict[str, Any]:
        return {**self._name(key), "UploadId": upload, "PartNumber": number}

    def _name(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + check_key(key)}


@contextmanager
def _s3_errors(key: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise ObjectMissing(f"there is no object {key!r}") from error
        raise ObjectStoreUnavailable(f"S3 refuses: {error}") from error
    except BotoCoreError as error:
        raise ObjectStoreUnavailable(f"S3 does not answer: {error}") from error
