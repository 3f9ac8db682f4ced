"""Tell whether the trail is what was sealed: recompute the chain, and hold it against the heads kept elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from oddline.audit import store
from oddline.audit.heads import Kept, list_kept
from oddline.audit.model import Chain, Row
from oddline.database import Database, Transaction
from oddline.objects import ObjectStore

ROWS_AT_ONCE: Final = 5_000


class Fault(StrEnum):
    """What can be wrong with a trail."""

    MISSING = "missing"
    CHANGED = "changed"
    REORDERED = "reordered"
    INSERTED = "inserted"
    REWRITTEN = "rewritten"
    HEAD_MISSING = "head missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first fault of a trail, and the number that it is found at."""

    fault: Fault
    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found of a project's trail.

    `cut` is the number up to which it is gone by retention, `waiting` how many rows are not sealed yet.
    """

    project: UUID
    rows: int
    last: int
    cut: int
    heads: int
    waiting: int
    finding: Finding | None

    def view(self) -> dict[str, Any]:
        """The same as plain values."""
        found = self.finding
        return {
            "project": str(self.project),
            "valid": found is None,
            "rows": self.rows,
            "last": self.last,
            "cut": self.cut,
            "heads": self.heads,
            "waiting": self.waiting,
            "finding": None if found is None else {"fault": found.fault, "number": found.number, "text": found.text},
        }


def verify(db: Database, heads: ObjectStore, *, project: UUID | None = None) -> Iterator[Verdict]:
    """The verdict on one project's trail, or on each that the database or the object store knows of.

    Raises:
        ObjectStoreUnavailable: the heads cannot be read, without which nothing can be said.
    """
    # Chains before heads: what a chain says to be kept must be there, and a head may be of rows sealed since.
    chains = {one: _chain(db, one) for one in _known(db, project)}
    kept = list_kept(heads, project=project)
    for one in sorted({*chains, *kept}):
        verdict = _verify(db, chains.get(one) or Chain(project=one), kept[one])
        while verdict.finding is not None and (chain := _chain(db, one)).cut_number != verdict.cut:
            # Retention cut it off while it was read: what it lacks is no fault.
            verdict = _verify(db, chain, list_kept(heads, project=one)[one])
        yield verdict


def _known(db: Database, project: UUID | None) -> list[UUID]:
    if project is not None:
        return [project]
    with db.transaction() as tx:
        return store.list_projects(tx, unsealed=False)


def _chain(db: Database, project: UUID) -> Chain:
    with db.transaction() as tx:
        return store.find_chain(tx, project)


def _verify(db: Database, chain: Chain, kept: Kept) -> Verdict:
    with db.transaction() as tx:
        waiting = store.count_unsealed(tx, chain.project)
    walk = _Walk(db, chain, kept)
    finding = walk.beginning() or walk.rows() or walk.end()
    return Verdict(
        project=chain.project,
        rows=walk.at - chain.cut_number,
        last=walk.at,
        cut=chain.cut_number,
        heads=len(kept.heads),
        waiting=waiting,
        finding=finding,
    )


class _Walk:
    """Goes along a chain as far as it fits: `at` and `digest` are those of the last row that did."""

    def __init__(self, db: Database, chain: Chain, kept: Kept) -> None:
        self._db = db
        self._chain = chain
        self._kept = kept
        self._agreed = chain.cut_number  # the last number whose head is as the chain has it
        self.at = chain.cut_number
        self.digest = chain.cut_hash

    def beginning(self) -> Finding | None:
        """Whether what was cut off was so by retention."""
        cut = self._chain.cut_number
        if cut and self._kept.cuts.get(cut) != {self._chain.cut_hash}:
            return Finding(Fault.MISSING, 1, f"rows 1 to {cut} are gone, and no cut of that kind is kept elsewhere")
        return self._against_head(cut)

    def rows(self) -> Finding | None:
        """The first row that does not fit its predecessor, or a head."""
        while True:
            with self._db.transaction() as tx:
                rows = store.list_sealed(tx, self._chain.project, after=self.at, limit=ROWS_AT_ONCE)
                for row in rows:
                    finding = self._step(tx, row)
                    if finding is not None:
                        return finding
            if not rows:
                return None

    def end(self) -> Finding | None:
        """Whether the chain ends where it is said to, here and by the heads."""
        with self._db.transaction() as tx:
            now = store.find_chain(tx, self._chain.project)
        last = max(self._chain.number, self._kept.last)
        if self.at < last:
            return Finding(Fault.MISSING, self.at + 1, f"rows {self.at + 1} to {last} are gone: the end was cut off")
        if self.at > now.number:
            return Finding(
                Fault.INSERTED, now.number + 1, f"row {now.number + 1} stands behind the end of what was sealed"
            )
        if self.at == self._chain.number and self.digest != self._chain.hash:
            return Finding(Fault.CHANGED, self.at, f"the chain is said to end with another hash than row {self.at} has")
        if self._chain.head_number > self._kept.last:
            number = self._chain.head_number
            return Finding(Fault.HEAD_MISSING, number, f"the head of row {number} is not in the object store any more")
        return None

    def _step(self, tx: Transaction, row: Row) -> Finding | None:
        number = self.at + 1
        assert row.number is not None  # noqa: S101  # sealed
        if row.number > number:
            return Finding(Fault.MISSING, number, f"row {number} is gone: the next one is {row.number}")
        if row.number < number:
            return Finding(Fault.INSERTED, row.number, f"a second row {row.number} was inserted")
        if row.link(self.digest) != row.hash:
            return _diagnose(_all_rows(tx, self._chain), row, before=self.digest)
        self.at, self.digest = number, row.hash
        return self._against_head(number)

    def _against_head(self, number: int) -> Finding | None:
        heads = self._kept.heads.get(number)
        if heads is None or heads == {self.digest}:
            self._agreed = number if heads else self._agreed
            return None
        first = self._agreed + 1
        return Finding(
            Fault.REWRITTEN,
            first,
            f"rows {first} to {number} fit each other and not the head of row {number}: the chain was made anew",
        )


def _all_rows(tx: Transaction, chain: Chain) -> list[Row]:
    rows: list[Row] = []
    while page := store.list_sealed(
        tx, chain.project, after=(rows[-1].number or 0) if rows else chain.cut_number, limit=ROWS_AT_ONCE
    ):
        rows += page
    return rows


def _diagnose(rows: Sequence[Row], odd: Row, *, before: bytes) -> Finding:
    """What happened to the first row that does not fit, as far as the others tell."""
    number = odd.number or 0
    own = _place_of(rows, odd)
    if own is not None:
        return Finding(Fault.REORDERED, number, f"row {number} was moved: it was sealed as number {own}")
    following = next((two for one, two in pairwise(rows) if one.id == odd.id), None)
    if following is not None and following.numbered(number).link(before) == following.hash:
        return Finding(Fault.INSERTED, number, f"row {number} was inserted: what follows it once stood there")
    return Finding(Fault.CHANGED, number, f"row {number} is not what was sealed")


def _place_of(rows: Sequence[Row], odd: Row) -> int | None:
    """The other number that a row was sealed as: where what it says gives a hash that is still there."""
    hashes = {row.number or 0: row.hash or b"" for row in rows}
    known = set(hashes.values())
    for number, own in hashes.items():
        # Of two neighbours that were exchanged, the hash of the one before stands at the number itself.
        for before in (hashes.get(number - 1), own):
            if number != odd.number and before is not None and odd.numbered(number).link(before) in known:
                return number
    return None
