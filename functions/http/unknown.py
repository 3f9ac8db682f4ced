"""Refuse query parameters that a route does not know: one that is misspelt would be ignored, and all would be told."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from oddline.errors import UnknownParameter

# Here shippers send, some with parameters of their own at the address: those must not cost anybody a line.
UNCHECKED: Final = {
    ("POST", "/api/v1/logs"),
    ("POST", "/api/v1/logs/batch"),
    ("POST", "/v1/logs"),
    ("POST", "/loki/api/v1/push"),
}
_BEGINNING: Final = "takes parameters that begin with"
_LONGEST_NAME: Final = 100  # characters of an unknown one that are told

Dependency = TypeVar("Dependency", bound=Callable[..., Any])


def takes_beginning(beginning: str) -> Callable[[Dependency], Dependency]:
    """A dependency that reads parameters by itself: all whose names begin so."""

    def marked(dependency: Dependency) -> Dependency:
        dependency.__dict__[_BEGINNING] = beginning
        return dependency

    return marked


def refuse_unknown(request: Request) -> None:
    """Look at the names of a request's query parameters.

    Raises:
        UnknownParameter: its route knows no such parameter; `known` holds those that it does.
    """
    given = request.query_params.keys()
    route: APIRoute = request.scope["route"]
    if not given or (request.method, route.path) in UNCHECKED:
        return
    names, beginnings = _known(route)
    unknown = [name for name in given if name not in names and not name.startswith(beginnings)]
    if unknown:
        known = sorted({*names, *(f"{beginning}…" for beginning in beginnings)})
        raise UnknownParameter(_told(unknown[0][:_LONGEST_NAME], known), field=unknown[0][:_LONGEST_NAME], known=known)


def _known(route: APIRoute) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names that a route knows, and what others may begin with."""
    dependants = list(_with_inner(route.dependant))
    names = frozenset(field.alias for dependant in dependants for field in dependant.query_params)
    marks = [getattr(dependant.call, _BEGINNING, None) for dependant in dependants]
    return names, tuple(mark for mark in marks if mark is not None)


def _with_inner(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _with_inner(inner)


def _told(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # which only a mistake has need of

    if not known:
        return f"there is no parameter `{name}` here, nor any other"
    alike = get_close_matches(name, known, n=1)
    meant = f"; is `{alike[0]}` meant?" if alike else ""
    return f"there is no parameter `{name}` here, but {', '.join(known)}{meant}"
