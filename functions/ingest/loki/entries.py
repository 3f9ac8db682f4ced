"""What a line of a Loki stream is as an entry: the same in both forms of the protocol."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.ingest.shipping import moment
from oddline.submissions import NAME_CHARACTERS, SEVERITY_NUMBERS, storable_entry

# The first label that a stream has names its source: those and in that order by which Loki finds a service's name.
SOURCE_LABELS: Final = (
    "service_name", "service", "app", "application", "app_name", "name", "app_kubernetes_io_name", "container",
    "container_name", "k8s_container_name", "component", "workload", "job", "k8s_job_name",
)  # fmt: skip
LEVEL_LABELS: Final = ("detected_level", "level", "severity", "lvl")  # however written
_TRACE_ID, _SPAN_ID = re.compile(r"(?=.*[^0])[0-9a-fA-F]{32}"), re.compile(r"(?=.*[^0])[0-9a-fA-F]{16}")


@dataclass(frozen=True, slots=True)
class Stream:
    """What the lines of a stream share."""

    labels: Mapping[str, Any]
    source: str | None
    severity: int | None

    @classmethod
    def of(cls, labels: Mapping[str, Any]) -> "Stream":
        """From its labels."""
        names = (labels.get(name) for name in SOURCE_LABELS)
        source = next((name for name in names if isinstance(name, str) and name.strip()), None)
        return cls(labels=labels, source=source and source[:NAME_CHARACTERS], severity=_severity(labels))

    def entry(self, line: str, *, nanoseconds: int, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """One of its lines, with the labels and the line's structured metadata as attributes.

        Metadata with the name of a label gets `_extracted` behind it, as in Loki.
        """
        beside = {f"{name}_extracted" if name in self.labels else name: value for name, value in metadata.items()}
        attributes = {**self.labels, **beside}
        found = {
            "severity": _severity(metadata) or self.severity,
            "trace_id": _id(attributes, ("trace_id", "traceid"), _TRACE_ID),
            "span_id": _id(attributes, ("span_id", "spanid"), _SPAN_ID),
        }
        more = {name: value for name, value in found.items() if value}
        timestamp = moment(nanoseconds)
        return storable_entry(line, source=self.source, attributes=attributes, timestamp=timestamp, **more)


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
