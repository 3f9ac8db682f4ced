"""Who calls: the API key of a request, as `Authorization: Bearer` or as `X-API-Key`."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from functions.http.limiting import guarded, kind_of, limit
from functions.http.parts import parts_of
from functions.parts import Parts
from oddline.errors import Unauthenticated
from oddline.identity import Caller, Scope, authenticate

_BEARER = HTTPBearer(scheme_name="bearer", description="An API key", auto_error=False)
_HEADER = APIKeyHeader(name="X-API-Key", scheme_name="header", description="An API key", auto_error=False)


async def presented_key(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    header: Annotated[str | None, Depends(_HEADER)],
) -> str | None:
    """The key that the request bears, unchecked; None without one."""
    return bearer.credentials if bearer else header


def needs(scope: Scope) -> Callable[[Request, str | None], Caller]:
    """A dependency: the caller, whose key must have this scope.

    Raises (as a dependency):
        Unauthenticated: there is no key, or it is unknown, revoked or past its time.
        Forbidden: it lacks the scope.
        RateLimited: it, its project or its address has made too many requests.
    """

    def authenticated(request: Request, presented: Annotated[str | None, Depends(presented_key)]) -> Caller:
        with guarded(request, presented):
            caller = authenticate_key(parts_of(request), presented, scope)
        limit(request, kind_of(scope, request.method), actor=caller.actor, project=caller.project)
        return caller

    return authenticated


def authenticate_key(parts: Parts, presented: str | None, scope: Scope) -> Caller:
    """The caller who presents this key; raises as the dependency of `needs`."""
    if not presented:
        raise Unauthenticated("send an API key, as Authorization: Bearer … or as X-API-Key")
    return authenticate(parts.db, presented=presented, scope=scope, now=parts.clock())
