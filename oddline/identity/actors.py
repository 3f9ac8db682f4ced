"""What somebody who acted once may do now: for what acts in their name later."""

from datetime import datetime
from uuid import UUID

from oddline.database import Transaction
from oddline.identity import store
from oddline.identity.model import SCOPES_OF, Scope, effective
from oddline.identity.people import person_id


def scopes_of_actor(tx: Transaction, actor: str, *, project: UUID, now: datetime) -> frozenset[Scope]:
    """The scopes that an actor has in a project, as far as a row says so.

    None has a key that was revoked, expired or is another project's, nor a person who is no member. A role that
    comes by a claim of somebody's token stands in no row, and does not count.

    Args:
        actor: as `Caller.actor` names them.
    """
    kind, _, identifier = actor.partition(":")
    try:
        sought = UUID(identifier)
    except ValueError:
        return frozenset()
    if kind == "key":
        return effective(store.scopes_in_force(tx, sought, project=project, now=now))
    for issuer, subject, role in store.list_roles(tx, project):
        if kind == "person" and person_id(issuer, subject) == sought:
            return SCOPES_OF[role]
    return frozenset()
