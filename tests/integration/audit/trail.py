"""A project's audit trail as its tests make and read it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from acting import CIPHER, TESTER
from movable_clock import MovableClock

from oddline import audit
from oddline.audit import Action, Actor, Query, Verdict
from oddline.database import Database
from oddline.objects import ObjectStore
from oddline.settings import Side

Databases = Callable[[Side], Database]
KEEP_DAYS = 400


@dataclass
class Trail:
    """Writes actions, seals, and verifies."""

    db: Databases
    heads: ObjectStore
    project: UUID
    clock: MovableClock = field(default_factory=MovableClock)

    def act(self, *subjects: str, side: Side = "console", by: Actor = TESTER, **options: Any) -> None:
        """One transaction that records an action on each subject."""
        with self.db(side).transaction(project=self.project) as tx:
            for subject in subjects:
                self.record(tx, subject, by=by, **options)

    def record(self, tx: Any, subject: str, *, by: Actor = TESTER, project: UUID | None = None, **options: Any) -> None:
        """Record an action in a transaction that is open."""
        action, of = Action.SOURCE_CHANGED, project or self.project
        audit.record(tx, project=of, by=by, action=action, subject=subject, now=self.clock(), **options)

    def seal(self) -> dict[str, int]:
        """A run of the sealing job."""
        return audit.seal_audit(self.db("worker"), self.heads, keep_days=KEEP_DAYS, now=self.clock())

    def sealed(self, *subjects: str) -> None:
        """An action on each subject, each sealed with a head of its own."""
        for subject in subjects:
            self.act(subject)
            self.seal()

    def verdict(self) -> Verdict:
        """What verifying says of the project."""
        [verdict] = audit.verify(self.db("worker"), self.heads, project=self.project)
        return verdict

    def fault(self) -> tuple[str, int] | None:
        """What verifying finds first, and at which number."""
        finding = self.verdict().finding
        return None if finding is None else (str(finding.fault), finding.number)

    def views(self, **query: Any) -> list[dict[str, Any]]:
        """The project's trail as its administrators see it."""
        return [
            entry.view() for entry in audit.all_actions(self.db("console"), self.project, Query(**query), cipher=CIPHER)
        ]

    def numbers(self) -> list[tuple[int | None, str]]:
        """(number, subject) of each row."""
        return sorted(
            self.rows("SELECT number, subject FROM audit_actions WHERE project_id = %s", self.project),
            key=lambda row: (row[0] is None, row),
        )

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        """The rows of a statement, as the owner of the database gets them."""
        with self.db("owner").transaction() as tx:
            return tx.execute(statement, parameters).fetchall()

    def tamper(self, *statements: str) -> None:
        """What somebody does who owns the database."""
        with self.db("owner").transaction() as tx:
            for statement in statements:
                tx.execute(statement)
