"""What OpenAPI says of the answers on files, with an example of each."""

from typing import Any

from functions.http.answers import NEXT, answer, no_content

_FILE_ID = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64aab"
_TASK_ID = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64aac"
_FILE: dict[str, Any] = {
    "file_id": _FILE_ID,
    "name": "checkout-2026-11-04.log.gz",
    "source": "checkout-api",
    "format": None,
    "zone": "Europe/Berlin",
    "state": "processing",
    "size": 1_288_490_188,
    "warning": None,
    "created_at": "2026-11-05T08:11:02.120000Z",
    "uploaded_at": "2026-11-05T08:15:30.201000Z",
    "finished_at": None,
    "task_id": _TASK_ID,
    "progress": 41.5,
    "entries": 4_210_000,
    "refused": 0,
    "found": {"format": "json", "encoding": "utf-8", "compression": "gzip"},
    "problems": {"replaced": 0, "cut": 0, "unparsed": 3, "guessed": 0, "damaged": ""},
    "metadata": {"entries": 4_210_000, "first": "2026-11-04T00:00:00+00:00", "severities": {"INFO": 4_209_100}},
    "stored": {"bytes": 1_288_490_188, "compression": "gzip"},
    "analytics": None,
    "error": None,
}
_OF_UPLOAD = {name: _FILE[name] for name in ("file_id", "name", "state", "size", "task_id")}
_NULLS = ["format", "zone", "size", "warning", "uploaded_at", "finished_at", "task_id", "analytics", "stored", "error"]
_FREE = ["found", "problems", "metadata", "stored", "analytics"]
_PAGE: dict[str, Any] = {
    "part_bytes": 8_388_608,
    "parts": [
        {
            "number": 1,
            "start": 0,
            "end": 8_388_608,
            "there": False,
            "url": f"/api/v1/files/{_FILE_ID}/parts/1",
        }
    ],
    "next": 100,
}
_STARTED = {"task_id": _TASK_ID, "status": "queued"}

FILE = answer("The file as it is now; `progress` in percent", _FILE, nullable=_NULLS, free=_FREE)
FILES = answer(NEXT, {"files": [_FILE], "next": _FILE_ID}, nullable=_NULLS, free=_FREE)
BEGUN = answer(
    "The file, and where its first parts go: `PUT` the bytes of each to its `url`, as they are; a URL that begins with "
    "`/` is one of this API and needs the key",
    {**_OF_UPLOAD, "state": "uploading", "task_id": None, "upload": _PAGE},
    status=201,
    optional=["next", "upload"],
    nullable=["size", "task_id", "end"],
)
COMPLETED = answer("The file as it is now", _OF_UPLOAD, nullable=["size", "task_id"])
PAGE = answer("Where parts go, and which are `there`; the next page is asked for with `after`", _PAGE, nullable=["end"])
PUT = no_content("The part is stored")
STARTED = answer("Its task waits to run, runs, or ran", _STARTED, status=202)
GROUP = answer(
    "The task that ends when all files have ended, and that of each",
    {**_STARTED, "files": [{"file_id": _FILE_ID, "task_id": _TASK_ID}]},
    status=202,
)
ORIGIN = answer(
    "The file, and the bytes of it, without its packing, that the entry is among",
    {"file_id": _FILE_ID, "start": 1_048_576, "end": 2_221_019},
)
DELETED = no_content("Deleted; its entries stay")
