"""Routers whose routes let nobody in unasked, each built once: a cold start pays for every route that is built."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from functions.http.authentication import gate

_GATE: Final[Any] = Depends(gate)


def new_router(*, tags: Iterable[str] = (), route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """A router whose routes pass `gate` first.

    The gate belongs to the router and not to the application, and routers are put side by side, none into another:
    FastAPI would build each route anew, with the application's dependencies or for the router around it.
    """
    return APIRouter(tags=list(tags), route_class=route_class, dependencies=[_GATE])


def side_by_side(*routers: APIRouter) -> APIRouter:
    """The routes of several routers as one; of two for a path the first is taken."""
    return APIRouter(routes=[route for router in routers for route in router.routes])


def serve(app: FastAPI, router: APIRouter) -> None:
    """Have `app` serve a router's routes.

    Raises:
        LookupError: a route does not pass the gate first.
    """
    for route in router.routes:
        if not isinstance(route, APIRoute) or route.dependencies[:1] != [_GATE]:
            raise LookupError(f"make the router of {getattr(route, 'path', route)} with functions.http.new_router")
        app.router.routes.append(route)
