"""What is masked for each project: read from the database, kept for some seconds, told by source."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from uuid import UUID

from oddline.database import Database
from oddline.encryption import Cipher
from oddline.redaction import store
from oddline.redaction.budget import Budget
from oddline.redaction.model import ErasedValues, ProjectRules, Rules
from oddline.redaction.redactor import Redactor

RULES_KEPT_S: Final = 10.0  # a change counts everywhere after so long; what is erased waits for it
MOST_PROJECTS: Final = 1_000  # remembered per process


class CompiledRules:
    """The rules of one project, ready to be used. Safe to share between threads."""

    def __init__(self, rules: ProjectRules = ProjectRules()) -> None:  # noqa: B008  # nothing changes it
        self._rules = rules
        self._redactors: dict[tuple[object, ...], Redactor] = {}

    @cached_property
    def whole(self) -> Redactor:
        """What masks what belongs to no source in particular."""
        return self._of(None)

    def by_source(self, sources: Sequence[str]) -> Iterator[tuple[Redactor, Sequence[int]]]:
        """The places of entries of these sources, those together that are masked alike."""
        if not self._rules.sources:
            yield self.whole, range(len(sources))
            return
        places: dict[str | None, list[int]] = {}
        for place, source in enumerate(sources):
            places.setdefault(source if source in self._rules.sources else None, []).append(place)
        for own, some in places.items():
            yield self._of(own), some

    def _of(self, source: str | None) -> Redactor:
        key = (self._rules.kinds(source), self._rules.own_rules(source))
        if key not in self._redactors:
            self._redactors[key] = Redactor(key[0], own=key[1], erased=self._rules.erased)
        return self._redactors[key]


DEFAULT: Final = CompiledRules()


@dataclass(slots=True)
class Redaction:
    """The masking of one request: by which rules, how many marks were set so far, and what it may cost still."""

    rules: CompiledRules = field(default=DEFAULT)
    masked: int = 0
    budget: Budget = field(default_factory=Budget)


class RuleBook:
    """The rules of the projects that a process serves, each at most RULES_KEPT_S old.

    Args:
        cipher: what opens erased values; asked only where there are some.
        stopwatch: seconds of any beginning.
    """

    def __init__(self, cipher: Callable[[], Cipher], *, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._cipher = cipher
        self._stopwatch = stopwatch
        self._kept: dict[UUID, tuple[float, ProjectRules, CompiledRules]] = {}

    def redaction(self, db: Database, project: UUID) -> Redaction:
        """What masks the entries of a request.

        Raises:
            DatabaseUnavailable: the rules cannot be read, and so nothing could be stored either.
            NotConfigured, Undecipherable: values are to be erased, and cannot be read with the keys that are set.
        """
        now = self._stopwatch()
        kept = self._kept.get(project)
        if kept is None or now - kept[0] > RULES_KEPT_S:
            rules = self._read(db, project)
            # What did not change stays compiled.
            compiled = kept[2] if kept is not None and kept[1] == rules else CompiledRules(rules)
            if len(self._kept) >= MOST_PROJECTS:
                self._kept.clear()
            self._kept[project] = kept = (now, rules, compiled)
        return Redaction(kept[2])

    def _read(self, db: Database, project: UUID) -> ProjectRules:
        with db.transaction(project=project) as tx:
            rules, erased = store.read_rules(tx, project), store.read_erased(tx, project)
        whole = rules.pop(store.WHOLE_PROJECT, Rules())
        cipher = self._cipher() if erased else Cipher([])
        opened = tuple(ErasedValues(store.open_values(secret, cipher), ignore_case) for secret, ignore_case in erased)
        return ProjectRules(project=whole, sources=rules, erased=opened)
