"""Write into the trail who did what: in the action's own transaction, so that the one is never without the other."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson

from oddline.audit import store
from oddline.audit.model import INSTALLATION, Action, Personal, Row, named_in
from oddline.audit.persons import key_of, keys_by_id, lock, unlock
from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.ids import new_id

LONGEST_SUBJECT: Final = 300  # characters: a kind and a name, which may have 200
LONGEST_USER_AGENT: Final = 500
LONGEST_NOTE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from where.

    Attributes:
        id: `key:<uuid>`, `person:<uuid>` or `operator:<pseudonym>`: stands in the trail in the clear, and is the
            person whose key encrypts the rest.
        cipher: what the keys of persons are wrapped with.
        request_id: leads from the trail to the log.
    """

    id: str
    cipher: Cipher = field(repr=False)
    name: str | None = None
    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


def operator_called(name: str, *, cipher: Cipher) -> Actor:
    """Somebody at the command line, `user@host`: the same pseudonym for the same name, which itself is encrypted."""
    return Actor(id=f"operator:{uuid5(NAMESPACE_OID, name)}", cipher=cipher, name=name)


def record(
    tx: Transaction,
    *,
    project: UUID | None,
    by: Actor,
    action: Action,
    subject: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    named: Mapping[str, Any] | None = None,
    note: str = "",
) -> None:
    """Write an action into the trail of `project`, or of the whole installation.

    Args:
        tx: the transaction that does it: it commits both, or neither.
        subject: what it was done to, as `<kind>:<id or name>`; a source as `source_subject` says it.
        details: what JSON can hold, and names nobody: it stands in the trail in the clear, for good.
        named: details that people have named, a source for example: encrypted, since a name may be a person's.
        note: free text of the actor, which is encrypted.

    Raises:
        NotConfigured, Undecipherable: nothing can be encrypted, so nothing is to be done either.
    """
    of = project or INSTALLATION
    key, cipher = key_of(tx, of, person=by.id, cipher=by.cipher, now=now)
    known = {"request_id": by.request_id} if by.request_id else {}
    row = Row(
        id=new_id(),
        project=of,
        at=now,
        actor=by.id,
        action=str(action),
        subject=subject[:LONGEST_SUBJECT],
        details=_json({**(details or {}), **known}),
        person_key=key,
        personal=lock(_personal(by, named=named, note=note).given(), cipher),
    )
    store.insert(tx, row)


def _personal(by: Actor, *, named: Mapping[str, Any] | None, note: str) -> Personal:
    return Personal(
        name=by.name,
        address=by.address,
        user_agent=None if by.user_agent is None else by.user_agent[:LONGEST_USER_AGENT],
        note=note[:LONGEST_NOTE] or None,
        named=_json(named) if named else None,
    )


def _json(said: Mapping[str, Any]) -> str:
    return orjson.dumps(said, default=str).decode()


def recorder(
    action: Action, kind: str, *, by: Actor, now: datetime, **details: Any
) -> Callable[[Transaction, UUID, UUID], None]:
    """What records, for what opens its own transaction and knows nothing of the trail: `also` of identity."""

    def also(tx: Transaction, project: UUID, identifier: UUID) -> None:
        record(tx, project=project, by=by, action=action, subject=f"{kind}:{identifier}", details=details, now=now)

    return also


def forget_person(tx: Transaction, *, person: str, by: Actor, now: datetime, project: UUID | None = None) -> list[UUID]:
    """Destroy a person's keys, in one project or in all: what the trail says of them can never be read again.

    That it was done stands in the trail of each of those projects, which are returned. What the person does afterwards
    gets a new key. Backups hold the old key for as long as they are kept.
    """
    projects = store.destroy_keys(tx, person=person, project=project, now=now)
    for of in projects:
        record(tx, project=of, by=by, action=Action.PERSON_FORGOTTEN, subject=person, now=now)
    return projects


def forget_told_of(
    tx: Transaction, project: UUID, *, holds: Callable[[str], bool], by: Actor, now: datetime
) -> list[str]:
    """Destroy the keys of those in a project's trail of whom something is told that `holds` finds; returns who.

    Whatever else the trail says of them can never be read again either.

    Raises:
        NotConfigured, Undecipherable: as `record`.
    """
    told: dict[tuple[str, UUID], list[bytes]] = defaultdict(list)
    for person, key, personal in store.list_personal(tx, project):
        told[person, key].append(personal)
    keys = keys_by_id(tx, {key for _, key in told}, cipher=by.cipher)
    found = sorted(
        {
            person
            for (person, key), tokens in told.items()
            if any(holds(text) for token in tokens for text in _said_by_people(unlock(token, keys[key])))
        }
    )
    for person in found:
        forget_person(tx, person=person, by=by, now=now, project=project)
    return found


def _said_by_people(personal: Mapping[str, str]) -> Iterator[str]:
    """What of it came from people; a sentence is made of the same, and of words of ours that anybody may erase."""
    for what, text in personal.items():
        if what == "named":
            yield from map(str, named_in(personal).values())
        elif what != "sentence":
            yield text
