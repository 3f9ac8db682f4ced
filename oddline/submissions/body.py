"""How the accepted entries of a submission are stored: columns as JSON, compressed with zstd."""

from typing import Any

import orjson
import zstandard

from oddline.errors import CorruptBody, TooLarge
from oddline.submissions.model import Columns

FORM = 1  # of the body; a reader refuses what it does not know
LEVEL = 1  # zstd's fastest is within a tenth of its default on logs, at a third of the time
MOST_BYTES = 256 * 1024 * 1024  # unpacked; the 32 MB of a request can grow in normal form, but hardly to this

# Columns of which most requests have one value throughout are stored as that value.
_CONSTANT = ("severity_numbers", "severity_texts", "sources", "attributes", "trace_ids", "span_ids", "sessions")


def pack(columns: Columns) -> bytes:
    """The body of a submission.

    Raises:
        TooLarge: `unpack` would not read it back.
    """
    stored: dict[str, Any] = {
        "form": FORM,
        "entries": len(columns),
        **{name: getattr(columns, name) for name in Columns.__slots__},
    }
    if columns.indices == list(range(len(columns))):
        del stored["indices"]
    for name in _CONSTANT:
        values = stored[name]
        if values.count(values[0]) == len(values):
            stored[name] = values[0]
    plain = orjson.dumps(stored)
    if len(plain) > MOST_BYTES:
        detail = f"the entries have {len(plain)} bytes as they are stored; at most {MOST_BYTES} are taken at once"
        raise TooLarge(detail, field="entries", limit=MOST_BYTES, unit="bytes")
    return zstandard.ZstdCompressor(level=LEVEL).compress(plain)


def unpack(body: bytes) -> Columns:
    """The columns that `pack` was given.

    Raises:
        CorruptBody: the bytes are not such a body.
    """
    try:
        stored = orjson.loads(zstandard.ZstdDecompressor().decompress(body, max_output_size=MOST_BYTES))
        if stored.pop("form") != FORM:
            raise CorruptBody("the submission's body has an unknown form")
        count = stored.pop("entries")
        stored.setdefault("indices", list(range(count)))
        for name in _CONSTANT:
            if not isinstance(stored[name], list):
                stored[name] = [stored[name]] * count
        columns = Columns(**stored)
    except (zstandard.ZstdError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise CorruptBody(f"the submission's body cannot be read: {error}") from error
    if any(len(getattr(columns, name)) != count for name in Columns.__slots__):
        raise CorruptBody("the columns of the submission's body differ in length")
    return columns
