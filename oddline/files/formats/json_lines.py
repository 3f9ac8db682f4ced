"""JSON, an object a line, by the field names of the usual libraries and shippers."""

from typing import Final

import orjson

from oddline.files.documents import DocumentReader
from oddline.files.model import Entry, Format, Parser, Sample
from oddline.files.timestamps import Clock


def _likeness(sample: Sample) -> float:
    return sum(map(_is_object, sample.lines)) / max(1, len(sample.lines))


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _parser(sample: Sample, clock: Clock) -> Parser:
    read = DocumentReader(sample, clock).read

    def parse(line: str) -> Entry | None:
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        return read(document, line) if isinstance(document, dict) else None

    return Parser(parse)


FORMATS: Final = (Format("json_lines", _likeness, _parser),)
