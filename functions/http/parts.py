"""What the routes of an application stand on."""

from collections.abc import Callable

from fastapi import Request

from functions.parts import Parts


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    opener: Callable[[], Parts] = request.app.state.parts
    return opener()
