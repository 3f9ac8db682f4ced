"""Who calls: the API key, session or token that a request bears, and whether it may call the route."""

import base64
from typing import Annotated, Final

from fastapi import Depends, Request

from functions.http.access import CLOSED_TO_SIGNED_KEYS, Access, Beyond, Open, scope_of
from functions.http.limiting import guarded, kind_of, limit
from functions.http.parts import parts_of
from functions.http.unknown import refuse_unknown
from functions.parts import Parts
from oddline.errors import Forbidden, SignedKey, Unauthenticated
from oddline.identity import (
    Caller,
    Scope,
    authenticate,
    authenticate_session,
    caller_of_person,
    demand,
    find_project,
    is_session,
)

_NO_SIGNATURE: Final = (
    "the API key demands signed requests, and this route checks no signature: with such a key submit entries"
    " (POST /api/v1/logs, /api/v1/logs/batch), and for this take a key without a signing secret"
)


def presented_key(request: Request) -> str | None:
    """The key or token that the request bears, unchecked; None without one. A shipper's password is a key."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    if scheme.lower() == "basic" and (password := _password(given)):
        return password
    return request.headers.get("X-API-Key") or None


def _password(credentials: str) -> str:
    """That of basic authentication (RFC 7617), whoever its user is; empty without one."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def gate(request: Request) -> None:
    """What every request passes first: it notes who calls, and looks at the query, if the table asks for a caller.

    Raises:
        Unauthenticated: there is no key or token, or it is unknown, revoked or past its time.
        Forbidden: the caller lacks the route's scope, or belongs to no such project, or not to the operator's.
        SignedKey: the key demands signatures, and the route checks none.
        IssuerUnavailable: it is a token, and the keys to check it with cannot be had now.
        RateLimited: the caller, its project or its address has made too many requests.
        UnknownParameter: there is a query parameter that the route does not know.
    """
    route = request.method, request.scope["route"].path
    access: Access = request.app.state.access[route]
    if access in {Open.PUBLIC, Open.OLDER_SIGNATURE}:
        return
    scope, presented = scope_of(access), presented_key(request)
    with guarded(request, presented):
        caller = _authenticate(request, presented)
        if scope:
            demand(caller, scope)
        if caller.signing_secrets and route in CLOSED_TO_SIGNED_KEYS:
            raise SignedKey(_NO_SIGNATURE)
        if access is Beyond.OPERATOR:
            _demand_operator(parts_of(request), caller)
    limit(request, kind_of(scope, request.method), actor=caller.actor, project=caller.project)
    request.state.caller = caller
    refuse_unknown(request)


async def passed(request: Request) -> Caller:
    """The caller of a route that is not open to everybody."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise LookupError("a route that is open to everybody has no caller")
    return caller


Authenticated = Annotated[Caller, Depends(passed)]
"""A route's caller, who has the scope that functions/http/access.py asks for."""


def authenticate_key(parts: Parts, presented: str | None, scope: Scope | None = None) -> Caller:
    """The caller who presents this key, who must have the scope.

    Raises:
        Unauthenticated: there is none, or it is unknown, revoked or past its time.
        Forbidden: it lacks the scope.
    """
    if not presented:
        raise Unauthenticated("send an API key, as Authorization: Bearer … or as X-API-Key")
    return authenticate(parts.db, presented=presented, scope=scope, now=parts.clock())


def _authenticate(request: Request, presented: str | None) -> Caller:
    if request.app.state.takes_tokens and presented is not None and presented.count(".") == 2:
        return _authenticate_token(parts_of(request), presented, project=request.headers.get("X-Project"))
    return authenticate_key(parts_of(request), presented)


def is_operator(parts: Parts, caller: Caller) -> bool:
    """Whether a caller belongs to the operator's project; where none is set, nobody does."""
    name = parts.settings.operator_project
    if not name:
        return False
    with parts.db.transaction() as tx:
        return find_project(tx, name) == caller.project


def _demand_operator(parts: Parts, caller: Caller) -> None:
    if not is_operator(parts, caller):
        raise Forbidden("this concerns all projects: only admins of ODDLINE_OPERATOR_PROJECT may see or change it")


def _authenticate_token(parts: Parts, token: str, *, project: str | None) -> Caller:
    now = parts.clock()
    if is_session(token):
        return authenticate_session(parts.db, token, cipher=parts.settings.cipher(), now=now)
    issuer = parts.issuer
    if issuer is None:
        raise Unauthenticated("no issuer of tokens is set here (ODDLINE_OIDC_ISSUER): send an API key")
    claims = issuer.verify(token, now=now)
    return caller_of_person(parts.db, claims, wanted=project, now=now, role_claim=parts.settings.oidc_role_claim)
