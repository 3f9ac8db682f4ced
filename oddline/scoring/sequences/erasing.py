"""Take values of a person out of the keys of sessions that are open."""

from collections.abc import Callable
from uuid import UUID

import polars as pl

from oddline.database import Database
from oddline.scoring.sequences import store
from oddline.scoring.sequences.assembling import OPEN_SCHEMA, pack_open, unpack_open


def erase_open_sessions(db: Database, project: UUID, *, erase: Callable[[str], str]) -> int:
    """Put `erase` of each open session's key in the place of the key; returns how many steps had another one.

    Sessions that had different keys may be one then.
    """
    with db.transaction() as tx:
        blob = store.lock_open(tx, project)
        before = unpack_open(blob)
        keys = pl.Series("session", [erase(key) for key in before["session"]], dtype=OPEN_SCHEMA["session"])
        changed = int((keys != before["session"]).sum())
        if changed:
            store.write_open(tx, project, entries=pack_open(before.with_columns(keys)))
    return changed
