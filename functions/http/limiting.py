"""Hold each request against the limits of who makes it, and tell by headers how they stand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from fastapi import Request

from functions.http.parts import parts_of
from oddline.errors import Forbidden, RateLimited, Unauthenticated
from oddline.identity import Scope
from oddline.limits import WINDOW_S, Kind, Standing

HEADERS = "limit_headers"  # in the request's state: the headers that every answer to it bears


@contextmanager
def guarded(request: Request, presented: str | None) -> Iterator[None]:
    """The block authenticates who presents this; what fails counts against the address that it came from.

    Raises:
        RateLimited: too many from there failed; the block is not run.
    """
    parts = parts_of(request)
    guesses = parts.limiter.guesses
    address = request.client.host if request.client else ""
    guesses.check(address, presented, now=parts.clock())
    try:
        yield
    except Unauthenticated:
        guesses.failed(address, presented, now=parts.clock())
        raise
    except Forbidden:
        _note_good(request, presented)
        raise
    _note_good(request, presented)


def limit(request: Request, kind: Kind, *, actor: str, project: UUID) -> None:
    """Count a request against the limits of its actor and its project.

    Raises:
        RateLimited: it is one too many.
        DatabaseUnavailable: the project's limits cannot be read.
    """
    parts = parts_of(request)
    standings = parts.limiter.take(kind, actor=actor, project=project, now=parts.clock())
    if not standings:
        return
    setattr(request.state, HEADERS, _headers(standings))
    exceeded = [standing for standing in standings if standing.is_exceeded]
    if exceeded:
        first = exceeded[0]
        raise RateLimited(
            f"more than {first.quota:,} requests came within {WINDOW_S} seconds ({first.policy})",
            retry_after=max(standing.resets_in_s for standing in exceeded),
            **{"violated-policies": [standing.policy for standing in exceeded]},
        )


def kind_of(scope: Scope | None, method: str) -> Kind:
    """By which limit a request goes that needs this scope, or none."""
    if scope is Scope.INGEST:
        return Kind.INGEST
    return Kind.READ if method in ("GET", "HEAD") else Kind.WRITE


def _headers(standings: Sequence[Standing]) -> dict[str, str]:
    """As in the IETF's draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "RateLimit-Policy": ", ".join(f'"{one.policy}";q={one.quota};w={WINDOW_S}' for one in standings),
        "RateLimit": ", ".join(f'"{one.policy}";r={one.remaining};t={one.resets_in_s}' for one in standings),
    }


def _note_good(request: Request, presented: str | None) -> None:
    if presented is not None:
        parts_of(request).limiter.guesses.succeeded(presented)
