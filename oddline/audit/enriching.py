"""Say of each sealed action in plain words who did what, and from which network; a failure changes no row."""

import ipaddress
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from oddline import identity
from oddline.audit import store
from oddline.audit.model import SOURCE, Action, Chain, Row, named_in
from oddline.audit.persons import keys_by_id, lock, unlock
from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.errors import OddlineError
from oddline.tasks import NoPayload, TaskContext

log = logging.getLogger(__name__)

ROWS_AT_ONCE: Final = 200
NETWORK_BITS: Final = {4: 24, 6: 48}  # of an address: what belongs to one site, of version 4 and 6

SENTENCES: Final = {str(action): action.sentence for action in Action}
NAMES: Final[Mapping[str, Callable[..., str | None]]] = {
    "key": identity.find_key_name,
    "person": identity.find_person_name,
}
"""(transaction, id, project) → the name of an actor, by the kind that its id begins with; an operator's stands in the
row."""


def process_user_action(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001  # a wake-up
    """Enrich what was sealed since the last run. Two runs side by side do the same rows once.

    A row that cannot be enriched is passed over, with the reason kept.
    """
    cipher = context.settings.cipher()
    with context.db.transaction() as tx:
        chains = store.chains_to_enrich(tx)
    enriched = 0
    for chain in chains:
        while True:
            with context.db.transaction() as tx:
                done = _enrich_some(tx, chain.project, cipher=cipher, now=context.clock())
            enriched += done
            if done < ROWS_AT_ONCE:
                break
    return {"enriched": enriched}


def network_of(address: str) -> str | None:
    """The network that an address is in, /24 or /48; None of what is no address."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{address}/{NETWORK_BITS[version]}", strict=False))


def sentence_of(row: Row, *, name: str | None, named: Mapping[str, Any]) -> str:
    """What a row says, as a person would."""
    said = SENTENCES.get(row.action, f"did {row.action} to {{subject}}")  # a newer version knows more
    kind, _, rest = row.subject.partition(":")
    details = {what: value for what, value in (json.loads(row.details) | named).items() if what != "request_id"}
    if f"{kind}:" == SOURCE:
        rest = details.pop("source", rest)
    told = f" ({', '.join(f'{what} {json.dumps(value)}' for what, value in details.items())})" if details else ""
    return f"{name or row.actor} {said.format(subject=f'{kind} {rest}'.strip())}{told}"


def _enrich_some(tx: Transaction, project: UUID, *, cipher: Cipher, now: datetime) -> int:
    chain: Chain = store.find_chain(tx, project)
    after = max(chain.enriched_number, chain.cut_number)
    rows = store.list_sealed(tx, project, after=after, limit=ROWS_AT_ONCE)
    if not rows or not store.note_enriched(tx, project, after=chain.enriched_number, through=rows[-1].number or after):
        return 0
    for row in rows:
        found, error = None, None
        try:
            found = _enriched(tx, row, cipher=cipher)
        except (OddlineError, ValueError) as fault:  # an actor without an id, details that are no JSON
            error = str(fault)
            log.warning("the action %s cannot be enriched: %s", row.id, fault)
        store.insert_enrichment(tx, row, personal=found, error=error, now=now)
    return len(rows)


def _enriched(tx: Transaction, row: Row, *, cipher: Cipher) -> bytes | None:
    """What is found out about a row, encrypted; None where its person was forgotten."""
    own = keys_by_id(tx, [row.person_key], cipher=cipher).get(row.person_key)
    if own is None:
        return None
    personal = unlock(row.personal, own)
    kind, _, identifier = row.actor.partition(":")
    name = personal.get("name")
    if name is None and kind in NAMES:
        name = NAMES[kind](tx, UUID(identifier), project=row.project)
    network = network_of(personal.get("address", ""))
    found = {"name": name, "network": network, "sentence": sentence_of(row, name=name, named=named_in(personal))}
    return lock({what: value for what, value in found.items() if value is not None}, own)
