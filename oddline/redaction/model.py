"""What is masked before it is stored: the kinds of sensitive values, and the rules of a project and of its sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

ERASED = "<erased>"


class Kind(StrEnum):
    """A kind of sensitive value; its name stands in the mark that takes the value's place."""

    PRIVATE_KEY = "private_key"
    JWT = "jwt"
    API_KEY = "api_key"
    BEARER = "bearer"
    PASSWORD = "password"  # noqa: S105  # the kind's name
    CARD = "card"
    EMAIL = "email"
    IBAN = "iban"
    SSN = "ssn"
    PHONE = "phone"


ON_BY_DEFAULT = frozenset({Kind.PRIVATE_KEY, Kind.JWT, Kind.API_KEY, Kind.BEARER, Kind.PASSWORD, Kind.CARD})
"""Nobody wants these in a log. What names a person is masked by choice: many look for people in their logs."""


def mark(name: str) -> str:
    """What stands where something was masked."""
    return f"<masked:{name}>"


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule of a project: what the expression (RE2) finds, or its first group where it has one, becomes a mark."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What a project, or a source, has set: kinds turned on and off, and rules of its own."""

    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    own: tuple[OwnRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ErasedValues:
    """Values of a person that nothing may hold any more."""

    values: tuple[str, ...] = field(repr=False)
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """All that is to be masked for a project: its own rules, those of sources by their names, and erased values."""

    project: Rules = Rules()
    sources: Mapping[str, Rules] = field(default_factory=dict)
    erased: Sequence[ErasedValues] = ()

    def kinds(self, source: str | None = None) -> frozenset[str]:
        """The kinds that are masked for a source; of a source without rules, and of none, those of the project."""
        found = (ON_BY_DEFAULT | self.project.on) - self.project.off
        own = self.sources.get(source, Rules()) if source is not None else Rules()
        return frozenset((found | own.on) - own.off)

    def own_rules(self, source: str | None = None) -> tuple[OwnRule, ...]:
        """The project's rules and the source's."""
        own = self.sources.get(source, Rules()) if source is not None else Rules()
        return self.project.own + own.own
