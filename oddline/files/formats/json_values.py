"""JSON values that are no lines: an array of entries, an object with one in it, or objects over some lines each."""

import re
from typing import Final

import orjson

from oddline.files.documents import DocumentReader
from oddline.files.json_records import WRAPPER
from oddline.files.model import Entry, Format, Framing, Parser, Sample
from oddline.files.timestamps import Clock

_ARRAY: Final = re.compile(r"\s*\[\s*(?:\{|\])")
_LIST_IN_OBJECT: Final = re.compile(rf"\s*{WRAPPER}")
_OPENED_LINES: Final = re.compile(r"\s*\{[ \t]*\r?\n\s*\"")


def _likeness(sample: Sample) -> float:
    return 1.0 if _ARRAY.match(sample.text) or _OPENED_LINES.match(sample.text) else 0.0


def _wrapped_likeness(sample: Sample) -> float:
    return 1.0 if _LIST_IN_OBJECT.match(sample.text) else 0.0


def _parser(sample: Sample, clock: Clock) -> Parser:
    read = DocumentReader(sample, clock).read

    def parse(text: str) -> Entry | None:
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return read(document, text) if isinstance(document, dict) else None

    return Parser(parse)


FORMATS: Final = (
    Format("json_wrapped", _wrapped_likeness, _parser, framing=Framing.WRAPPED_JSON),
    Format("json", _likeness, _parser, framing=Framing.JSON),
)
