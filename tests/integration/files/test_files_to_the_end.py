"""Log files beyond their entries: damage that is told, uploads that hold too much, killed packing, summing up."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import zstandard
from filing import PATH, Filing, uploaded
from inbox import Inbox
from reading import refusal
from starlette.testclient import TestClient

from functions.http import Parts
from oddline.chunks.compaction import Compactor
from oddline.cli import files as commands
from oddline.errors import DamagedFile
from oddline.files import FilePayload, calculate_file_analytics, cleanup_temp_files, compress_log_file
from oddline.objects import SMALLEST_PART_BYTES, FolderObjects, S3Objects
from oddline.privacy.finder import Finder
from oddline.privacy.places import PLACES, Work
from oddline.redaction import ErasedValues
from oddline.submissions import new_id
from oddline.tasks import NoPayload

FEW = b"2026-11-05T08:15:30Z INFO started\n2026-11-05T08:15:31Z ERROR disk sda: I/O error\n"
MANY = b"".join(b"2026-11-05T08:15:%02dZ INFO request %d took 3 ms\n" % (at % 60, at) for at in range(20_000))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_file_whose_packing_breaks_off_keeps_what_came_before_and_says_so(
    client: TestClient, filing: Filing, pack: Any
) -> None:
    packed = pack(MANY)
    file = uploaded(client, packed[: len(packed) // 2])

    run = filing.run()

    shown = client.get(f"{PATH}/{file['file_id']}").json()
    lines = shown["metadata"]["lines"]
    assert (shown["state"], shown["progress"]) == ("damaged", 100.0)
    assert 0 < lines == shown["entries"] == len(filing.entries())
    assert f"{lines:,} lines before that are kept" in shown["warning"]
    assert run[1].result["warning"] == shown["warning"]
    assert [one["file_id"] for one in client.get(PATH, params={"state": "damaged"}).json()["files"]] == [
        file["file_id"]
    ]


def test_the_command_fails_for_a_damaged_file_though_its_entries_are_stored() -> None:
    with pytest.raises(DamagedFile, match=r"1 of the files .* 12 lines before that are kept"):
        commands._warn([None, "its gzip packing is damaged: 12 lines before that are kept, and what follows is lost"])


def test_completing_needs_no_body(client: TestClient) -> None:
    file = client.post(PATH, json={"name": "app.log", "size": len(FEW)}).json()
    client.put(file["upload"]["parts"][0]["url"], content=FEW)

    done = client.post(f"{PATH}/{file['file_id']}/complete")

    assert (done.status_code, done.json()["state"]) == (200, "uploaded")
    assert done.json()["task_id"] is not None


def test_on_s3_what_is_larger_than_it_may_be_is_thrown_away_when_it_is_completed(
    client: TestClient, filing: Filing, bucket: S3Objects
) -> None:
    client.app.state.parts = lambda: Parts(  # type: ignore[attr-defined]
        settings=filing.settings.model_copy(update={"file_bytes": SMALLEST_PART_BYTES}),
        db=filing.db("console"),
        publisher=filing.publisher,
        objects=bucket,
    )
    told = client.post(PATH, json={"name": "told.log", "size": 10}).json()
    untold = client.post(PATH, json={"name": "untold.log"}).json()
    httpx.put(told["upload"]["parts"][0]["url"], content=b"x" * 11).raise_for_status()
    for part in untold["upload"]["parts"][:2]:
        httpx.put(part["url"], content=b"x" * SMALLEST_PART_BYTES).raise_for_status()

    answers = [client.post(f"{PATH}/{file['file_id']}/complete") for file in (told, untold)]

    assert [refusal(answer)[0] for answer in answers] == [413, 413]
    assert list(bucket.uploads("files/")) == []
    assert client.get(PATH).json()["files"] == []


def test_the_url_of_a_part_whose_size_is_told_takes_no_other_size(filing: Filing, bucket: S3Objects) -> None:
    upload = bucket.begin_upload("files/a", part_bytes=10)

    urls = [
        bucket.part_url("files/a", upload=upload, number=1, expires=timedelta(hours=1), size=size)
        for size in (10, None)
    ]

    signed = [httpx.URL(url or "").params["X-Amz-SignedHeaders"].split(";") for url in urls]
    assert signed == [["content-length", "host"], ["host"]]


def test_an_open_upload_of_untold_size_that_grew_over_goes_within_the_hour(
    client: TestClient, filing: Filing, bucket: S3Objects
) -> None:
    filing.objects = bucket
    filing.set(file_bytes=SMALLEST_PART_BYTES)
    client.app.state.parts = lambda: Parts(  # type: ignore[attr-defined]
        settings=filing.settings, db=filing.db("console"), publisher=filing.publisher, objects=bucket
    )
    grown, small = (client.post(PATH, json={"name": name}).json() for name in ("grown.log", "small.log"))
    for file, parts in ((grown, 2), (small, 1)):
        for part in file["upload"]["parts"][:parts]:
            httpx.put(part["url"], content=b"x" * SMALLEST_PART_BYTES).raise_for_status()

    cleaned = cleanup_temp_files(NoPayload(), filing.context)

    assert cleaned == {"uploads": 1}
    assert [file["file_id"] for file in client.get(PATH).json()["files"]] == [small["file_id"]]
    assert len(list(bucket.uploads("files/"))) == 1


def test_a_part_that_is_put_here_has_no_more_bytes_than_are_left_of_the_file(client: TestClient) -> None:
    file = client.post(PATH, json={"name": "app.log", "size": 10}).json()

    answer = client.put(file["upload"]["parts"][0]["url"], content=b"x" * 11)

    assert refusal(answer)[0] == 413


class _KilledAtTheEnd(FolderObjects):
    """Those of a process that is killed when the packed file is whole, and before its row names it."""

    def stream(self, key: str, *, start: int = 0, version: str = "") -> Iterator[bytes]:
        if key.endswith(".zst"):
            raise SystemExit(key)
        yield from super().stream(key, start=start, version=version)


def _killed_while_packing(filing: Filing, file: dict[str, Any]) -> FilePayload:
    payload = FilePayload(project=filing.project, file=UUID(file["file_id"]))
    with pytest.raises(SystemExit):
        compress_log_file(payload, replace(filing.context, objects=_KilledAtTheEnd(filing.settings.home / "objects")))
    assert len(list(filing.objects.list("files/"))) == 2
    return payload


def test_an_erasure_takes_what_a_killed_packing_left_and_can_be_killed_itself(
    client: TestClient, filing: Filing, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = ErasedValues(("ada@example.org",), ignore_case=True)
    finder = Finder(values, cipher=filing.settings.cipher())
    work = Work(project=filing.project, finder=finder, context=filing.context)
    file = uploaded(client, b"hello\nit was ada@example.org\n")
    filing.run_once()
    filing.run_once()
    payload = _killed_while_packing(filing, file)

    with monkeypatch.context() as killing:
        killing.setattr(FolderObjects, "delete_version", lambda *_: (_ for _ in ()).throw(SystemExit()))
        with pytest.raises(SystemExit):
            PLACES["uploaded_files"](work, None)
    again = PLACES["uploaded_files"](work, None)
    packed_again = compress_log_file(payload, filing.context)

    assert again.looked == 1
    assert packed_again == {}
    assert list(filing.objects.list("files/")) == []
    assert client.get(f"{PATH}/{file['file_id']}").status_code == 404


def test_packing_that_was_killed_is_done_anew_and_leaves_one_object(client: TestClient, filing: Filing) -> None:
    file = uploaded(client, FEW)
    filing.run_once()
    filing.run_once()
    payload = _killed_while_packing(filing, file)

    done = compress_log_file(payload, filing.context)

    [kept] = filing.objects.list("files/")
    assert done["bytes"] == len(FEW)
    assert zstandard.ZstdDecompressor().stream_reader(filing.objects.get(kept.key)).read() == FEW


def test_a_file_is_followed_from_its_upload_to_what_its_entries_are_like(client: TestClient, filing: Filing) -> None:
    inbox = Inbox(filing.db, FolderObjects(filing.settings.home / "objects"), filing.clock)
    inbox.set_threshold(filing.project, "cart", 0.0)
    file = uploaded(client, MANY + FEW, source="cart")
    other = inbox.submit(filing.project, "this is of no file")

    before = filing.run()
    inbox.score()
    filing.clock.move(timedelta(minutes=1))
    after = filing.run()

    summed = client.get(f"{PATH}/{file['file_id']}").json()["analytics"]
    assert [task.name for task in before][-1] == "score_log_file"
    assert [task.name for task in after] == ["score_log_file", "generate_embeddings", "calculate_file_analytics"]
    assert inbox.task(other).state.ready
    assert (summed["entries"], summed["severities"]) == (20_002, {"info": 20_001, "error": 1})
    assert summed["sources"][0]["source"] == "cart"
    assert summed["first"].startswith("2026-11-05T08:15:00")
    assert {one["entries"] for one in summed["new_patterns"]} == {20_000, 1}
    assert summed["anomalies"] == sum(one["count"] for one in summed["oddest"]) == 20_002
    assert summed["patterns"][0]["entries"] == 20_000


def test_a_file_is_summed_up_from_what_its_entries_were_merged_into_and_nothing_fuller_is_written_over(
    client: TestClient, filing: Filing
) -> None:
    inbox = Inbox(filing.db, FolderObjects(filing.settings.home / "objects"), filing.clock)
    file = uploaded(client, MANY, source="cart")
    payload = FilePayload(project=filing.project, file=UUID(file["file_id"]))
    filing.run()
    inbox.score()
    inbox.submit(filing.project, "this is of no file")
    inbox.score()
    days_later(filing)

    first = calculate_file_analytics(payload, filing.context)
    with filing.db("worker").transaction() as tx:
        tx.execute("DELETE FROM compacted_chunks")
    second = calculate_file_analytics(payload, filing.context)

    shown = client.get(f"{PATH}/{file['file_id']}").json()["analytics"]
    assert (first["entries"], first["partial"]) == (20_000, False)
    assert (second["entries"], second["partial"]) == (0, True)
    assert (shown["entries"], shown["severities"], shown["partial"]) == (20_000, {"info": 20_000}, False)


def days_later(filing: Filing) -> None:
    """What is left of the way to chunks: they are merged, and what is done is forgotten."""
    context = filing.context
    filing.clock.move(timedelta(days=1))
    Compactor(db=context.db, objects=context.objects, clock=filing.clock, new_id=new_id).run(
        until=filing.clock() + timedelta(minutes=1)
    )
    with context.db.transaction() as tx:
        assert tx.execute("DELETE FROM hot_chunks WHERE replaced_by IS NOT NULL").rowcount > 0
        tx.execute("DELETE FROM submission_state")
