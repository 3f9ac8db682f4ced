"""From a person's verified token to what they may do, and the members of a project."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from oddline.database import Database, Transaction
from oddline.errors import BadRequest, Conflict, Forbidden, InvalidParameter, NotFound, Unauthenticated
from oddline.identity import store
from oddline.identity.model import SCOPES_OF, Caller, Member, Membership, Role
from oddline.identity.service import Also, nothing_more

GROUP_MARK = "oddline"
MOST_GROUPS = 100  # of a token that are looked at


def person_id(issuer: str, subject: str) -> UUID:
    """The id of a person: made from what the issuer calls them, so that it is the same everywhere and for ever."""
    return uuid5(NAMESPACE_URL, f"{issuer}\n{subject}")


def caller_of_person(
    db: Database, claims: Mapping[str, Any], *, wanted: str | None, now: datetime, role_claim: str = ""
) -> Caller:
    """The person whom verified claims name, in one of their projects.

    Args:
        wanted: the name or id of the project; needed where they belong to several.
        role_claim: the claim whose items `oddline:<project>:<role>` give roles, beside the members' table; a dot leads
            into an object.

    Raises:
        Unauthenticated: the issuer calls them something that cannot be kept.
        Forbidden: they belong to no project, or not to the one that is wanted.
        BadRequest: they belong to several and none is wanted.
    """
    issuer, subject = str(claims["iss"]), str(claims["sub"])
    if not subject.isprintable():
        raise Unauthenticated("the token's sub is no text that can be kept")
    email = _verified_email(claims)
    with db.transaction() as tx:
        given = store.find_memberships(tx, issuer=issuer, subject=subject, verified_email=email, now=now)
        for name, role in _roles_in(claims, role_claim):
            if project := store.find_project(tx, name):
                given.append(Membership(project=project, name=name, role=role))
    memberships = _highest(given)
    chosen = _chosen(memberships, wanted)
    return Caller(
        project=chosen.project,
        kind="person",
        id=person_id(issuer, subject),
        scopes=SCOPES_OF[chosen.role],
        role=chosen.role,
        memberships=memberships,
    )


def add_member(
    db: Database,
    *,
    project: UUID,
    issuer: str,
    subject: str | None,
    email: str | None,
    role: Role,
    member_id: UUID,
    now: datetime,
    also: Also = nothing_more,
) -> Member:
    """Let a person into a project, whom the issuer calls `subject`, or who will sign in with this e-mail address.

    Raises:
        InvalidParameter: neither is given, or both.
        Conflict: no issuer is set, or the person is a member already.
    """
    if not issuer:
        raise Conflict("people sign in at an issuer, and none is set (ODDLINE_OIDC_ISSUER)")
    if (subject is None) == (email is None):
        raise InvalidParameter("give the email or the subject, and not both", field="email")
    member = Member(
        id=member_id,
        issuer=issuer,
        subject=subject,
        email=normal_email(email) if email else None,
        role=role,
        created_at=now,
        last_seen_at=None,
    )
    with db.transaction(project=project) as tx:
        if not store.insert_member(tx, member, project=project):
            raise Conflict("this person is a member already", field="email" if email else "subject")
        also(tx, project, member_id)
    return member


def list_members(db: Database, *, project: UUID, before: UUID | None, limit: int) -> list[Member]:
    """A project's members, newest first."""
    with db.transaction(project=project) as tx:
        return store.list_members(tx, before=before, limit=limit)


def change_role(db: Database, member_id: UUID, *, project: UUID, role: Role, also: Also = nothing_more) -> Member:
    """Give a member another role, from their next request on.

    Raises:
        NotFound: there is no such member in this project.
    """
    with db.transaction(project=project) as tx:
        changed = store.update_member(tx, member_id, role=role)
        if changed is None:
            raise NotFound(f"there is no member {member_id}", field="member_id")
        also(tx, project, member_id)
    return changed


def remove_member(db: Database, member_id: UUID, *, project: UUID, also: Also = nothing_more) -> None:
    """Take a member out of a project, from their next request on.

    Raises:
        NotFound: there is no such member in this project.
    """
    with db.transaction(project=project) as tx:
        if not store.delete_member(tx, member_id):
            raise NotFound(f"there is no member {member_id}", field="member_id")
        also(tx, project, member_id)


def find_person_name(tx: Transaction, person: UUID, *, project: UUID) -> str | None:
    """The e-mail address, or else what the issuer calls them, of a person who is a member of the project."""
    for issuer, subject, email in store.list_people(tx, project):
        if person_id(issuer, subject) == person:
            return email or subject
    return None


def normal_email(address: str) -> str:
    """An address as it is compared: nobody gives out two that differ in capitals alone."""
    return address.strip().casefold()


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    verified, email = claims.get("email_verified"), claims.get("email")
    # Some issuers write it as a text.
    is_verified = verified is True or verified == "true"
    return normal_email(email) if is_verified and isinstance(email, str) and email.isprintable() else None


def _roles_in(claims: Mapping[str, Any], name: str) -> list[tuple[str, Role]]:
    if not name:
        return []
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    items = found if isinstance(found, list) else [found]
    roles = []
    for item in items[:MOST_GROUPS]:
        mark, _, rest = str(item).partition(":")
        project, _, role = rest.rpartition(":")
        if mark == GROUP_MARK and project.isprintable() and role in set(Role):
            roles.append((project, Role(role)))
    return roles


def _highest(given: Sequence[Membership]) -> tuple[Membership, ...]:
    """One for each project, by name: the highest role counts."""
    ranks = list(Role)
    best = {one.project: one for one in sorted(given, key=lambda one: ranks.index(one.role))}
    return tuple(sorted(best.values(), key=lambda one: one.name))


def _chosen(memberships: Sequence[Membership], wanted: str | None) -> Membership:
    if not memberships:
        raise Forbidden("you are a member of no project")
    if wanted:
        for one in memberships:
            if wanted in {one.name, str(one.project)}:
                return one
        # Whether there is such a project is nobody's business who does not belong to it.
        raise Forbidden("you are no member of the project that X-Project names", field="X-Project")
    if len(memberships) > 1:
        names = ", ".join(one.name for one in memberships)
        raise BadRequest(f"choose a project with X-Project: you are a member of {names}", field="X-Project")
    return memberships[0]
