"""Seal the trail: number and chain what was committed, keep the heads elsewhere, cut off what is past its time."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from oddline.audit import store
from oddline.audit.heads import put_cut, put_head
from oddline.audit.model import INSTALLATION, Chain
from oddline.database import Database
from oddline.errors import Unavailable
from oddline.objects import ObjectStore
from oddline.tasks import raise_alert

log = logging.getLogger(__name__)

ROWS_AT_ONCE: Final = 1_000  # in one transaction, so that none is long
CUT_AT_ONCE: Final = 10_000
CUT_EVERY: Final = timedelta(days=1)  # each cut leaves an object: rows wait for so long behind their time


def seal_audit(db: Database, heads: ObjectStore, *, keep_days: int, now: datetime) -> dict[str, int]:
    """Seal what waits in all projects, write heads that are missing, cut off what is older than `keep_days`.

    Safe to run at any time and side by side: numbers are given by compare-and-set. Killed anywhere, the next run does
    what is left. A project whose trail cannot be read as it must be holds up no other: operators are told.

    Raises:
        ObjectStoreUnavailable: the heads could not be written; rows are sealed nevertheless.
    """
    before = now - timedelta(days=keep_days)
    with db.transaction() as tx:
        waiting = store.list_projects(tx, unsealed=True)
    sealed = sum(_alone(db, project, partial(_seal, db, project), now=now) for project in waiting)
    written = _write_heads(db, heads, now=now)
    with db.transaction() as tx:
        old = store.chains_with_old(tx, before=before - CUT_EVERY)
    cut = sum(
        _alone(db, chain.project, partial(_cut, db, heads, chain, before=before, now=now), now=now) for chain in old
    )
    return {"sealed": sealed, "heads": written, "cut": cut}


def is_enrichment_due(db: Database) -> bool:
    """Whether there are sealed rows that process_user_action has not seen."""
    with db.transaction() as tx:
        return bool(store.chains_to_enrich(tx))


def _alone(db: Database, project: UUID, work: Callable[[], int], *, now: datetime) -> int:
    """What `work` returns; 0 and an alert where one project's trail fails by itself."""
    try:
        return work()
    except Unavailable:
        raise
    except Exception as error:  # whatever somebody wrote into one trail: the others must be sealed
        log.exception("the audit trail of %s cannot be sealed", project)
        _alert(db, project, f"It cannot be sealed ({type(error).__name__}): somebody wrote into it by hand.", now=now)
        return 0


def _seal(db: Database, project: UUID) -> int:
    sealed = 0
    while True:
        some = _seal_some(db, project)
        sealed += some
        if some < ROWS_AT_ONCE:
            return sealed


def _seal_some(db: Database, project: UUID) -> int:
    with db.transaction() as tx:
        chain = store.find_chain(tx, project)
        rows = store.list_sealable(tx, project, limit=ROWS_AT_ONCE)
        if not rows:
            return 0
        hashes, digest = [], chain.hash
        for number, row in enumerate(rows, chain.number + 1):
            digest = row.numbered(number).link(digest)
            hashes.append(digest)
        if not store.seal(tx, project, after=chain.number, ids=[row.id for row in rows], hashes=hashes):
            return 0  # another sealer was first: what it left the next run finds
    return len(rows)


def _write_heads(db: Database, heads: ObjectStore, *, now: datetime) -> int:
    """After the commit: a head that came before it would, if that failed, accuse the database of a loss."""
    with db.transaction() as tx:
        chains = store.chains_without_head(tx)
    for chain in chains:
        put_head(heads, chain.project, number=chain.number, digest=chain.hash, now=now)
        with db.transaction() as tx:
            store.note_head(tx, chain.project, number=chain.number)
    return len(chains)


def _cut(db: Database, heads: ObjectStore, chain: Chain, *, before: datetime, now: datetime) -> int:
    """Cut off a chain's first rows, as far as they are of before a moment and are what was sealed.

    The cut is kept beside the heads before it is made: so nobody can pass off what they deleted as past its time.
    """
    with db.transaction() as tx:
        rows = store.list_sealed(tx, chain.project, after=chain.cut_number, limit=CUT_AT_ONCE)
    through, digest = chain.cut_number, chain.cut_hash
    for row in rows:
        if row.at >= before:
            break
        if row.number != through + 1 or row.link(digest) != row.hash:
            what = f"At number {through + 1} it is not what was sealed, so nothing of it is cut off."
            _alert(db, chain.project, what, now=now)
            return 0
        through, digest = row.number, row.hash
    if through == chain.cut_number:
        return 0
    put_cut(heads, chain.project, number=through, digest=digest, now=now)
    with db.transaction() as tx:
        return store.cut(tx, chain.project, after=chain.cut_number, through=through, through_hash=digest)


def _alert(db: Database, project: UUID, what: str, *, now: datetime) -> None:
    text = f"{what} See `oddline audit verify`."
    with db.transaction() as tx:
        whose = None if project == INSTALLATION else project
        raise_alert(tx, kind="audit_trail", subject=str(project), text=text, now=now, project=whose)
