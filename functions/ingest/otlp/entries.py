"""What a log record of OpenTelemetry is as an entry: the same in both forms of the protocol."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from functions.ingest.shipping import Read, moment
from oddline.submissions import (
    ATTRIBUTES_BYTES,
    NAME_CHARACTERS,
    SEVERITY_NUMBERS,
    SEVERITY_TEXTS,
    BadLine,
    storable,
)

# Of a resource, the first that it has names the source; `service.name` with its namespace, as Prometheus' `job` does.
SOURCE_ATTRIBUTES: Final = ("service.name", "k8s.container.name", "container.name", "host.name")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the records of a scope share: the source, and what is known of the resource and the scope.

    It is looked at once, however many records there are: its `size` in bytes as JSON, the `replaced` characters.
    """

    source: str | None
    attributes: Mapping[str, Any]
    size: int
    replaced: int

    @classmethod
    def of(cls, resource: Mapping[str, Any], scope: Mapping[str, Any]) -> "Origin":
        """From a resource's attributes, and a scope's with its name and version."""
        given = {"resource": resource, "scope": scope}
        shared = {name: value for name, value in given.items() if value}
        (source, attributes), replaced, size = storable([_source(resource), shared])
        return cls(source=source, attributes=attributes, size=size, replaced=replaced)

    @property
    def refused(self) -> Read | None:
        """What stands for each record where what they share is already too much; else None."""
        if self.size <= ATTRIBUTES_BYTES:
            return None
        detail = f"its resource and scope are nested too deeply, or have over {ATTRIBUTES_BYTES} bytes as JSON"
        return Read(BadLine(detail), size=0)


@dataclass(slots=True)
class Record:
    """A log record; times in nanoseconds since 1970, 0 where there is none; ids in hexadecimal digits."""

    time: int = 0
    observed: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    dropped_attributes: int = 0
    flags: int = 0
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""

    @property
    def is_timed(self) -> bool:
        """Whether it bears a time of its own."""
        return bool(self.time or self.observed)

    def read(self, origin: Origin) -> Read:
        """As an entry; what has no place of its own there becomes an attribute, under a name that is free."""
        message, own = self._message(), self.attributes
        for name, value in self._further().items():
            own[_free(name, own)] = value
        (message, attributes), replaced, size = storable([message, own])
        for name, value in origin.attributes.items():
            attributes[_free(name, attributes)] = value
        if replaced := replaced + origin.replaced:
            attributes["replaced_characters"] = replaced
        entry = {"message": message, "source": origin.source, "attributes": attributes}
        entry |= {name: value for name, value in self._fields().items() if value}
        return Read(entry, size=size + origin.size, is_timed=self.is_timed)

    def _message(self) -> str:
        """The body; of what has none its event's name, or else what is said of it."""
        if self.body is None or self.body == "":
            return self.event_name or (_json(self.attributes) if self.attributes else "")
        return self.body if isinstance(self.body, str) else _json(self.body)

    def _fields(self) -> dict[str, Any]:
        known = SEVERITY_NUMBERS.get(self.severity_text.strip().upper(), 0)
        return {
            "timestamp": moment(self.time or self.observed) if self.is_timed else None,
            "severity": self.severity_number if self.severity_number in SEVERITY_TEXTS else known,
            "trace_id": _valid_id(self.trace_id, digits=32),
            "span_id": _valid_id(self.span_id, digits=16),
        }

    def _further(self) -> dict[str, Any]:
        told = SEVERITY_TEXTS.get(self.severity_number)
        is_observed = self.time and self.observed and self.observed // 1000 != self.time // 1000
        further = {
            "event_name": self.event_name,
            "severity_text": self.severity_text if self.severity_text.upper() != told else "",
            "observed_timestamp": moment(self.observed) if is_observed else "",
            "flags": self.flags,
            "dropped_attributes_count": self.dropped_attributes,
        }
        return {name: value for name, value in further.items() if value}


def _source(resource: Mapping[str, Any]) -> str | None:
    """None where nothing names it."""
    for attribute in SOURCE_ATTRIBUTES:
        name = resource.get(attribute)
        if isinstance(name, str) and name.strip():
            namespace = resource.get("service.namespace") if attribute == "service.name" else None
            is_named = isinstance(namespace, str) and namespace.strip()
            return (f"{namespace}/{name}" if is_named else name)[:NAME_CHARACTERS]
    return None


def _json(value: Any) -> str:
    """Lone surrogates included, which orjson refuses: they are replaced where the entry is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name = f"otel.{name}"
    return name


def _valid_id(digits_given: str, *, digits: int) -> str:
    """Empty for what the protocol has receivers take for no id."""
    return digits_given if len(digits_given) == digits and digits_given.strip("0") else ""
