"""What a line of a Loki stream is as an entry: the same in both forms of the protocol."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.ingest.shipping import Read, moment
from oddline.submissions import ATTRIBUTES_BYTES, NAME_CHARACTERS, SEVERITY_NUMBERS, BadLine, storable

# The first label that a stream has names its source: those and in that order by which Loki finds a service's name.
SOURCE_LABELS: Final = (
    "service_name", "service", "app", "application", "app_name", "name", "app_kubernetes_io_name", "container",
    "container_name", "k8s_container_name", "component", "workload", "job", "k8s_job_name",
)  # fmt: skip
LEVEL_LABELS: Final = ("detected_level", "level", "severity", "lvl")  # however written
_TRACE_ID, _SPAN_ID = re.compile(r"(?=.*[^0])[0-9a-fA-F]{32}"), re.compile(r"(?=.*[^0])[0-9a-fA-F]{16}")


@dataclass(frozen=True, slots=True)
class Stream:
    """What the lines of a stream share.

    It is looked at once, however many lines there are: its `size` in bytes as JSON, the `replaced` characters.
    """

    labels: dict[str, Any]
    source: str | None
    severity: int | None
    size: int
    replaced: int

    @classmethod
    def of(cls, labels: Mapping[str, Any]) -> "Stream":
        """From its labels."""
        names = (labels.get(name) for name in SOURCE_LABELS)
        source = next((name for name in names if isinstance(name, str) and name.strip()), None)
        (source, kept), replaced, size = storable([source and source[:NAME_CHARACTERS], labels])
        return cls(labels=kept, source=source, severity=_severity(labels), size=size, replaced=replaced)

    @property
    def refused(self) -> Read | None:
        """What stands for each line where the labels are already too much; else None."""
        if self.size <= ATTRIBUTES_BYTES:
            return None
        detail = f"its labels are nested too deeply, or have over {ATTRIBUTES_BYTES} bytes as JSON"
        return Read(BadLine(detail), size=0)

    def read(self, line: str, *, nanoseconds: int, metadata: Mapping[str, Any]) -> Read:
        """One of its lines, with the labels and the line's structured metadata as attributes.

        Metadata with the name of a label gets `_extracted` behind it, as in Loki.
        """
        beside = {f"{name}_extracted" if name in self.labels else name: value for name, value in metadata.items()}
        (message, own), replaced, size = storable([line, beside])
        if replaced := replaced + self.replaced:
            own["replaced_characters"] = replaced
        # Lines without anything of their own have the labels themselves: copies would be many times what came.
        attributes = {**self.labels, **own} if own else self.labels
        found = {
            "severity": _severity(metadata) or self.severity,
            "trace_id": _id(attributes, ("trace_id", "traceid"), _TRACE_ID),
            "span_id": _id(attributes, ("span_id", "spanid"), _SPAN_ID),
        }
        entry = {"message": message, "source": self.source, "attributes": attributes, "timestamp": moment(nanoseconds)}
        entry |= {name: value for name, value in found.items() if value}
        return Read(entry, size=size + self.size)


def _severity(pairs: Mapping[str, Any]) -> int | None:
    """OpenTelemetry's number; None where there is none that is known."""
    levels = {name.lower(): value for name, value in pairs.items() if name.lower() in LEVEL_LABELS}
    for name in LEVEL_LABELS:
        if isinstance(level := levels.get(name), str) and (number := SEVERITY_NUMBERS.get(level.strip().upper())):
            return number
    return None


def _id(attributes: Mapping[str, Any], names: tuple[str, ...], form: re.Pattern[str]) -> str | None:
    for name, value in attributes.items():
        if name.lower() in names and isinstance(value, str) and form.fullmatch(value):
            return value
    return None
