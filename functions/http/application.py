"""Make a FastAPI application in the way that all functions share."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI

from functions.http.access import ACCESS, Table, hold_to
from functions.http.last_resort import LastResort
from functions.http.problems import answer_errors
from functions.http.routers import serve
from functions.http.traced import Traced
from functions.parts import Parts
from oddline.settings import load_settings
from oddline.tracing import open_tracer


def new_app(
    router: APIRouter,
    *,
    title: str,
    parts: Callable[[], Parts],
    takes_tokens: bool = True,
    access: Table = ACCESS,
) -> FastAPI:
    """An application with these routes, each for its own callers; every error is a problem document.

    It serves no documentation of itself: `functions.asgi` serves that of all functions together. A path with another
    slash at its end is another path: a redirected POST would lose its body with many clients.

    Args:
        router: made by `new_router`, or several of these side by side.
        takes_tokens: whether it takes sessions and tokens of people, or API keys alone.
        access: who may call each route.

    Raises:
        LookupError: the table does not name one of the routes, or one lets callers in unasked.
    """
    app = FastAPI(
        title=title,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.takes_tokens = takes_tokens
    answer_errors(app)
    app.add_middleware(LastResort)
    tracer = open_tracer(title, settings=load_settings())
    if tracer:
        app.add_middleware(Traced, tracer)
    serve(app, router)
    hold_to(app, access)
    return app
