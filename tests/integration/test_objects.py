"""One contract for every object store: the folder, and S3 over real HTTP against moto's server."""

import os
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import httpx
import pytest

from oddline.errors import CorruptBody, NotConfigured, ObjectMissing, ObjectStoreUnavailable, OddlineError
from oddline.objects import (
    PIECE_BYTES,
    SMALLEST_PART_BYTES,
    FolderObjects,
    ObjectStore,
    S3Objects,
    open_objects,
)
from oddline.settings import Settings


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return FolderObjects(tmp_path / "objects")
    request.getfixturevalue("credentials")
    endpoint = request.getfixturevalue("aws_url")
    bucket = f"test-{uuid4().hex}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    return S3Objects(bucket, prefix="some/prefix", endpoint_url=endpoint)


def test_what_is_put_is_got(store: ObjectStore) -> None:
    data = os.urandom(3_000_000)

    store.put("project/2026-11-01/chunk", data)

    assert store.get("project/2026-11-01/chunk") == data


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put("empty", b"")

    assert store.get("empty") == b""
    assert store.head("empty").size == 0


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (0, 4), (2, 5), (7, None), (8, 100), (10, None), (10, 20), (99, 100), (3, 3), (0, 0)]
)
def test_a_range_is_what_a_slice_of_the_data_would_be(store: ObjectStore, start: int, end: int | None) -> None:
    store.put("ten", b"0123456789", metadata={"project": "p"})

    found = store.get("ten", start=start, end=end)

    assert found == b"0123456789"[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 4), (-3, -1)])
def test_a_range_that_is_none_is_refused(store: ObjectStore, start: int, end: int | None) -> None:
    store.put("ten", b"0123456789")

    with pytest.raises(OddlineError, match="not a range"):
        store.get("ten", start=start, end=end)


def test_head_tells_size_time_and_metadata(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)

    store.put("a/b", b"data", metadata={"project": "0192-77", "era": "1"})

    info = store.head("a/b")
    assert (info.key, info.size, info.metadata) == ("a/b", 4, {"project": "0192-77", "era": "1"})
    assert info.modified_at.utcoffset() == timedelta(0)
    assert before <= info.modified_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_a_second_put_replaces_data_and_metadata(store: ObjectStore) -> None:
    store.put("key", b"the older and longer", metadata={"version": "1"})

    store.put("key", b"new", metadata={"other": "2"})

    assert store.get("key") == b"new"
    assert store.head("key").metadata == {"other": "2"}


@pytest.mark.parametrize("key", ["never", "a", "a/b/c", "never/there"])
def test_what_was_never_put_is_missing(store: ObjectStore, key: str) -> None:
    store.put("a/b", b"data")

    with pytest.raises(ObjectMissing):
        store.get(key)
    with pytest.raises(ObjectMissing):
        store.get(key, start=1, end=1)
    with pytest.raises(ObjectMissing):
        store.head(key)


def test_a_deleted_object_is_missing_and_may_be_deleted_again(store: ObjectStore) -> None:
    store.put("a/b", b"data")

    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/there")

    with pytest.raises(ObjectMissing):
        store.get("a/b")


def test_deleting_what_others_stand_under_leaves_them(store: ObjectStore) -> None:
    store.put("a/b", b"data")

    store.delete("a")
    store.delete("a/b/c")

    assert store.get("a/b") == b"data"


def test_a_list_is_in_the_order_of_the_keys(store: ObjectStore) -> None:
    keys = ["b", "a/2", "a.b", "a/1/x", "a0", "ä", "a/10", "a-"]
    for key in keys:
        store.put(key, key.encode())

    listed = list(store.list(""))

    assert [info.key for info in listed] == sorted(keys)
    assert [info.size for info in listed] == [len(key.encode()) for key in sorted(keys)]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("p1/", ["p1/2026-11-01/a", "p1/2026-11-02/b"]),
        ("p1", ["p1/2026-11-01/a", "p1/2026-11-02/b", "p10/c"]),
        ("p1/2026-11-0", ["p1/2026-11-01/a", "p1/2026-11-02/b"]),
        ("p1/2026-11-01/a", ["p1/2026-11-01/a"]),
        ("p1/2026-11-01/a/", []),
        ("nothing/here", []),
    ],
)
def test_a_prefix_may_end_anywhere_in_a_key(store: ObjectStore, prefix: str, expected: list[str]) -> None:
    for key in ["p1/2026-11-01/a", "p1/2026-11-02/b", "p10/c", "q/d"]:
        store.put(key, b"")

    assert [info.key for info in store.list(prefix)] == expected


def test_a_list_is_whole_where_s3_needs_several_pages(store: ObjectStore) -> None:
    keys = [f"day/{number:04}" for number in range(1_001)]
    for key in keys:
        store.put(key, b"x")

    assert [info.key for info in store.list("day/")] == keys


@pytest.mark.parametrize(
    "key",
    [
        *["", "/", "/etc/passwd", "../up", "a/../../b", "a/..", ".", "a/./b", "a//b", "a/", "nul\0", "line\nbreak"],
        *["lone\ud800", "x" * 256, "/".join(["x" * 200] * 5)],
    ],
)
def test_a_key_that_could_leave_the_store_or_break_it_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(OddlineError, match="object key"):
        store.put(key, b"data")
    with pytest.raises(OddlineError, match="object key"):
        store.get(key)
    with pytest.raises(OddlineError, match="object key"):
        store.head(key)
    with pytest.raises(OddlineError, match="object key"):
        store.delete(key)


@pytest.mark.parametrize("prefix", ["../", "a/../", "/", "a//", "nul\0"])
def test_a_prefix_that_could_leave_the_store_is_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(OddlineError, match="object key"):
        list(store.list(prefix))


@pytest.mark.parametrize(
    "metadata", [{"Upper": "x"}, {"": "x"}, {"a b": "x"}, {"a": "ä"}, {"a": "b\nc"}, {"a": " b"}, {"a": "x" * 2_048}]
)
def test_metadata_that_one_store_would_change_is_refused_by_all(store: ObjectStore, metadata: dict[str, str]) -> None:
    with pytest.raises(OddlineError, match="metadata"):
        store.put("key", b"data", metadata=metadata)


def test_readers_never_see_a_part_while_an_object_is_replaced(store: ObjectStore) -> None:
    versions = [bytes([letter]) * size for letter, size in ((65, 200_000), (66, 100_000))]
    store.put("key", versions[0], metadata={"version": "0"})
    stop = threading.Event()

    def replace() -> None:
        turn = 0
        while not stop.is_set():
            turn = 1 - turn
            store.put("key", versions[turn], metadata={"version": str(turn)})

    writer = threading.Thread(target=replace)
    writer.start()
    seen = [store.get("key") for _ in range(60)]
    stop.set()
    writer.join()

    assert all(data in versions for data in seen)


# The folder's own


def test_a_folder_keeps_no_unfinished_file_of_a_crash(tmp_path: Path) -> None:
    FolderObjects(tmp_path).put("a", b"data")
    (tmp_path / ".incoming" / "half").write_bytes(b"half")

    FolderObjects(tmp_path)
    young = list((tmp_path / ".incoming").iterdir())
    store = FolderObjects(tmp_path, clock=lambda: datetime.now(UTC) + timedelta(days=2))

    assert [path.name for path in young] == ["half"]
    assert list((tmp_path / ".incoming").iterdir()) == []
    assert [info.key for info in store.list("")] == ["a"]


def test_a_folder_has_no_key_in_its_own_corner(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)

    with pytest.raises(OddlineError, match="object key"):
        store.put(".incoming/x", b"data")


def test_a_folder_refuses_a_key_that_is_the_folder_of_another(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    store.put("a/b", b"data")

    with pytest.raises(OddlineError, match="folder"):
        store.put("a", b"data")
    with pytest.raises(OddlineError, match="folder"):
        store.put("a/b/c", b"data")

    assert list((tmp_path / ".incoming").iterdir()) == []


def test_a_file_that_another_program_left_in_the_folder_is_told_as_corrupt(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    (tmp_path / "foreign").write_bytes(b"x")

    with pytest.raises(CorruptBody):
        store.get("foreign")


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path / "objects")
    (tmp_path / "objects" / ".incoming").rmdir()

    with pytest.raises(ObjectStoreUnavailable):
        store.put("key", b"data")


# S3's own


@pytest.mark.usefixtures("credentials")
def test_an_s3_that_is_not_there_is_unavailable_soon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        store = S3Objects("bucket", endpoint_url=f"http://127.0.0.1:{free.getsockname()[1]}")
        started = time.monotonic()

        with pytest.raises(ObjectStoreUnavailable):
            store.get("key")
        with pytest.raises(ObjectStoreUnavailable):
            list(store.list(""))

    assert time.monotonic() - started < 20


@pytest.mark.usefixtures("credentials")
def test_a_bucket_that_is_not_there_is_unavailable(aws_url: str) -> None:
    store = S3Objects("no-such-bucket", endpoint_url=aws_url)

    with pytest.raises(ObjectStoreUnavailable, match="NoSuchBucket"):
        store.get("key")


@pytest.mark.usefixtures("credentials")
def test_keys_stand_under_the_prefix_of_the_url(aws_url: str) -> None:
    client = boto3.client("s3", endpoint_url=aws_url)
    client.create_bucket(Bucket="named-by-url")
    settings = Settings(objects_url="s3://named-by-url/odd/line/", AWS_ENDPOINT_URL=aws_url)

    open_objects(settings).put("a/b", b"data")

    listed = client.list_objects_v2(Bucket="named-by-url")["Contents"]
    assert [found["Key"] for found in listed] == ["odd/line/a/b"]


def test_without_a_url_objects_stand_in_the_home_folder(tmp_path: Path) -> None:
    open_objects(Settings(home=tmp_path)).put("a/b", b"data")

    assert (tmp_path / "objects" / "a" / "b").is_file()


def test_a_url_that_is_not_s3_is_a_folder(tmp_path: Path) -> None:
    open_objects(Settings(objects_url=str(tmp_path / "elsewhere"))).put("a", b"data")

    assert (tmp_path / "elsewhere" / "a").is_file()


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "gs://bucket", "https://bucket.example/"])
def test_a_url_that_names_no_store_is_told(url: str) -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_OBJECTS_URL"):
        open_objects(Settings(objects_url=url))


def test_what_is_deleted_for_good_has_no_version_left(store: ObjectStore) -> None:
    if isinstance(store, S3Objects):
        store._client.put_bucket_versioning(Bucket=store._bucket, VersioningConfiguration={"Status": "Enabled"})
    store.put("a/one", b"first")
    store.put("a/one", b"second")
    store.put("a/two", b"deleted")
    store.delete("a/two")
    store.put("b", b"another")

    kept = {store.get_version(one) for one in store.versions("a/")}
    current = [store.get_version(one) for one in store.versions("a/") if one.is_current]
    for one in list(store.versions("a/")):
        store.delete_version(one)
        store.delete_version(one)

    assert current == [b"second"]
    assert kept == ({b"first", b"second", b"deleted"} if isinstance(store, S3Objects) else {b"second"})
    assert list(store.versions("a/")) == []
    assert store.get("b") == b"another"


# What comes in parts, and what is read in pieces

PART = SMALLEST_PART_BYTES
WHOLE = bytes(range(256)) * ((2 * PART + 1_000) // 256)


def _upload(store: ObjectStore, *numbers: int) -> str:
    upload = store.begin_upload("files/one", part_bytes=PART, metadata={"project": "p"})
    for number in numbers:
        store.put_part("files/one", WHOLE[(number - 1) * PART : number * PART], upload=upload, number=number)
    return upload


def test_parts_in_whatever_order_are_one_object_once_they_are_complete(store: ObjectStore) -> None:
    upload = _upload(store, 2, 3, 1, 2)

    listed = [(part.number, part.size) for part in store.parts("files/one", upload=upload)]
    under_way = [one.id for one in store.uploads("files/")]
    before = list(store.list(""))
    version = store.complete_upload("files/one", upload=upload)

    assert listed == [(1, PART), (2, PART), (3, len(WHOLE) - 2 * PART)]
    assert (under_way, before) == ([upload], [])
    assert b"".join(store.stream("files/one", version=version)) == WHOLE
    assert store.head("files/one").metadata == {"project": "p"}
    assert list(store.uploads("")) == []
    assert [info.key for info in store.list("")] == ["files/one"]


def test_an_upload_that_was_aborted_or_completed_takes_no_part_any_more(store: ObjectStore) -> None:
    upload = _upload(store, 1)

    store.abort_upload("files/one", upload=upload)
    store.abort_upload("files/one", upload=upload)

    if isinstance(store, FolderObjects):  # moto's server breaks here, where S3 says NoSuchUpload
        with pytest.raises(ObjectMissing):
            store.put_part("files/one", b"late", upload=upload, number=2)
    with pytest.raises(ObjectMissing):
        store.parts("files/one", upload=upload)
    with pytest.raises(ObjectMissing):
        store.complete_upload("files/one", upload=upload)
    assert list(store.uploads("")) == []


@pytest.mark.parametrize("start", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 5, len(WHOLE), len(WHOLE) + 1])
def test_a_stream_gives_what_stands_behind_its_start_in_pieces(store: ObjectStore, start: int) -> None:
    store.put("one", WHOLE)

    pieces = list(store.stream("one", start=start))

    assert b"".join(pieces) == WHOLE[start:]
    assert max(map(len, pieces), default=0) <= PIECE_BYTES


def test_a_stream_of_what_is_not_there_is_missing(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        next(store.stream("never"))


def test_a_stream_of_a_version_gives_that_one_though_another_came(store: ObjectStore) -> None:
    if not isinstance(store, S3Objects):
        pytest.skip("a folder keeps one version of each key, and files of their own have keys of their own")
    store._client.put_bucket_versioning(Bucket=store._bucket, VersioningConfiguration={"Status": "Enabled"})
    version = store.complete_upload("files/one", upload=_upload(store, 1))
    store.put("files/one", b"another")

    assert b"".join(store.stream("files/one", version=version)) == WHOLE[:PART]


def test_the_url_of_a_part_takes_it_without_any_key(store: ObjectStore) -> None:
    upload = _upload(store)

    url = store.part_url("files/one", upload=upload, number=1, expires=timedelta(minutes=5))

    if isinstance(store, FolderObjects):
        assert url is None
        return
    assert url is not None
    assert httpx.put(url, content=WHOLE[:PART]).status_code == 200
    assert [(part.number, part.size) for part in store.parts("files/one", upload=upload)] == [(1, PART)]


def test_the_url_of_a_part_whose_size_is_known_is_signed_for_that_size(store: ObjectStore) -> None:
    upload = _upload(store)

    url = store.part_url("files/one", upload=upload, number=1, expires=timedelta(minutes=5), size=PART)

    if isinstance(store, FolderObjects):
        assert url is None
        return
    signed = parse_qs(urlsplit(url or "").query)["X-Amz-SignedHeaders"]
    assert signed == ["content-length;host"]
    assert httpx.put(url or "", content=WHOLE[:PART]).status_code == 200


def test_a_folder_refuses_to_complete_what_has_gaps(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    upload = _upload(store, 1, 3)

    with pytest.raises(OddlineError, match="gaps"):
        store.complete_upload("files/one", upload=upload)


def test_versions_are_listed_from_behind_a_key_in_the_order_of_keys(store: ObjectStore) -> None:
    if isinstance(store, S3Objects):
        store._client.put_bucket_versioning(Bucket=store._bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a/1", "a/1", "a/10/x", "a/2", "b/1", "b/1", "c"):
        store.put(key, b"data")

    def behind(after: str) -> list[str]:
        return list(dict.fromkeys(one.key for one in store.versions("a/", after=after)))

    assert behind("") == ["a/1", "a/10/x", "a/2"]
    assert behind("a/1") == ["a/10/x", "a/2"]
    assert [one.key for one in store.versions("b/", after="a/2")][:1] == ["b/1"]
    assert list(store.versions("a/", after="b/1")) == []
