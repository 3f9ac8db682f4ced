"""CSV and its relatives: records of fields between commas, tabs or the like; with a header, or PostgreSQL's csvlog."""

import csv
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from oddline.files.documents import DocumentReader
from oddline.files.model import Entry, Format, Framing, Parse, Parser, Sample
from oddline.files.timestamps import Clock

_DELIMITERS: Final = {"csv": ",;|", "tsv": "\t"}
_NAME: Final = re.compile(r"[A-Za-z_@#][\w @#./()%\[\]-]{0,63}")
_ALIKE_SHARE: Final = 0.8
_LEAST_FIELDS: Final = 2
_LEAST_LINES: Final = 2
_MESSAGE_NAMES: Final = frozenset({"message", "msg", "@message", "meldung", "description"})
_POSTGRES: Final = (
    "log_time", "user_name", "database_name", "process_id", "connection_from", "session_id", "session_line_num",
    "command_tag", "session_start_time", "virtual_transaction_id", "transaction_id", "error_severity",
    "sql_state_code", "message", "detail", "hint", "internal_query", "internal_query_pos", "context", "query",
    "query_pos", "location", "application_name", "backend_type", "leader_pid", "query_id",
)  # fmt: skip
_POSTGRES_LEAST: Final = 22  # columns of its oldest form
_POSTGRES_LINE: Final = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \w+,(?:\"[^\"]*\")?,(?:\"[^\"]*\")?,\d*,.*,(?:LOG|ERROR|FATAL|PANIC|WARNING"
    r"|NOTICE|INFO|DEBUG\d),[0-9A-Z]{5},.*"
)


def _header(sample: Sample, delimiter: str) -> Sequence[str]:
    """The fields' names where the first line is such; otherwise nothing."""
    if not sample.lines or delimiter not in sample.lines[0]:
        return ()
    names = [name.strip() for name in _fields(sample.lines[0], delimiter)]
    if len(names) < _LEAST_FIELDS or len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
        return ()
    return names


def _likeness_by(delimiters: str) -> Callable[[Sample], float]:
    def likeness(sample: Sample) -> float:
        return max(_alike(sample, delimiter) for delimiter in delimiters)

    return likeness


def _alike(sample: Sample, delimiter: str) -> float:
    """The share of the records below the header that have as many fields, or one more: Windows names no message."""
    names = _header(sample, delimiter)
    if not names or len(sample.lines) < _LEAST_LINES:
        return 0.0
    # What goes on in the next line tells nothing.
    whole = [line for line in sample.lines[1:] if line.count('"') % 2 == 0]
    by_line = [len(_fields(line, delimiter)) for line in whole]
    by_record = list(map(len, _records(sample.lines[1:], delimiter)))
    alike = max(_share(sizes, len(names) + more) for sizes in (by_line, by_record) for more in (0, 1))
    return alike if alike >= _ALIKE_SHARE else 0.0


def _share(sizes: Sequence[int], size: int) -> float:
    return sizes.count(size) / len(sizes) if sizes else 0.0


def _records(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter))
    except csv.Error:
        return []


def _parser_by(delimiters: str) -> Callable[[Sample, Clock], Parser]:
    def parser(sample: Sample, clock: Clock) -> Parser:
        delimiter = max(delimiters, key=lambda one: (_alike(sample, one), len(_header(sample, one))))
        names = _header(sample, delimiter)
        header = sample.lines[0] if names else None
        names = [name.removesuffix(" [UTC]") for name in names]
        if not any(name.lower() in _MESSAGE_NAMES for name in names):
            names.append("message")  # where there is a field more
        return Parser(_parse_by(names, delimiter, DocumentReader(sample, clock), header=header), header=header)

    return parser


def _parse_by(names: Sequence[str], delimiter: str, reader: DocumentReader, *, header: str | None) -> Parse:
    def parse(text: str) -> Entry | None:
        fields = _fields(text, delimiter) if text != header else []
        if len(fields) < _LEAST_FIELDS:
            return None
        document: dict[str, Any] = {name: field for name, field in zip(names, fields, strict=False) if field}
        if more := fields[len(names) :]:
            document["more_fields"] = more
        return reader.read(document, text)

    return parse


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def _postgres_likeness(sample: Sample) -> float:
    return sum(map(bool, map(_POSTGRES_LINE.match, sample.lines))) / max(1, len(sample.lines))


def _postgres_parser(sample: Sample, clock: Clock) -> Parser:
    return Parser(_parse_by(_POSTGRES, ",", DocumentReader(sample, clock), header=None))


FORMATS: Final = (
    Format("postgres_csv", _postgres_likeness, _postgres_parser, framing=Framing.QUOTED_LINES),
    *(
        Format(name, _likeness_by(delimiters), _parser_by(delimiters), framing=Framing.QUOTED_LINES)
        for name, delimiters in _DELIMITERS.items()
    ),
)
