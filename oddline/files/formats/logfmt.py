"""logfmt: pairs of a key and a value, quoted where it must be."""

import re
from typing import Any, Final

from oddline.files.documents import DocumentReader
from oddline.files.model import Entry, Format, Parser, Sample
from oddline.files.timestamps import Clock

_PAIR: Final = r"[\w.@/-]+=(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)"
_LINE: Final = re.compile(rf"{_PAIR}(?:\s+[\w.@/-]+(?=\s))?(?:\s+{_PAIR}(?:\s+[\w.@/-]+(?=\s|$))?)+\s*")
_PAIRS: Final = re.compile(r"([\w.@/-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\"]*))")
_ESCAPED: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


def _likeness(sample: Sample) -> float:
    return sum(map(bool, map(_LINE.fullmatch, sample.lines))) / max(1, len(sample.lines))


def _parser(sample: Sample, clock: Clock) -> Parser:
    read = DocumentReader(sample, clock).read

    def parse(line: str) -> Entry | None:
        if not _LINE.fullmatch(line):
            return None
        pairs = _PAIRS.findall(line)
        document: dict[str, Any] = {key: _unquoted(quoted) if quoted else plain for key, quoted, plain in pairs}
        if words := _PAIRS.sub("", line).split():
            document["words"] = words
        if len(document) < len(pairs) + bool(words):  # a key that stands twice
            return {"message": line, "attributes": {}}
        return read(document, line)

    return Parser(parse)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text) if "\\" in text else text


FORMATS: Final = (Format("logfmt", _likeness, _parser),)
