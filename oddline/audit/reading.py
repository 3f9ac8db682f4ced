"""Read the trail, with what names people where their keys still are."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from oddline.audit import store
from oddline.audit.model import Entry, Query
from oddline.audit.persons import keys_by_id, unlock
from oddline.database import Database, Transaction
from oddline.encryption import Cipher

ROWS_AT_ONCE = 1_000


def list_actions(tx: Transaction, project: UUID, query: Query, *, cipher: Cipher, limit: int) -> list[Entry]:
    """Actions of a project, the newest first, from behind the one whose id is `query.after`.

    Raises:
        NotConfigured, Undecipherable: the keys of persons cannot be unwrapped.
    """
    rows = store.list_rows(tx, project, query, limit=limit)
    enrichments = store.read_enrichments(tx, [row.id for row in rows])
    keys = keys_by_id(tx, (row.person_key for row in rows), cipher=cipher)
    entries = []
    for row in rows:
        own = keys.get(row.person_key)
        if own is None:
            entries.append(Entry(row=row, personal=None))
            continue
        enriched = unlock(enrichments[row.id], own) if row.id in enrichments else {}
        name = {"name": enriched["name"]} if "name" in enriched else {}
        entries.append(Entry(row=row, personal=unlock(row.personal, own) | name, enriched=enriched))
    return entries


def all_actions(db: Database, project: UUID, query: Query, *, cipher: Cipher) -> Iterator[Entry]:
    """All actions that are asked for, the newest first, in a transaction for each thousand."""
    while True:
        with db.transaction(project=project) as tx:
            page = list_actions(tx, project, query, cipher=cipher, limit=ROWS_AT_ONCE)
        yield from page
        if len(page) < ROWS_AT_ONCE:
            return
        query = replace(query, after=page[-1].row.id)
