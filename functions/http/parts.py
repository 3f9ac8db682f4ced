"""What the routes of an application stand on."""

from collections.abc import Callable

from fastapi import Request

from functions.parts import Parts


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request, or those that the request was given of its own."""
    own: Parts | None = getattr(request.state, "parts", None)
    if own is not None:
        return own
    opener: Callable[[], Parts] = request.app.state.parts
    return opener()
