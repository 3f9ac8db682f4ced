"""Large immutable bytes by key: S3 on AWS, a folder locally, behind one small interface."""

from pathlib import Path

from oddline.errors import NotConfigured
from oddline.objects.folder import FolderObjects
from oddline.objects.model import (
    LARGEST_PART_BYTES,
    MOST_PARTS,
    PIECE_BYTES,
    PROJECT_METADATA,
    SMALLEST_PART_BYTES,
    ObjectInfo,
    ObjectStore,
    ObjectVersion,
    Readable,
    StoredPart,
    Upload,
)
from oddline.objects.s3 import S3Objects
from oddline.objects.undeleted import Undeleted
from oddline.settings import Settings

__all__ = [
    "LARGEST_PART_BYTES",
    "MOST_PARTS",
    "PIECE_BYTES",
    "PROJECT_METADATA",
    "SMALLEST_PART_BYTES",
    "FolderObjects",
    "ObjectInfo",
    "ObjectStore",
    "ObjectVersion",
    "Readable",
    "S3Objects",
    "StoredPart",
    "Undeleted",
    "Upload",
    "open_objects",
]


def open_objects(settings: Settings) -> ObjectStore:
    """The store that `settings.objects_url` names: `s3://bucket/prefix`, a folder, or (empty) `<home>/objects`.

    Nothing is asked of S3 before the first call.

    Raises:
        NotConfigured: it is a URL of another kind, or names no bucket.
    """
    scheme, separator, address = settings.objects_url.rpartition("://")
    if not separator:
        return FolderObjects(Path(settings.objects_url) if settings.objects_url else settings.home / "objects")
    bucket, _, prefix = address.partition("/")
    if scheme != "s3" or not bucket:
        raise NotConfigured(f"ODDLINE_OBJECTS_URL is neither s3://bucket/prefix nor a folder: {settings.objects_url}")
    return S3Objects(bucket, prefix=prefix, endpoint_url=settings.aws_endpoint_url)
